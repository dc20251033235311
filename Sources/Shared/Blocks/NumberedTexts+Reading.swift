extension TextColumn {
    /// `numbered` of the format: the texts are written behind the block's bytes, and the column gives ranges of them there.
    /// - Parameter messages: the same rows'; a number is expected behind the one before by its row's message.
    init(numbered range: Range<Int>, messages: TextColumn, rows: Int, in bytes: inout [UInt8]) throws(BlockError) {
        var cursor = ByteCursor(range)
        let templates = try Self.templates(&cursor, in: bytes.span)
        let codes = try cursor.take(rows)
        var expected = [UInt64](repeating: 0, count: templates.count)
        var texts = ColumnBuffer<UInt8>()
        var (offsets, absent) = ([UInt32](), [Bool]())
        offsets.reserveCapacity(rows + 1)
        absent.reserveCapacity(rows)
        // What stands in the offsets is checked once, for the end.
        let end = bytes.count
        for row in 0..<rows {
            offsets.append(UInt32(truncatingIfNeeded: end + texts.count))
            let code = Int(bytes[codes.lowerBound + row])
            absent.append(code == 0)
            if code == 0 { continue }
            guard code <= templates.count else { throw .malformed("template \(code) of \(templates.count)") }
            let number = expected[code - 1] &+ UInt64(bitPattern: try cursor.zigzag(in: bytes.span))
            expected[code - 1] = number &+ UInt64(messages.range(at: row)?.count ?? 0) &+ 1
            let template = templates[code - 1]
            unsafe bytes.withUnsafeBufferPointer { bytes in
                unsafe texts.append(UnsafeBufferPointer(rebasing: bytes[template.before]))
                texts.appendDecimal(number)
                unsafe texts.append(UnsafeBufferPointer(rebasing: bytes[template.after]))
            }
            guard texts.count <= NumberedTexts.textBytesMax else {
                throw .malformed("numbered texts of more than \(NumberedTexts.textBytesMax) bytes")
            }
        }
        guard cursor.isAtEnd else { throw .malformed("bytes after the last number") }
        guard end + texts.count <= Int(UInt32.max) else { throw .malformed("a block of more than 4 GiB") }
        offsets.append(UInt32(end + texts.count))
        bytes.reserveCapacity(end + texts.count)
        unsafe texts.withElements { unsafe bytes.append(contentsOf: $0) }
        (self.offsets, self.absent) = (offsets, absent)
    }

    /// The ranges of what stands before a number and behind it.
    private typealias Template = (before: Range<Int>, after: Range<Int>)

    private static func templates(_ cursor: inout ByteCursor, in bytes: Span<UInt8>) throws(BlockError) -> [Template] {
        let count = try cursor.count(bytesEach: 2, in: bytes)
        guard count <= NumberedTexts.templatesMax else { throw .malformed("\(count) templates, at most \(NumberedTexts.templatesMax) may be") }
        var templates: [Template] = []
        for _ in 0..<count {
            let before = try cursor.varint(in: bytes)
            let text = try cursor.text(in: bytes)
            guard before <= NumberedTexts.prefixBytesMax, before <= text.count, text.count - Int(before) <= NumberedTexts.suffixBytesMax else {
                throw .malformed("a template of \(text.count) bytes, \(before) of them before its number")
            }
            let number = text.lowerBound + Int(before)
            // Each half for itself, so that the digits between them begin no character and end none.
            guard UTF8.isValid(bytes.extracting(text.lowerBound..<number)), UTF8.isValid(bytes.extracting(number..<text.upperBound)) else {
                throw .malformed("a template is not UTF-8")
            }
            templates.append((text.lowerBound..<number, number..<text.upperBound))
        }
        return templates
    }
}
