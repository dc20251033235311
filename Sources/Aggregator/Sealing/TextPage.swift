import Blocks

// A page of texts: up to 4096 rows of one column. Payload = compressible bytes (zstd'd by the frame) and packed bytes (as they are).
//
//   layout 0 plain      rows × varint (0 = absent, else length + 1), then all texts
//          1 templates  varint n of templates, n × (varint length, bytes; a byte 0 stands for a run of digits), one code a row (0 = absent, else template + 1; 1 byte when
//                       n < 255, else 2, low byte first, all low bytes before all high bytes), then for each template and each of its runs: the numbers (NumberColumn), and how they
//                       are written: 0 without leading zeros, 1 and a width: with that many digits, 2 and a width a number
//
// A log's texts are some templates with numbers in them: without their digits they are few, and the numbers, freed from the text, take the bits they are
// worth. Texts come out exactly as they went in. At most 64 numbers are taken out of a text. Where there are too many templates, more than 64 MiB of text, or a text
// holds a byte 0, the page is plain.

/// What a frame is made of.
struct Payload {
    /// Is compressed.
    var compressible: [UInt8] = []
    /// Has no order that a compressor would find.
    var packed: [UInt8] = []
}

enum TextPage {
    static let rowsMax = 4096
    /// Digits in one run that a number can hold; a longer run is two.
    static let digitsMax = 18
    /// Numbers that are taken out of one text; the digits behind them stay in its template.
    static let numbersMax = 64
    /// Bytes of text beyond which a page is plain: so a reader knows what a page of templates can come to.
    static let templatedBytesMax = 64 << 20
    static let placeholder: UInt8 = 0

    // MARK: Writing

    /// What the words of a page's texts are found by.
    enum Content: Sendable { case message, data }

    /// - Parameters:
    ///   - texts: bytes that the ranges lie in.
    ///   - ranges: one a row; nil where it has no text.
    ///   - words: takes the words of all texts.
    static func encode(_ texts: [UInt8], _ ranges: [Range<Int>?], _ content: Content, words: inout HashSet) -> Payload {
        // Beyond it each template costs more than its numbers gain.
        var encoder = TemplateEncoder(content, templatesMax: max(16, ranges.count / 12))
        if texts.count <= templatedBytesMax, let payload = encoder.encode(texts, ranges, words: &words) { return payload }
        for case let range? in ranges { words.insert(texts.span.extracting(range), content) }
        return plain(texts, ranges)
    }

    private static func plain(_ texts: [UInt8], _ ranges: [Range<Int>?]) -> Payload {
        var payload = Payload()
        payload.compressible.append(0)
        for range in ranges { payload.compressible.appendVarint(range.map { UInt64($0.count) + 1 } ?? 0) }
        for case let range? in ranges { payload.compressible.append(texts.span.extracting(range)) }
        return payload
    }

    static func digits(of value: UInt64) -> UInt8 {
        var (bound, count): (UInt64, UInt8) = (10, 1)
        while value >= bound, count < 19 {
            bound = bound &* 10
            count += 1
        }
        return count
    }

    // MARK: Reading

    /// Texts of a page, by row.
    struct Texts {
        var bytes: [UInt8] = []
        var ranges: [Range<Int>?] = []
    }

    /// - Parameter wanted: only these rows (of the page, ascending) are made; nil: all. Rows that are not wanted have no range.
    static func decode(_ payload: Payload, rows: Int, wanted: [Int]? = nil) throws(BlockError) -> Texts {
        var cursor = ByteCursor(payload.compressible.indices)
        switch try cursor.byte(in: payload.compressible.span) {
        case 0: return try decodePlain(payload, rows, &cursor)
        case 1: return try decodeTemplates(payload, rows, wanted, &cursor)
        case let other: throw .malformed("a page of texts in layout \(other)")
        }
    }

    private static func decodePlain(_ payload: Payload, _ rows: Int, _ cursor: inout ByteCursor) throws(BlockError) -> Texts {
        var lengths = [UInt64]()
        lengths.reserveCapacity(rows)
        for _ in 0..<rows { lengths.append(try cursor.varint(in: payload.compressible.span)) }
        var texts = Texts(bytes: payload.compressible)
        texts.ranges.reserveCapacity(rows)
        for length in lengths {
            if length == 0 {
                texts.ranges.append(nil)
            } else {
                guard length - 1 <= UInt64(cursor.remaining) else { throw .malformed("a text is longer than its page") }
                texts.ranges.append(try cursor.take(Int(length - 1)))
            }
        }
        return texts
    }

