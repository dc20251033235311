import Blocks
import Telemetry

/// From an arrival's codes to the sealed block's; a text gets its code when a row has it.
struct CodeMap {
    let values: [String]
    var codes: [Int]

    init(_ values: [String]) { (self.values, codes) = (values, [Int](repeating: -1, count: values.count)) }
}

/// Codes of texts, a row each.
struct CodeColumn {
    var texts = CountedTexts()
    private(set) var codes: [UInt16] = []

    mutating func append(_ code: UInt32, _ map: inout CodeMap) {
        var mapped = map.codes[Int(code)]
        if mapped < 0 {
            mapped = texts.code(of: map.values[Int(code)])
            map.codes[Int(code)] = mapped
        }
        texts.count(mapped)
        // A block of at most 64 k rows has no more texts.
        codes.append(UInt16(truncatingIfNeeded: mapped))
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

    mutating func append(_ column: TagColumn, _ row: Int, _ map: inout [Int]) {
        let mapped: Int
        if column.lists.isEmpty {
            mapped = code(of: [])
        } else {
            let code = Int(column.code(at: row))
            if map[code] < 0 { map[code] = self.code(of: column.lists[code]) }
            mapped = map[code]
        }
        lists[mapped].count += 1
        codes.append(UInt16(truncatingIfNeeded: mapped))
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
    private var codes: [[UInt8]: Int] = [:]
    private var texts: [[UInt8]] = []
    private(set) var codeBytes: [UInt8] = []
    private(set) var isEmpty = true

    mutating func append(_ column: OptionalStringColumn, _ row: Int, _ map: inout [Int], _ words: inout HashSet) {
        let code = Int(column.code(at: row))
        guard code > 0 else { return codeBytes.append(0) }
        isEmpty = false
        var mapped = map[code - 1]
        if mapped < 0 {
            let text = Array(column.values[code - 1].utf8)
            if let known = codes[text] {
                mapped = known
            } else {
                mapped = texts.count
                codes[text] = mapped
                texts.append(text)
                words.insert(Words.hash(ofCorrelationID: text.span))
                map[code - 1] = mapped
                return codeBytes.append(1)
            }
            map[code - 1] = mapped
        }
        codeBytes.appendVarint(UInt64(texts.count - 1 - mapped) + 2)
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
    private static func packed(_ text: [UInt8]) -> [UInt8]? {
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
    private(set) var pages: [(Int, Payload)] = []
    private var bytes: [UInt8] = []
    private var ranges: [Range<Int>?] = []
    private var page = 0

    mutating func append(_ text: Span<UInt8>, row: Int) {
        fill(to: row)
        let start = bytes.count
        bytes.append(text)
        ranges.append(start..<bytes.count)
    }

    /// Rows before `row` that had no text have none.
    private mutating func fill(to row: Int) {
        while page * TextPage.rowsMax + ranges.count < row {
            if ranges.count == TextPage.rowsMax { flush() } else { ranges.append(nil) }
        }
        if ranges.count == TextPage.rowsMax { flush() }
    }

    private mutating func flush() {
        if ranges.contains(where: { $0 != nil }) { pages.append((page, TextPage.encode(bytes, ranges[...]))) }
        page += 1
        bytes.removeAll(keepingCapacity: true)
        ranges.removeAll(keepingCapacity: true)
    }

    mutating func finish(rows: Int) {
        fill(to: rows)
        if !ranges.isEmpty { flush() }
    }
}
