/// The data of a block's rows while it is encoded: texts; or, as long as they differ in little more than a number each (where a line stands in its
/// file), a few templates and how far each number is from the one that is expected. That costs a byte a row, which deflate takes away, where the text
/// costs forty of which it leaves four.
struct DataColumn: ~Copyable, Sendable {
    private var texts = TextList()
    private var numbered = NumberedTexts()
    private var isNumbered: Bool

    init(isNumbered: Bool) { self.isNumbered = isNumbered }

    /// Bytes of the texts.
    var textBytes: Int { isNumbered ? numbered.textBytes : texts.bytes.count }

    /// - Parameter stride: bytes of the row's message: the next number of these is expected so far behind it, and one more for the line's end.
    @inline(__always)
    mutating func append(_ text: UnsafeBufferPointer<UInt8>, stride: Int) {
        if isNumbered {
            if unsafe numbered.append(text, stride: stride) { return }
            writeOut()
        }
        unsafe texts.append(text)
    }

    mutating func append(_ text: String, stride: Int) {
        let span = text.utf8Span.span
        unsafe span.withUnsafeBufferPointer { unsafe append($0, stride: stride) }
    }

    mutating func appendNone() { if isNumbered { numbered.appendNone() } else { texts.appendNone() } }

    /// What was numbered becomes texts.
    private mutating func writeOut() {
        isNumbered = false
        var scratch = ColumnBuffer<UInt8>()
        for row in 0..<numbered.count {
            scratch.removeAll()
            if numbered.write(row, into: &scratch) { unsafe scratch.withElements { unsafe texts.append($0) } } else { texts.appendNone() }
        }
        numbered = NumberedTexts()
    }

    /// `texts` of the format; false: there is nothing to say in it.
    func encode(asTextsInto bytes: inout ColumnBuffer<UInt8>) -> Bool {
        if isNumbered || !texts.hasAny { return false }
        texts.encode(into: &bytes)
        return true
    }

    /// `numbered` of the format; false: there is nothing to say in it.
    func encode(asNumbersInto bytes: inout ColumnBuffer<UInt8>) -> Bool {
        if !isNumbered || !numbered.hasAny { return false }
        numbered.encode(into: &bytes)
        return true
    }
}