    private static func decodeTemplates(_ payload: Payload, _ rows: Int, _ wanted: [Int]?, _ cursor: inout ByteCursor) throws(BlockError) -> Texts {
        let bytes = payload.compressible.span
        let count = try cursor.count(in: bytes)
        var templates = [Range<Int>]()
        for _ in 0..<count { templates.append(try cursor.text(in: bytes)) }
        let low = try cursor.take(rows)
        let high = count >= 255 ? try cursor.take(rows) : nil
        var codes = [Int]()
        codes.reserveCapacity(rows)
        var uses = [Int](repeating: 0, count: count)
        for row in 0..<rows {
            let code = Int(bytes[low.lowerBound + row]) | (high.map { Int(bytes[$0.lowerBound + row]) << 8 } ?? 0)
            guard code <= count else { throw .malformed("template \(code) of \(count)") }
            codes.append(code)
            if code > 0 { uses[code - 1] += 1 }
        }
        var packedCursor = ByteCursor(payload.packed.indices)
        var pieces = [Pieces]()
        pieces.reserveCapacity(count)
        for (template, range) in templates.enumerated() {
            var runs = [NumberRun]()
            for index in range where bytes[index] == placeholder {
                guard runs.count < numbersMax else { throw .malformed("a template of more than \(numbersMax) numbers") }
                runs.append(try NumberRun(uses[template], &cursor, in: bytes, &packedCursor, in: payload.packed.span))
            }
            pieces.append(Pieces(template: range, runs: runs))
        }
        // A text is its template with more than one byte for some of the numbers.
        let room = codes.reduce(0) { $1 == 0 ? $0 : $0 + pieces[$1 - 1].longest }
        guard room <= templatedBytesMax + TextPage.rowsMax * numbersMax * 20 else { throw .malformed("a page of \(room) bytes of text") }
        return make(wanted, codes, room, pieces, bytes)
    }

    private struct Pieces {
        let template: Range<Int>
        let runs: [NumberRun]

        var longest: Int { runs.reduce(template.count) { $0 + $1.longest } }
    }

    private struct NumberRun {
        let values: [UInt64]
        /// Nil: without leading zeros.
        let widths: [UInt8]?
        let width: UInt8
        /// Digits that one of them takes at most.
        let longest: Int

        init(
            _ count: Int,
            _ cursor: inout ByteCursor,
            in compressible: Span<UInt8>,
            _ packedCursor: inout ByteCursor,
            in packed: Span<UInt8>
        ) throws(BlockError) {
            values = try NumberColumn.decode(count, &cursor, in: compressible, &packedCursor, in: packed)
            switch try cursor.byte(in: compressible) {
            case 0: (width, widths) = (0, nil)
            case 1: (width, widths) = (try cursor.byte(in: compressible), nil)
            case 2:
                var each = [UInt8]()
                for index in try cursor.take(count) { each.append(compressible[index]) }
                (width, widths) = (0, each)
            case let other: throw .malformed("digits written in way \(other)")
            }
            let natural = values.max().map { TextPage.digits(of: $0) } ?? 0
            longest = Int(max(natural, min(widths?.max() ?? width, UInt8(digitsMax))))
        }

        /// Writes number `index` as it was written; at most ``longest`` bytes. Gives how many.
        func write(_ index: Int, to text: UnsafeMutablePointer<UInt8>) -> Int {
            var value = values[index]
            let count = Int(max(TextPage.digits(of: value), min(widths?[index] ?? width, UInt8(digitsMax))))
            var place = count
            while place > 0 {
                place -= 1
                unsafe text[place] = 0x30 + UInt8(truncatingIfNeeded: value % 10)
                value /= 10
            }
            return count
        }
    }

    /// - Parameters:
    ///   - codes: a row's template, plus one; 0: no text.
    ///   - room: bytes that all texts take at most.
    private static func make(_ wanted: [Int]?, _ codes: [Int], _ room: Int, _ pieces: [Pieces], _ bytes: Span<UInt8>) -> Texts {
        var next = [Int](repeating: 0, count: pieces.count)
        var ranges = [Range<Int>?](repeating: nil, count: codes.count)
        let made = unsafe [UInt8](unsafeUninitializedCapacity: room) { text, end in
            var nextWanted = 0
            for row in codes.indices where codes[row] > 0 {
                let template = codes[row] - 1
                let index = next[template]
                next[template] += 1
                if let wanted {
                    while nextWanted < wanted.count, wanted[nextWanted] < row { nextWanted += 1 }
                    guard nextWanted < wanted.count, wanted[nextWanted] == row else { continue }
                }
                let start = end
                var run = 0
                unsafe bytes.withUnsafeBufferPointer { bytes in
                    for place in pieces[template].template {
                        let byte = unsafe bytes[place]
                        if byte == placeholder {
                            end += unsafe pieces[template].runs[run].write(index, to: text.baseAddress! + end)
                            run += 1
                        } else {
                            unsafe text[end] = byte
                            end += 1
                        }
                    }
                }
                ranges[row] = start..<end
            }
        }
        return Texts(bytes: made, ranges: ranges)
    }
}
