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
        let all = column.allCodes()
        for row in rows {
            let code = Int(all[row])
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
        var counts = [Int](repeating: 0, count: map.count)
        let all = column.allCodes()
        for row in rows {
            let code = all.isEmpty ? 0 : Int(all[row])
            if map[code] < 0 { map[code] = self.code(of: column.lists.isEmpty ? [] : column.lists[code]) }
            counts[code] += 1
            codes.append(UInt16(truncatingIfNeeded: map[code]))
        }
        for (code, count) in counts.enumerated() where count > 0 { lists[map[code]].count += count }
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
        guard !column.isEmpty else { return 0 }
        var (index, total) = (0, 0)
        while index < rows.count {
            guard let range = column.range(at: rows[index]) else {
                index += 1
                continue
            }
            fill(to: first + index, words: &words)
            // Rows that follow each other have texts that do, and one copy is enough for them.
            let (start, shift) = (range.lowerBound, bytes.count - range.lowerBound)
            var end = start
            repeat {
                guard let next = column.range(at: rows[index]) else { break }
                ranges.append(next.lowerBound + shift..<next.upperBound + shift)
                end = next.upperBound
                index += 1
            } while index < rows.count && rows[index] == rows[index - 1] + 1 && ranges.count < TextPage.rowsMax
            bytes.append(block.span.extracting(start..<end))
            total += end - start
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
