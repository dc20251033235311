/// A growing dictionary of texts for an encoder: each different text gets the next number. Texts lie in one buffer, so that no String is made.
struct StringTable {
    private var arena: [UInt8] = []
    /// Where entry n ends in `arena`.
    private var ends: [Int] = []
    /// Open addressing: entry number + 1, 0 = free; the count is a power of two.
    private var slots: [UInt32] = Array(repeating: 0, count: 16)
    private var last: UInt32 = 0

    var count: Int { ends.count }

    /// The number of this text, a new one if it is not there yet.
    mutating func code(of text: Span<UInt8>) -> UInt32 {
        // Neighbouring rows mostly have the same source, type and host.
        if Int(last) < ends.count, equals(Int(last), text) { return last }
        var slot = hash(text) & (slots.count - 1)
        while slots[slot] != 0 {
            let entry = Int(slots[slot]) - 1
            if equals(entry, text) {
                last = UInt32(entry)
                return last
            }
            slot = (slot + 1) & (slots.count - 1)
        }
        last = UInt32(ends.count)
        arena.append(text)
        ends.append(arena.count)
        slots[slot] = last + 1
        if ends.count * 2 > slots.count { grow() }
        return last
    }

    /// `dictionary` of the format.
    func encode(into bytes: inout [UInt8]) {
        bytes.appendVarint(UInt64(ends.count))
        for entry in ends.indices {
            let range = range(of: entry)
            bytes.appendVarint(UInt64(range.count))
            bytes.append(arena.span.extracting(range))
        }
    }

    private func range(of entry: Int) -> Range<Int> { (entry == 0 ? 0 : ends[entry - 1])..<ends[entry] }

    private func equals(_ entry: Int, _ text: Span<UInt8>) -> Bool {
        let range = range(of: entry)
        guard range.count == text.count else { return false }
        for index in 0..<text.count where arena[range.lowerBound + index] != text[index] { return false }
        return true
    }

    /// Seeded by the process: texts chosen by an enemy do not collide.
    private func hash(_ text: Span<UInt8>) -> Int {
        var hasher = Hasher()
        unsafe text.withUnsafeBytes { unsafe hasher.combine(bytes: $0) }
        return hasher.finalize() & Int.max
    }

    private mutating func grow() {
        slots = Array(repeating: 0, count: slots.count * 2)
        for entry in ends.indices {
            var slot = hash(arena.span.extracting(range(of: entry))) & (slots.count - 1)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(entry) + 1
        }
    }
}

/// Codes of a column, before it is known how wide they must be.
struct CodeList {
    private(set) var codes: [UInt32] = []

    mutating func append(_ code: UInt32) { codes.append(code) }

    /// `codes(c)` of the format.
    func encode(distinct: Int, into bytes: inout [UInt8]) {
        switch BlockFormat.codeWidth(of: distinct) {
        case 0: break
        case 1: bytes.append(contentsOf: codes.lazy.map { UInt8($0) })
        case 2: for code in codes { bytes.appendLittleEndian(UInt16(code)) }
        default: for code in codes { bytes.appendLittleEndian(code) }
        }
    }
}
