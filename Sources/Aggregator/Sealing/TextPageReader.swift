import Blocks

/// A page of texts, read but not yet made: what its templates cannot hold is never made. See TextPage.
package struct TextPageReader: Sendable {
    /// Texts of some rows.
    package struct Texts: Sendable {
        package var bytes: [UInt8] = []
        /// By row of the page: in ``bytes``; nil: it has no text, or was not asked for.
        package var ranges: [Range<Int>?] = []
    }

    private enum Layout: Sendable { case plain, templates(TextTemplates) }

    private let payload: Payload
    private let rows: Int
    private let layout: Layout
    /// What lies behind the templates, or behind the layout.
    private let rest: ByteCursor

    /// - Parameter payload: nil: the page was left out because no row has a text.
    init(_ payload: Payload?, rows: Int) throws(BlockError) {
        let stored = payload ?? Payload()
        var cursor = ByteCursor(stored.compressible.indices)
        var layout = Layout.templates(TextTemplates())
        if payload != nil {
            switch try cursor.byte(in: stored.compressible.span) {
            case 0: layout = .plain
            case 1: layout = .templates(try TextTemplates(stored.compressible, rows: rows, &cursor))
            case let other: throw .malformed("a page of texts in layout \(other)")
            }
        }
        (self.payload, self.rows, self.layout, rest) = (stored, rows, layout, cursor)
    }

    /// Nil: the texts lie there as they are.
    package var templates: TextTemplates? {
        guard case .templates(let templates) = layout else { return nil }
        return templates
    }

    /// - Parameter wanted: only these rows (of the page, ascending, each below its count) are made; nil: all. Rows that are not wanted may have no range.
    package func texts(_ wanted: [Int]? = nil) throws(SealedError) -> Texts {
        do throws(BlockError) {
            switch layout {
            case .plain: return try plain()
            case .templates(let templates): return try made(of: templates, wanted)
            }
        } catch {
            throw .damaged(error.description)
        }
    }

    private func plain() throws(BlockError) -> Texts {
        var cursor = rest
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

    private func made(of templates: TextTemplates, _ wanted: [Int]?) throws(BlockError) -> Texts {
        var cursor = rest
        let bytes = payload.compressible.span
        let count = templates.ranges.count
        var codes = [Int]()
        codes.reserveCapacity(rows)
        var uses = [Int](repeating: 0, count: count)
        for row in 0..<rows {
            let code = templates.code(of: row)
            guard code <= count else { throw .malformed("template \(code) of \(count)") }
            codes.append(code)
            if code > 0 { uses[code - 1] += 1 }
        }
        // A few rows need the numbers of their own templates only.
        var isNeeded = [Bool](repeating: wanted == nil, count: count)
        for row in wanted ?? [] where codes[row] > 0 { isNeeded[codes[row] - 1] = true }
        var packedCursor = ByteCursor(payload.packed.indices)
        var pieces = [Pieces]()
        pieces.reserveCapacity(count)
        for (template, range) in templates.ranges.enumerated() {
            var (runs, numbers) = ([NumberRun](), 0)
            for index in range where bytes[index] == TextTemplates.number {
                guard numbers < TextPage.numbersMax else { throw .malformed("a template of more than \(TextPage.numbersMax) numbers") }
                numbers += 1
                if isNeeded[template] {
                    runs.append(try NumberRun(uses[template], &cursor, in: bytes, &packedCursor, in: payload.packed.span))
                } else {
                    try NumberRun.skip(uses[template], &cursor, in: bytes, &packedCursor)
                }
            }
            pieces.append(Pieces(template: range, runs: runs))
        }
        // A text is its template with more than one byte for some of the numbers.
        var room = 0
        for row in wanted ?? Array(0..<rows) where codes[row] > 0 { room += pieces[codes[row] - 1].longest }
        guard room <= TextPage.templatedBytesMax + TextPage.rowsMax * TextPage.numbersMax * 20 else {
            throw .malformed("a page of \(room) bytes of text")
        }
        return TextPageReader.make(wanted, codes, room, pieces, bytes)
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
            longest = Int(max(natural, min(widths?.max() ?? width, UInt8(TextPage.digitsMax))))
        }

        static func skip(
            _ count: Int,
            _ cursor: inout ByteCursor,
            in compressible: Span<UInt8>,
            _ packedCursor: inout ByteCursor
        ) throws(BlockError) {
            try NumberColumn.skip(count, &cursor, in: compressible, &packedCursor)
            switch try cursor.byte(in: compressible) {
            case 0: break
            case 1: _ = try cursor.byte(in: compressible)
            case 2: _ = try cursor.take(count)
            case let other: throw .malformed("digits written in way \(other)")
            }
        }

        /// Writes number `index` as it was written; at most ``longest`` bytes. Gives how many.
        func write(_ index: Int, to text: UnsafeMutablePointer<UInt8>) -> Int {
            var value = values[index]
            let count = Int(max(TextPage.digits(of: value), min(widths?[index] ?? width, UInt8(TextPage.digitsMax))))
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
                        if byte == TextTemplates.number {
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
