import Blocks

/// Correlation ids: many, each shared by a few rows that mostly follow each other.
struct CorrelationColumn {
    /// Chosen by the process: whoever makes up ids does not know where they will lie.
    private static let seed = UInt64.random(in: 0...(.max)) | 1

    /// Open addressing by hash: place + 1, 0 = free.
    private var slots = [UInt32](repeating: 0, count: 1 << 10)
    private var hashes: [UInt64] = []
    /// All texts, one behind the other, and where each ends.
    private var bytes: [UInt8] = []
    private var ends: [Int] = []
    private var codeBytes: [UInt8] = []
    private var rows = 0
    /// By page of rows: where its codes begin in ``codeBytes``, and how many ids stand in rows before it.
    private var pageStarts: [(offset: Int, ids: Int)] = []
    private(set) var isEmpty = true

    /// How many ids there are.
    var count: Int { ends.count }
    /// By page of rows, how many ids stand in rows before it.
    var idsBeforePages: [Int] { pageStarts.map(\.ids) }

    mutating func append(_ column: OptionalStringColumn, _ rows: [Int], _ words: inout HashSet) {
        var map = [Int](repeating: -1, count: column.values.count)
        let codes = column.allCodes()
        for row in rows {
            if self.rows.isMultiple(of: SealedEventFormat.rowsPerPage) { pageStarts.append((codeBytes.count, ends.count)) }
            self.rows += 1
            let code = codes.isEmpty ? 0 : Int(codes[row])
            guard code > 0 else {
                codeBytes.append(0)
                continue
            }
            isEmpty = false
            if map[code - 1] < 0 {
                let (place, isNew) = place(of: column.values[code - 1], &words)
                map[code - 1] = place
                if isNew {
                    codeBytes.append(1)
                    continue
                }
            }
            codeBytes.appendVarint(UInt64(ends.count - 1 - map[code - 1]) + 2)
        }
    }

    private mutating func place(of text: String, _ words: inout HashSet) -> (Int, isNew: Bool) {
        let text = text.utf8Span.span
        let hash = Words.hash(ofCorrelationID: text)
        var slot = slot(of: hash)
        while slots[slot] != 0 {
            let place = Int(slots[slot]) - 1
            if hashes[place] == hash, isText(place, text) { return (place, false) }
            slot = (slot + 1) & (slots.count - 1)
        }
        hashes.append(hash)
        bytes.append(text)
        ends.append(bytes.count)
        slots[slot] = UInt32(ends.count)
        words.insert(hash)
        if 2 * ends.count > slots.count { grow() }
        return (ends.count - 1, true)
    }

    private func slot(of hash: UInt64) -> Int { Int(truncatingIfNeeded: (hash &* Self.seed) >> 32) & (slots.count - 1) }

    private mutating func grow() {
        slots = [UInt32](repeating: 0, count: 4 * slots.count)
        for (place, hash) in hashes.enumerated() {
            var slot = slot(of: hash)
            while slots[slot] != 0 { slot = (slot + 1) & (slots.count - 1) }
            slots[slot] = UInt32(place + 1)
        }
    }

    private func range(_ place: Int) -> Range<Int> { (place == 0 ? 0 : ends[place - 1])..<ends[place] }

    private func isText(_ place: Int, _ text: Span<UInt8>) -> Bool {
        let range = range(place)
        guard range.count == text.count else { return false }
        for index in text.indices where bytes[range.lowerBound + index] != text[index] { return false }
        return true
    }

    /// A varint for each row of the page.
    func codes(ofPage page: Int) -> [UInt8] {
        Array(codeBytes[pageStarts[page].offset..<(page + 1 < pageStarts.count ? pageStarts[page + 1].offset : codeBytes.count)])
    }

    func encodeTexts(_ places: Range<Int>) -> Payload {
        var payload = Payload()
        payload.compressible.appendVarint(UInt64(places.count))
        var packed = [UInt8]()
        packed.reserveCapacity(places.count * 16)
        let isPacked = places.allSatisfy { Self.pack(bytes.span.extracting(range($0)), into: &packed) }
        payload.compressible.append(isPacked ? 1 : 0)
        for place in places {
            let range = range(place)
            payload.compressible.appendVarint(UInt64(isPacked ? range.count / 2 : range.count))
            if !isPacked { payload.compressible += bytes[range] }
        }
        if isPacked { payload.packed = packed }
        return payload
    }

    /// Two hexadecimal digits a byte; nil for anything but an even number of small ones.
    static func packed(_ text: [UInt8]) -> [UInt8]? {
        var bytes = [UInt8]()
        return pack(text.span, into: &bytes) ? bytes : nil
    }

    /// False for anything but an even number of small digits; some of it may have been packed then.
    private static func pack(_ text: Span<UInt8>, into bytes: inout [UInt8]) -> Bool {
        guard text.count.isMultiple(of: 2), !text.isEmpty else { return false }
        for index in stride(from: 0, to: text.count, by: 2) {
            guard let high = digit(text[index]), let low = digit(text[index + 1]) else { return false }
            bytes.append(high << 4 | low)
        }
        return true
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        if byte &- 0x30 < 10 { return byte - 0x30 }
        return byte &- 0x61 < 6 ? byte - 0x61 + 10 : nil
    }
}
