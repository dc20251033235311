package import Blocks
package import Telemetry

/// Numbers for series, by the two parts of their names: about 24 bytes a series, and each group and each rest once. A million series of a thousand
/// hosts take some 30 MB; as ``Labels`` they would take 500.
package struct SeriesIndex: Sendable {
    private(set) var groups = KeyTable()
    private(set) var rests = KeyTable()
    private var numbers: [UInt64: UInt32] = [:]
    /// By series: group in the upper half, rest in the lower.
    private(set) var pairs: [UInt64] = []

    package init() {}

    package var count: Int { pairs.count }
    package var bytesInMemory: Int { groups.bytesInMemory + rests.bytesInMemory + pairs.capacity * 32 }

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
        if let known = numbers[pair] { return known }
        let number = UInt32(pairs.count)
        numbers[pair] = number
        pairs.append(pair)
        return number
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
                func text(_ range: Range<Int>) -> String { String(decoding: block.bytes[range], as: UTF8.self) }
                SeriesKey.make(Labels(pairs.map { Label(text($0.name), text($0.value)) }), group: &group, rest: &rest)
            }
            if found.isEmpty || group != lastGroup { (lastGroup, lastNumber) = (group, groups.number(of: group.span)) }
            found.append(number(lastNumber, rests.number(of: rest.span)))
        }
        return found
    }
}
