import Blocks
import Telemetry

/// Codes of texts, a row each.
struct CodeColumn {
    var texts = CountedTexts()
    private(set) var codes: [UInt16] = []

    /// A text gets its code when a row has it.
    mutating func append(_ column: StringColumn, _ rows: [Int]) {
        var map = [Int](repeating: -1, count: column.values.count)
        var counts = [Int](repeating: 0, count: column.values.count)
        for row in rows {
            let code = Int(column.code(at: row))
            if map[code] < 0 { map[code] = texts.code(of: column.values[code]) }
            counts[code] += 1
            // A block of at most 64 k rows has no more texts.
            codes.append(UInt16(truncatingIfNeeded: map[code]))
        }
        for (code, count) in counts.enumerated() where count > 0 { texts.count(map[code], count) }
    }

    func encode(into bytes: inout [UInt8]) {
        bytes.appendVarint(UInt64(texts.texts.count))
        for (text, count) in zip(texts.texts, texts.counts) {
            bytes.appendVarint(UInt64(count))
            bytes.appendText(text)
        }
    }
}

/// Codes of lists of tags. An empty list is a list; a block without any tags has none.
struct TagCodes {
    private var numbers: [[String]: Int] = [:]
    private(set) var lists: [(tags: [String], count: Int)] = []
    private(set) var codes: [UInt16] = []

    mutating func append(_ column: TagColumn, _ rows: [Int]) {
        var map = [Int](repeating: -1, count: max(1, column.lists.count))
        for row in rows {
            let code = column.lists.isEmpty ? 0 : Int(column.code(at: row))
            if map[code] < 0 { map[code] = self.code(of: column.lists.isEmpty ? [] : column.lists[code]) }
            lists[map[code]].count += 1
            codes.append(UInt16(truncatingIfNeeded: map[code]))
        }
    }

    private mutating func code(of tags: [String]) -> Int {
        // Byte for byte: equal Strings may be different texts.
        if let known = numbers[tags], lists[known].tags.elementsEqual(tags, by: { $0.utf8.elementsEqual($1.utf8) }) { return known }
        numbers[tags] = lists.count
        lists.append((tags, 0))
        return lists.count - 1
    }

    func encode(into bytes: inout [UInt8]) {
        guard lists.contains(where: { !$0.tags.isEmpty }) else {
            bytes += [0, 0]
            return
        }
        var codes: [String: Int] = [:]
        var texts = [String]()
        for tag in lists.flatMap(\.tags) where codes[tag] == nil {
            codes[tag] = texts.count
            texts.append(tag)
        }
        bytes.appendVarint(UInt64(texts.count))
        for text in texts { bytes.appendText(text) }
        bytes.appendVarint(UInt64(lists.count))
        for list in lists {
            bytes.appendVarint(UInt64(list.count))
            bytes.appendVarint(UInt64(list.tags.count))
            for tag in list.tags { bytes.appendVarint(UInt64(codes[tag] ?? 0)) }
        }
    }
}

/// Correlation ids: many, each shared by a few rows that mostly follow each other.
struct CorrelationColumn {
    /// By hash; two ids of one hash are told apart by their texts, and the second of them is then kept again and again, which costs space only.
    private var codes: [UInt64: Int] = [:]
    private var texts: [[UInt8]] = []
    private(set) var codeBytes: [UInt8] = []
    private(set) var isEmpty = true

    mutating func append(_ column: OptionalStringColumn, _ rows: [Int], _ words: inout HashSet) {
        var map = [Int](repeating: -1, count: column.values.count)
        for row in rows {
            let code = Int(column.code(at: row))
            guard code > 0 else {
                codeBytes.append(0)
                continue
            }
            isEmpty = false
            if map[code - 1] < 0 {
                let text = Array(column.values[code - 1].utf8)
                let hash = Words.hash(ofCorrelationID: text.span)
                if let known = codes[hash], texts[known] == text {
                    map[code - 1] = known
                } else {
                    map[code - 1] = texts.count
                    codes[hash] = texts.count
                    texts.append(text)
                    words.insert(hash)
                    codeBytes.append(1)
                    continue
                }
            }
            codeBytes.appendVarint(UInt64(texts.count - 1 - map[code - 1]) + 2)
        }
    }

    func encodeTexts() -> Payload {
        var payload = Payload()
        payload.compressible.appendVarint(UInt64(texts.count))
        let packed = texts.map { CorrelationColumn.packed($0) }
        if packed.allSatisfy({ $0 != nil }) {
            payload.compressible.append(1)
            for case let bytes? in packed {
                payload.compressible.appendVarint(UInt64(bytes.count))
                payload.packed += bytes
            }
        } else {
            payload.compressible.append(0)
            for text in texts {
                payload.compressible.appendVarint(UInt64(text.count))
                payload.compressible += text
            }
        }
        return payload
    }

    /// Two hexadecimal digits a byte; nil for anything but an even number of small ones.
    static func packed(_ text: [UInt8]) -> [UInt8]? {
        guard text.count.isMultiple(of: 2), !text.isEmpty else { return nil }
        var bytes = [UInt8]()
        for index in stride(from: 0, to: text.count, by: 2) {
            guard let high = digit(text[index]), let low = digit(text[index + 1]) else { return nil }
            bytes.append(high << 4 | low)
        }
        return bytes
    }

    private static func digit(_ byte: UInt8) -> UInt8? {
        if byte &- 0x30 < 10 { return byte - 0x30 }
        return byte &- 0x61 < 6 ? byte - 0x61 + 10 : nil
    }
}

/// Texts in pages; a page is encoded as soon as it is full.
struct TextPages {
    private let content: TextPage.Content
    private(set) var pages: [(Int, Payload)] = []
    private var bytes: [UInt8] = []
    private var ranges: [Range<Int>?] = []
    private var page = 0

    init(_ content: TextPage.Content) { self.content = content }

    /// Gives the bytes of the texts.
    mutating func append(_ column: TextColumn, of block: [UInt8], _ rows: [Int], from first: Int, words: inout HashSet) -> Int {
        var total = 0
        for (index, row) in rows.enumerated() {
            guard let range = column.range(at: row) else { continue }
            fill(to: first + index, words: &words)
            let start = bytes.count
            bytes.append(contentsOf: block[range])
            ranges.append(start..<bytes.count)
            total += range.count
        }
        return total
    }

    /// Rows before `row` that had no text have none.
    private mutating func fill(to row: Int, words: inout HashSet) {
        while page * TextPage.rowsMax + ranges.count < row {
            if ranges.count == TextPage.rowsMax { flush(words: &words) } else { ranges.append(nil) }
        }
        if ranges.count == TextPage.rowsMax { flush(words: &words) }
    }

    private mutating func flush(words: inout HashSet) {
        if ranges.contains(where: { $0 != nil }) { pages.append((page, TextPage.encode(bytes, ranges, content, words: &words))) }
        page += 1
        bytes.removeAll(keepingCapacity: true)
        ranges.removeAll(keepingCapacity: true)
    }

    mutating func finish(rows: Int, words: inout HashSet) {
        fill(to: rows, words: &words)
        if !ranges.isEmpty { flush(words: &words) }
    }
}
