/// `numbered` of the format, growing.
struct NumberedTexts: ~Copyable, Sendable {
    /// More different templates than this, and they are no templates.
    static let templatesMax = 64
    static let prefixBytesMax = 1024
    static let suffixBytesMax = 16
    /// A number of more digits may not fit into 64 bits.
    private static let digitsMax = 18
    /// A reader makes at most so many bytes of one column.
    static let textBytesMax = 16 << 20

    /// A template's length of what stands before the number, and all its text.
    private var templates = StringTable()
    private var prefixLengths: [Int] = []
    /// By template: the number that is expected next.
    private var expected: [UInt64] = []
    private var last = 0
    /// Template + 1; 0: the row has none.
    private var codes = ColumnBuffer<UInt8>()
    private var numbers = ColumnBuffer<UInt64>()
    private var differences = ColumnBuffer<UInt8>()
    private(set) var textBytes = 0

    var count: Int { codes.count }
    var hasAny: Bool { templates.count > 0 }

    mutating func appendNone() {
        codes.append(0)
        numbers.append(0)
    }

    /// False: it is of another kind, and nothing has changed.
    mutating func append(_ text: UnsafeBufferPointer<UInt8>, stride: Int) -> Bool {
        guard let (digits, number) = unsafe Self.number(in: text), textBytes + text.count <= Self.textBytesMax,
            let template = unsafe template(of: text, digits)
        else { return false }
        codes.append(UInt8(template + 1))
        numbers.append(number)
        differences.appendZigzag(Int64(bitPattern: number &- expected[template]))
        expected[template] = number &+ UInt64(stride) &+ 1
        textBytes += text.count
        return true
    }

    /// The last number of a text, if it is written as it would be written again.
    private static func number(in text: UnsafeBufferPointer<UInt8>) -> (digits: Range<Int>, number: UInt64)? {
        func isDigit(_ index: Int) -> Bool { unsafe text[index] &- 0x30 < 10 }
        var end = text.count
        while end > 0, !isDigit(end - 1) { end -= 1 }
        guard end > 0, text.count - end <= suffixBytesMax else { return nil }
        var (start, number, unit): (Int, UInt64, UInt64) = (end, 0, 1)
        while start > 0, isDigit(start - 1) {
            guard end - start < digitsMax else { return nil }
            start -= 1
            unsafe number += unit &* UInt64(text[start] &- 0x30)
            unit &*= 10
        }
        guard start <= prefixBytesMax, unsafe end - start == 1 || text[start] != 0x30 else { return nil }
        return (start..<end, number)
    }

    /// Nil: there are too many.
    private mutating func template(of text: UnsafeBufferPointer<UInt8>, _ digits: Range<Int>) -> Int? {
        if unsafe last < templates.count && isTemplate(last, of: text, digits) { return last }
        var whole = ColumnBuffer<UInt8>()
        unsafe whole.append(UnsafeBufferPointer(rebasing: text[..<digits.lowerBound]))
        // Which part stands before the number belongs to it.
        whole.append(0)
        unsafe whole.append(UnsafeBufferPointer(rebasing: text[digits.upperBound...]))
        let known = templates.count
        let code = unsafe whole.withElements { unsafe Int(templates.code(of: $0)) }
        if templates.count > known {
            guard known < Self.templatesMax else { return nil }
            prefixLengths.append(digits.lowerBound)
            expected.append(0)
        }
        guard prefixLengths[code] == digits.lowerBound else { return nil }
        last = code
        return code
    }

    private func isTemplate(_ template: Int, of text: UnsafeBufferPointer<UInt8>, _ digits: Range<Int>) -> Bool {
        let (before, after) = (digits.lowerBound, text.count - digits.upperBound)
        guard prefixLengths[template] == before else { return false }
        return unsafe templates.withText(template) { known in
            unsafe known.count == before + 1 + after
                && TextHash.equal(UnsafeBufferPointer(rebasing: known[..<before]), UnsafeBufferPointer(rebasing: text[..<before]))
                && TextHash.equal(UnsafeBufferPointer(rebasing: known[(before + 1)...]), UnsafeBufferPointer(rebasing: text[digits.upperBound...]))
        }
    }

    /// The row's text; false: it has none.
    func write(_ row: Int, into bytes: inout ColumnBuffer<UInt8>) -> Bool {
        let code = Int(codes[row])
        guard code > 0 else { return false }
        let before = prefixLengths[code - 1]
        unsafe templates.withText(code - 1) { text in
            unsafe bytes.append(UnsafeBufferPointer(rebasing: text[..<before]))
            bytes.appendDecimal(numbers[row])
            unsafe bytes.append(UnsafeBufferPointer(rebasing: text[(before + 1)...]))
        }
        return true
    }

    func encode(into bytes: inout ColumnBuffer<UInt8>) {
        bytes.appendVarint(UInt64(templates.count))
        for template in 0..<templates.count {
            bytes.appendVarint(UInt64(prefixLengths[template]))
            unsafe templates.withText(template) { text in
                bytes.appendVarint(UInt64(text.count - 1))
                unsafe bytes.append(UnsafeBufferPointer(rebasing: text[..<prefixLengths[template]]))
                unsafe bytes.append(UnsafeBufferPointer(rebasing: text[(prefixLengths[template] + 1)...]))
            }
        }
        bytes.append(codes)
        bytes.append(differences)
    }
}

extension ColumnBuffer where Element == UInt8 {
    mutating func appendDecimal(_ number: UInt64) {
        var (rest, unit): (UInt64, UInt64) = (number, 1)
        while unit <= rest / 10 { unit *= 10 }
        while unit > 0 {
            append(0x30 + UInt8(truncatingIfNeeded: rest / unit))
            rest %= unit
            unit /= 10
        }
    }
}
