package import Blocks
package import Telemetry

/// Numbers for series, by the two parts of their names: about 20 bytes a series, and each group and each rest once. A million series of a thousand
/// hosts take some 20 MB; as ``Labels`` they would take 500.
package struct SeriesIndex: Sendable {
    private(set) var groups = KeyTable()
    private(set) var rests = KeyTable()
    /// By series: group in the upper half, rest in the lower.
    private(set) var pairs: [UInt64] = []
    /// Open addressing: number + 1, 0 = free; the count is a power of two.
    private var slots: [UInt32] = Array(repeating: 0, count: 64)

    package init() {}

    package var count: Int { pairs.count }
    package var bytesInMemory: Int { groups.bytesInMemory + rests.bytesInMemory + pairs.capacity * 8 + slots.capacity * 4 }

    package func labels(of series: Int) -> Labels {
        let pair = pairs[series]
        return labels(group: UInt32(pair >> 32), rest: UInt32(truncatingIfNeeded: pair))
    }

    package func labels(group: UInt32, rest: UInt32) -> Labels {
        SeriesKey.labels(group: groups.key(Int(group)), rest: rests.key(Int(rest)))
    }

    package mutating func number(of labels: Labels) -> UInt32 {
        var (group, rest) = ([UInt8](), [UInt8]())
        SeriesKey.make(labels, group: &group, rest: &rest)
        return number(groups.number(of: group.span), rests.number(of: rest.span))
    }

    package mutating func number(_ group: UInt32, _ rest: UInt32) -> UInt32 {
        let pair = UInt64(group) << 32 | UInt64(rest)
        var slot = place(pair)
        while slots[slot] != 0 {
            if pairs[Int(slots[slot]) - 1] == pair { return slots[slot] - 1 }
            slot = (slot + 1) & (slots.count - 1)
        }
        pairs.append(pair)
        slots[slot] = UInt32(pairs.count)
        if pairs.count * 2 > slots.count { grow() }
        return UInt32(pairs.count - 1)
    }

    /// The number of a series of another index.
    package mutating func number(of series: UInt32, in other: SeriesIndex) -> UInt32 {
        let (group, rest) = other.parts(of: series)
        return number(groupNumber(of: other.groups.key(Int(group))), restNumber(of: other.rests.key(Int(rest))))
    }

    /// The numbers of the two parts of a series' name.
    package func parts(of series: UInt32) -> (group: UInt32, rest: UInt32) {
        let pair = pairs[Int(series)]
        return (UInt32(pair >> 32), UInt32(truncatingIfNeeded: pair))
    }

    package func groupLabels(_ group: UInt32) -> Labels { SeriesKey.labels(group: groups.key(Int(group)), rest: [SeriesKey.labelMark]) }
    package func restLabels(_ rest: UInt32) -> Labels { SeriesKey.labels(group: [], rest: rests.key(Int(rest))) }

    /// What the rests of a metric begin with.
    package static func nameKey(_ name: String) -> [UInt8] { Array(name.utf8) + [SeriesKey.labelMark] }

    package func rest(_ rest: UInt32, beginsWith key: [UInt8]) -> Bool {
        let range = rests.range(Int(rest))
        return range.count >= key.count && rests.arena[range].starts(with: key)
    }

    private func place(_ pair: UInt64) -> Int {
        // The parts' numbers are given here and not by a sender: no enemy chooses them.
        Int(truncatingIfNeeded: (pair &* 0x9E37_79B9_7F4A_7C15) >> 20) & (slots.count - 1)
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        for (number, pair) in pairs.enumerated() {
            var slot = place(pair)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(number) + 1
        }
    }

    mutating func groupNumber(of key: [UInt8]) -> UInt32 { groups.number(of: key.span) }
    mutating func restNumber(of key: [UInt8]) -> UInt32 { rests.number(of: key.span) }

    /// The numbers of a wire block's series, by its codes.
    package mutating func numbers(of block: SampleColumns) throws(BlockError) -> [UInt32] {
        var (group, rest, found) = ([UInt8](), [UInt8](), [UInt32]())
        found.reserveCapacity(block.seriesCount)
        // The group is nearly always that of the series before.
        var (lastGroup, lastNumber): ([UInt8], UInt32) = ([], 0)
        try block.visitSeries { _, pairs in
            if !SeriesKey.make(pairs, in: block.bytes.span, group: &group, rest: &rest) {
                SeriesKey.make(SampleColumns.labels(pairs, in: block.bytes), group: &group, rest: &rest)
            }
            if found.isEmpty || group != lastGroup { (lastGroup, lastNumber) = (group, groups.number(of: group.span)) }
            found.append(number(lastNumber, rests.number(of: rest.span)))
        }
        return found
    }
}
