/// A column of a dictionary and codes: a filter looks its text up once and then compares numbers.
package struct StringColumn: Sendable {
    /// The different texts; what a code stands for.
    package let values: [String]
    let codes: Codes

    /// By code: whether its text is wanted. A filter calls this once a block and then compares numbers.
    package func flags(where isWanted: (String) -> Bool) -> [Bool] { values.map(isWanted) }

    package func code(at row: Int) -> UInt32 { codes[row] }

    /// By row; for whoever goes through all of them.
    package func allCodes() -> [UInt32] { codes.all() }

    package subscript(row: Int) -> String { values[Int(codes[row])] }

    /// How many rows have each of `values`.
    package func counts() -> [Int] {
        var counts = Array(repeating: 0, count: values.count)
        for row in 0..<codes.count { counts[Int(codes[row])] += 1 }
        return counts
    }

    init(_ cursor: ByteCursor, rows: Int, in bytes: [UInt8]) throws(BlockError) {
        var cursor = cursor
        values = try cursor.dictionary(in: bytes)
        codes = try Codes(&cursor, rows: rows, distinct: values.count, in: bytes)
    }
}

/// The same where a row may have no text: code 0 is none, entry n has code n + 1.
package struct OptionalStringColumn: Sendable {
    /// Entry 0 belongs to code 1.
    package let values: [String]
    /// Nil: no row has one.
    let codes: Codes?

    /// By code: whether its text is wanted; false for none.
    package func flags(where isWanted: (String) -> Bool) -> [Bool] { [false] + values.map(isWanted) }

    package func code(at row: Int) -> UInt32 { codes?[row] ?? 0 }

    /// By row; empty when no row has a text.
    package func allCodes() -> [UInt32] { codes?.all() ?? [] }

    package subscript(row: Int) -> String? {
        let code = code(at: row)
        return code == 0 ? nil : values[Int(code) - 1]
    }

    init(_ range: Range<Int>?, rows: Int, in bytes: [UInt8]) throws(BlockError) {
        guard let range else {
            (values, codes) = ([], nil)
            return
        }
        var cursor = ByteCursor(range)
        values = try cursor.dictionary(in: bytes)
        codes = try Codes(&cursor, rows: rows, distinct: values.count + 1, in: bytes)
    }
}

/// A column of lists of tags; equal lists are stored once.
package struct TagColumn: Sendable {
    package let lists: [[String]]
    let codes: Codes?

    package subscript(row: Int) -> [String] {
        guard let codes else { return [] }
        return lists[Int(codes[row])]
    }

    /// By code: whether the list is wanted. Ask ``code(at:)`` only where `lists` is not empty.
    package func flags(where isWanted: ([String]) -> Bool) -> [Bool] { lists.map(isWanted) }

    /// Which list the row has; always 0 when no row has tags and `lists` is empty.
    package func code(at row: Int) -> UInt32 { codes?[row] ?? 0 }

    /// By row; empty when no row has tags.
    package func allCodes() -> [UInt32] { codes?.all() ?? [] }

    init(_ range: Range<Int>?, rows: Int, in bytes: [UInt8]) throws(BlockError) {
        guard let range else {
            (lists, codes) = ([], nil)
            return
        }
        var cursor = ByteCursor(range)
        let tags = try cursor.dictionary(in: bytes)
        let count = try cursor.count(in: bytes.span)
        var lists = [[String]]()
        lists.reserveCapacity(count)
        for _ in 0..<count {
            var entry = ByteCursor(try cursor.text(in: bytes.span))
            var list = [String]()
            while !entry.isAtEnd {
                let code = try entry.varint(in: bytes.span)
                guard code < UInt64(tags.count) else { throw .malformed("tag \(code) of \(tags.count)") }
                list.append(tags[Int(code)])
            }
            lists.append(list)
        }
        self.lists = lists
        codes = try Codes(&cursor, rows: rows, distinct: lists.count, in: bytes)
    }
}

