import Blocks
import Telemetry

// How a series is named at rest: in two parts, so that a thousand hosts with the same thousand metrics cost two thousand names and not a million.
//
//   group := labels that say which host: `host`, `instance`, `job`
//   rest  := the metric name (empty when there is none), 0xFF, then the other labels
//   label := name, 0xFE, value, 0xFF                in the order of names (as UTF-8)
//
// UTF-8 never holds 0xFE and 0xFF. Keys are put in order as bytes, so the series of one metric lie together.

package enum SeriesKey {
    /// Labels of the group; all others are of the rest.
    package static let groupNames: Set<String> = ["host", "instance", "job"]

    static let valueMark: UInt8 = 0xFE
    static let labelMark: UInt8 = 0xFF

    @inline(__always)
    static func isOfGroup(_ name: Span<UInt8>) -> Bool {
        switch name.count {
        case 3: name[0] == 0x6A && name[1] == 0x6F && name[2] == 0x62
        case 4: name[0] == 0x68 && name[1] == 0x6F && name[2] == 0x73 && name[3] == 0x74
        case 8: equals(name, "instance")
        default: false
        }
    }

    static func isMetricName(_ name: Span<UInt8>) -> Bool { name.count == 8 && equals(name, "__name__") }

    private static func equals(_ bytes: Span<UInt8>, _ text: StaticString) -> Bool {
        for index in 0..<text.utf8CodeUnitCount where unsafe text.utf8Start[index] != bytes[index] { return false }
        return true
    }

    /// The labels of both parts together.
    static func labels(group: [UInt8], rest: [UInt8]) -> Labels {
        var pairs = [Label]()
        var start = 0
        while start < rest.count, rest[start] != labelMark { start += 1 }
        if start > 0 { pairs.append(Label(Labels.metricName, text(rest[0..<start]))) }
        append(rest, from: start + 1, to: &pairs)
        append(group, from: 0, to: &pairs)
        pairs.sort { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        return Labels(pairs)
    }

    private static func append(_ key: [UInt8], from start: Int, to pairs: inout [Label]) {
        var (begin, middle) = (start, start)
        for index in start..<max(start, key.count) {
            switch key[index] {
            case valueMark: middle = index
            case labelMark:
                if middle >= begin, middle < index {
                    pairs.append(Label(text(key[begin..<middle]), text(key[middle + 1..<index])))
                }
                begin = index + 1
            default: break
            }
        }
    }

    private static func text(_ bytes: ArraySlice<UInt8>) -> String { String(decoding: bytes, as: UTF8.self) }

    /// The keys of labels.
    static func make(_ labels: Labels, group: inout [UInt8], rest: inout [UInt8]) {
        group.removeAll(keepingCapacity: true)
        rest.removeAll(keepingCapacity: true)
        if let name = labels.name { rest.append(contentsOf: name.utf8) }
        rest.append(labelMark)
        for pair in labels.pairs where pair.name != Labels.metricName {
            if groupNames.contains(pair.name) { add(pair, to: &group) } else { add(pair, to: &rest) }
        }
    }

    private static func add(_ pair: Label, to key: inout [UInt8]) {
        key.append(contentsOf: pair.name.utf8)
        key.append(valueMark)
        key.append(contentsOf: pair.value.utf8)
        key.append(labelMark)
    }

    /// The keys of a series as it lies in a wire block. False when its labels are out of order, twice there or empty: then ``Labels`` must mend them.
    static func make(
        _ pairs: [(name: Range<Int>, value: Range<Int>)],
        in bytes: Span<UInt8>,
        group: inout [UInt8],
        rest: inout [UInt8]
    ) -> Bool {
        group.removeAll(keepingCapacity: true)
        rest.removeAll(keepingCapacity: true)
        for pair in pairs where isMetricName(bytes.extracting(pair.name)) { rest.append(bytes.extracting(pair.value)) }
        rest.append(labelMark)
        var previous: Range<Int>?
        for pair in pairs {
            let name = bytes.extracting(pair.name)
            if let previous, !precedes(bytes.extracting(previous), name) { return false }
            if pair.value.isEmpty { return false }
            previous = pair.name
            if isMetricName(name) { continue }
            if isOfGroup(name) { add(name, bytes.extracting(pair.value), to: &group) } else { add(name, bytes.extracting(pair.value), to: &rest) }
        }
        return true
    }

    @inline(__always)
    private static func add(_ name: Span<UInt8>, _ value: Span<UInt8>, to key: inout [UInt8]) {
        key.append(name)
        key.append(valueMark)
        key.append(value)
        key.append(labelMark)
    }

    static func precedes(_ a: Span<UInt8>, _ b: Span<UInt8>) -> Bool {
        for index in 0..<min(a.count, b.count) where a[index] != b[index] { return a[index] < b[index] }
        return a.count < b.count
    }
}

/// Different keys, each with a number: those of groups, or of rests. Lies in one buffer.
struct KeyTable: Sendable {
    private(set) var arena: [UInt8] = []
    private var ends: [UInt32] = []
    /// Open addressing: number + 1, 0 = free; the count is a power of two.
    private var slots: [UInt32] = Array(repeating: 0, count: 16)

    var count: Int { ends.count }
    var bytesInMemory: Int { arena.capacity + 4 * (ends.capacity + slots.capacity) }

    @inline(__always)
    func range(_ number: Int) -> Range<Int> { (number == 0 ? 0 : Int(ends[number - 1]))..<Int(ends[number]) }

    func key(_ number: Int) -> [UInt8] { Array(arena[range(number)]) }

    /// The number of this key, a new one when it is not there yet.
    mutating func number(of key: Span<UInt8>) -> UInt32 {
        var slot = hash(key) & (slots.count - 1)
        while slots[slot] != 0 {
            let number = Int(slots[slot]) - 1
            if equals(number, key) { return UInt32(number) }
            slot = (slot + 1) & (slots.count - 1)
        }
        append(key)
        slots[slot] = UInt32(ends.count)
        if ends.count * 2 > slots.count { grow() }
        return UInt32(ends.count - 1)
    }

    /// A key that is known not to be there; it cannot be found by ``number(of:)`` afterwards.
    mutating func append(_ key: Span<UInt8>) {
        precondition(arena.count + key.count <= Int(UInt32.max), "names of series of 4 GiB")
        arena.append(key)
        ends.append(UInt32(arena.count))
    }

    func equals(_ number: Int, _ key: Span<UInt8>) -> Bool {
        let range = range(number)
        guard range.count == key.count else { return false }
        let (mine, from) = (arena.span, range.lowerBound)
        for index in 0..<key.count where mine[from + index] != key[index] { return false }
        return true
    }

    /// Numbers in the order of their keys.
    func sorted() -> [UInt32] {
        let bytes = arena.span
        let order = (0..<UInt32(count)).map { $0 }
        return order.sorted { SeriesKey.precedes(bytes.extracting(range(Int($0))), bytes.extracting(range(Int($1)))) }
    }

    /// Seeded by the process: keys chosen by an enemy do not collide.
    private func hash(_ key: Span<UInt8>) -> Int {
        var hasher = Hasher()
        unsafe key.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return hasher.finalize() & Int.max
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        for number in ends.indices {
            var slot = hash(arena.span.extracting(range(number))) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(number) + 1
        }
    }

    // MARK: At rest: varint n, n × (varint bytes shared with the key before, varint more, the bytes)

    /// The keys of these numbers, which are in order.
    func encode(_ order: [UInt32], into bytes: inout [UInt8]) {
        bytes.appendVarint(UInt64(order.count))
        var previous = 0..<0
        let all = arena.span
        for number in order {
            let key = range(Int(number))
            var shared = 0
            while shared < min(previous.count, key.count), all[previous.lowerBound + shared] == all[key.lowerBound + shared] { shared += 1 }
            bytes.appendVarint(UInt64(shared))
            bytes.appendVarint(UInt64(key.count - shared))
            bytes.append(all.extracting(key.lowerBound + shared..<key.upperBound))
            previous = key
        }
    }

    /// Keys in order; they are not to be found by ``number(of:)``.
    init(decoding bytes: [UInt8], at cursor: inout ByteCursor) throws(BlockError) {
        slots = []
        let count = try cursor.count(bytesEach: 2, in: bytes.span)
        ends.reserveCapacity(count)
        var previous = 0..<0
        for _ in 0..<count {
            let shared = try cursor.varint(in: bytes.span)
            guard shared <= UInt64(previous.count) else { throw .malformed("a key shares \(shared) bytes of \(previous.count)") }
            let more = try cursor.text(in: bytes.span)
            guard arena.count + Int(shared) + more.count <= 1 << 30 else { throw .malformed("names of series of 1 GiB") }
            let start = arena.count
            arena.append(contentsOf: arena[previous.lowerBound..<previous.lowerBound + Int(shared)])
            arena.append(bytes.span.extracting(more))
            ends.append(UInt32(arena.count))
            previous = start..<arena.count
        }
    }

    init() {}
}
