import Blocks

// A page of texts: up to 4096 rows of one column. Payload = compressible bytes (zstd'd by the frame) and packed bytes (as they are).
//
//   layout 0 plain      rows × varint (0 = absent, else length + 1), then all texts
//          1 templates  varint n of templates, n × (varint length, bytes; a byte 0 stands for a run of digits), one code a row (0 = absent, else template + 1; 1 byte when
//                       n < 255, else 2, low byte first, all low bytes before all high bytes), then for each template and each of its runs: the numbers (NumberColumn), and how they
//                       are written: 0 without leading zeros, 1 and a width: with that many digits, 2 and a width a number
//
// A log's texts are some templates with numbers in them: without their digits they are few, and the numbers, freed from the text, take the bits they are
// worth. Texts come out exactly as they went in. Where there are too many templates, or a text holds a byte 0, the page is plain.

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
    private static let digitsMax = 18
    private static let placeholder: UInt8 = 0

    // MARK: Writing

    /// - Parameters:
    ///   - texts: bytes that the ranges lie in.
    ///   - ranges: one a row; nil where it has no text.
    static func encode(_ texts: [UInt8], _ ranges: ArraySlice<Range<Int>?>) -> Payload {
        templates(texts, ranges) ?? plain(texts, ranges)
    }

    private static func plain(_ texts: [UInt8], _ ranges: ArraySlice<Range<Int>?>) -> Payload {
        var payload = Payload()
        payload.compressible.append(0)
        for range in ranges { payload.compressible.appendVarint(range.map { UInt64($0.count) + 1 } ?? 0) }
        for case let range? in ranges { payload.compressible.append(texts.span.extracting(range)) }
        return payload
    }

    /// Nil where plain text is the better form.
    private static func templates(_ texts: [UInt8], _ ranges: ArraySlice<Range<Int>?>) -> Payload? {
        // Beyond it each template costs more than its numbers gain.
        let templatesMax = max(16, ranges.count / 12)
        var table = TemplateTable()
        var codes = [UInt16]()
        codes.reserveCapacity(ranges.count)
        for range in ranges {
            guard let range else {
                codes.append(0)
                continue
            }
            guard let code = table.add(texts, range), table.count <= templatesMax else { return nil }
            codes.append(UInt16(code + 1))
        }
        var payload = Payload()
        payload.compressible.append(1)
        payload.compressible.appendVarint(UInt64(table.count))
        for template in table.templates {
            payload.compressible.appendVarint(UInt64(template.count))
            payload.compressible += template
        }
        for code in codes { payload.compressible.append(UInt8(truncatingIfNeeded: code)) }
        if table.count >= 255 { for code in codes { payload.compressible.append(UInt8(code >> 8)) } }
        for run in table.runs {
            NumberColumn.encode(run.values, compressible: &payload.compressible, packed: &payload.packed)
            encode(widths: run, &payload.compressible)
        }
        return payload
    }

    private static func encode(widths run: TemplateTable.Run, _ bytes: inout [UInt8]) {
        if run.isNatural {
            bytes.append(0)
        } else if let width = run.widths.first, run.widths.allSatisfy({ $0 == width }) {
            bytes += [1, width]
        } else {
            bytes.append(2)
            bytes += run.widths
        }
    }

    /// The templates of a page and the numbers taken out of its texts.
    private struct TemplateTable {
        /// All numbers that stood in one place of one template, in the order of the rows.
        struct Run {
            var values: [UInt64] = []
            /// Digits of each.
            var widths: [UInt8] = []
            var isNatural = true
        }

        private(set) var templates: [[UInt8]] = []
        /// The runs of template 0, then those of template 1 …, set in order when they are asked for.
        private var runsOf: [[Run]] = []
        private var hashes: [UInt64] = []
        private var slots = [UInt16](repeating: 0, count: 1024)
        private var scratch: [UInt8] = []
        private var numbers: [(value: UInt64, width: UInt8)] = []

        var count: Int { templates.count }
        var runs: [Run] { runsOf.flatMap { $0 } }

        /// The template's number; nil when the text cannot be taken apart or the table is full.
        mutating func add(_ texts: [UInt8], _ range: Range<Int>) -> Int? {
            guard split(texts, range) else { return nil }
            let hash = WordHash.hash(scratch.span)
            var slot = Int(truncatingIfNeeded: hash) & (slots.count - 1)
            while slots[slot] != 0 {
                let known = Int(slots[slot]) - 1
                if hashes[known] == hash, templates[known] == scratch {
                    take(known)
                    return known
                }
                slot = (slot + 1) & (slots.count - 1)
            }
            guard templates.count < slots.count / 2 else { return nil }
            templates.append(scratch)
            hashes.append(hash)
            runsOf.append(Array(repeating: Run(), count: numbers.count))
            slots[slot] = UInt16(templates.count)
            take(templates.count - 1)
            return templates.count - 1
        }

        private mutating func take(_ template: Int) {
            for (index, number) in numbers.enumerated() {
                runsOf[template][index].values.append(number.value)
                runsOf[template][index].widths.append(number.width)
                if number.width != TextPage.digits(of: number.value) { runsOf[template][index].isNatural = false }
            }
        }

        /// Puts the text without its digits into `scratch` and the numbers into `numbers`. False: a byte 0 stands in it.
        private mutating func split(_ texts: [UInt8], _ range: Range<Int>) -> Bool {
            scratch.removeAll(keepingCapacity: true)
            numbers.removeAll(keepingCapacity: true)
            return unsafe texts.withUnsafeBufferPointer { texts in
                var index = range.lowerBound
                while index < range.upperBound {
                    var byte = unsafe texts[index]
                    guard byte &- 0x30 < 10 else {
                        if byte == TextPage.placeholder { return false }
                        scratch.append(byte)
                        index += 1
                        continue
                    }
                    var (value, width): (UInt64, UInt8) = (0, 0)
                    while byte &- 0x30 < 10, width < TextPage.digitsMax {
                        value = value &* 10 &+ UInt64(byte &- 0x30)
                        width += 1
                        index += 1
                        guard index < range.upperBound else { break }
                        byte = unsafe texts[index]
                    }
                    scratch.append(TextPage.placeholder)
                    numbers.append((value, width))
                }
                return true
            }
        }
    }

    fileprivate static func digits(of value: UInt64) -> UInt8 {
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
                runs.append(try NumberRun(uses[template], &cursor, in: bytes, &packedCursor, in: payload.packed.span))
            }
            pieces.append(Pieces(template: range, runs: runs))
        }
        return make(rows, wanted, codes, pieces, bytes)
    }

    private struct Pieces {
        let template: Range<Int>
        let runs: [NumberRun]
        var next = 0
    }

    private struct NumberRun {
        let values: [UInt64]
        /// Nil: without leading zeros.
        let widths: [UInt8]?
        let width: UInt8

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
        }

        /// Appends number `index` as it was written.
        func append(_ index: Int, to text: inout [UInt8]) {
            var value = values[index]
            let least = Int(min(widths?[index] ?? width, UInt8(digitsMax)))
            let start = text.count
            repeat {
                text.append(0x30 + UInt8(value % 10))
                value /= 10
            } while value > 0 || text.count - start < least
            text[start...].reverse()
        }
    }

    private static func make(_ rows: Int, _ wanted: [Int]?, _ codes: [Int], _ pieces: [Pieces], _ bytes: Span<UInt8>) -> Texts {
        var pieces = pieces
        var texts = Texts()
        texts.bytes.reserveCapacity((wanted?.count ?? rows) * 80)
        texts.ranges = Array(repeating: nil, count: rows)
        var nextWanted = 0
        for row in 0..<rows where codes[row] > 0 {
            let template = codes[row] - 1
            let index = pieces[template].next
            pieces[template].next += 1
            if let wanted {
                while nextWanted < wanted.count, wanted[nextWanted] < row { nextWanted += 1 }
                guard nextWanted < wanted.count, wanted[nextWanted] == row else { continue }
            }
            let start = texts.bytes.count
            var run = 0
            for place in pieces[template].template {
                let byte = bytes[place]
                if byte == placeholder {
                    pieces[template].runs[run].append(index, to: &texts.bytes)
                    run += 1
                } else {
                    texts.bytes.append(byte)
                }
            }
            texts.ranges[row] = start..<texts.bytes.count
        }
        return texts
    }
}