/// A column of texts, each of its own. Rows give ranges of the block's bytes, so that a search makes no String.
package struct TextColumn: Sendable {
    /// Nil: no row has one.
    let offsets: [UInt32]?
    /// By row; tells an empty text from none.
    let absent: [Bool]

    package var isEmpty: Bool { offsets == nil }

    /// Where the row's text lies in the block's bytes; nil when it has none.
    package func range(at row: Int) -> Range<Int>? {
        guard let offsets, !absent[row] else { return nil }
        return Int(offsets[row])..<Int(offsets[row + 1])
    }

    init(_ range: Range<Int>?, rows: Int, in bytes: [UInt8]) throws(BlockError) {
        guard let range else {
            (offsets, absent) = (nil, [])
            return
        }
        let span = bytes.span
        var cursor = ByteCursor(range)
        var lengths = ByteCursor(try cursor.text(in: span))
        let texts = try cursor.take(cursor.remaining)
        guard UTF8.isValid(span.extracting(texts)) else { throw .malformed("a text column is not UTF-8") }
        var offsets = [UInt32]()
        offsets.reserveCapacity(rows + 1)
        var absent = [Bool]()
        absent.reserveCapacity(rows)
        var end = texts.lowerBound
        offsets.append(UInt32(end))
        for _ in 0..<rows {
            let length = try lengths.varint(in: span)
            if length > 1 {
                guard length - 1 <= UInt64(texts.upperBound - end) else { throw .malformed("a text is longer than its column") }
                // The whole is UTF-8; a piece is too if it does not begin in the middle of a character.
                guard span[end] & 0xC0 != 0x80 else { throw .malformed("a text begins inside a character") }
                end += Int(length) - 1
            }
            absent.append(length == 0)
            offsets.append(UInt32(end))
        }
        guard lengths.isAtEnd, end == texts.upperBound else { throw .malformed("bytes after the last text") }
        self.offsets = offsets
        self.absent = absent
    }
}

/// Fixed-width codes that lie in the block's bytes, each below `distinct`.
struct Codes: Sendable {
    let count: Int
    private let bytes: [UInt8]
    private let start: Int
    private let width: Int

    init(_ cursor: inout ByteCursor, rows: Int, distinct: Int, in bytes: [UInt8]) throws(BlockError) {
        guard rows == 0 || distinct > 0 else { throw .malformed("rows without a dictionary") }
        let width = BlockFormat.codeWidth(of: distinct)
        let range = try cursor.take(width * rows)
        guard cursor.isAtEnd else { throw .malformed("bytes after the last code of a column") }
        (count, self.bytes, start, self.width) = (rows, bytes, range.lowerBound, width)
        if width > 0, let greatest = all().max(), greatest >= distinct { throw .malformed("code \(greatest) of \(distinct)") }
    }

    /// By row.
    func all() -> [UInt32] {
        unsafe [UInt32](unsafeUninitializedCapacity: count) { all, filled in
            filled = count
            unsafe bytes.withUnsafeBytes { bytes in
                guard count > 0, let first = bytes.baseAddress else { return }
                // Of a width that the compiler knows, many at once.
                let codes = unsafe first + start
                for row in 0..<count {
                    unsafe all[row] =
                        switch width {
                        case 0: 0
                        case 1: unsafe UInt32(codes.load(fromByteOffset: row, as: UInt8.self))
                        case 2: unsafe UInt32(UInt16(littleEndian: codes.loadUnaligned(fromByteOffset: 2 * row, as: UInt16.self)))
                        default: unsafe UInt32(littleEndian: codes.loadUnaligned(fromByteOffset: 4 * row, as: UInt32.self))
                        }
                }
            }
        }
    }

    subscript(row: Int) -> UInt32 {
        precondition(row >= 0 && row < count, "row \(row) of \(count)")
        switch width {
        case 0: return 0
        case 1: return UInt32(bytes[start + row])
        case 2:
            let offset = start + 2 * row
            return UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8
        default:
            let offset = start + 4 * row
            return UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8 | UInt32(bytes[offset + 2]) << 16 | UInt32(bytes[offset + 3]) << 24
        }
    }
}

extension ByteCursor {
    /// `dictionary` of the format.
    mutating func dictionary(in bytes: [UInt8]) throws(BlockError) -> [String] {
        let count = try count(in: bytes.span)
        var values = [String]()
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try string(in: bytes)) }
        return values
    }
}
