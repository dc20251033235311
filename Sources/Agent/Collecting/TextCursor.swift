import Glibc

/// Walks lines of a file; keeps only an offset, so that a span can be passed along.
struct LineCursor {
    private(set) var offset = 0
    /// The number of the line given last, from 1.
    private(set) var number = 0

    /// The next line without its line feed; nil at the end. A last line without a line feed is not given: it may be half of one.
    mutating func next(in text: Span<UInt8>) -> Range<Int>? {
        var end = offset
        while end < text.count, text[end] != UInt8(ascii: "\n") { end += 1 }
        guard end < text.count else { return nil }
        defer { (offset, number) = (end + 1, number + 1) }
        return offset..<end
    }

    /// True when the text ended with a line feed, as every whole file of the kernel does.
    func isComplete(in text: Span<UInt8>) -> Bool { offset == text.count }
}

/// Walks the fields of one line, which blanks and tabs divide.
struct FieldCursor {
    private(set) var offset: Int
    let end: Int

    init(_ line: Range<Int>) { (offset, end) = (line.lowerBound, line.upperBound) }

    mutating func next(in text: Span<UInt8>) -> Range<Int>? {
        while offset < end, FieldCursor.isBlank(text[offset]) { offset += 1 }
        let start = offset
        while offset < end, !FieldCursor.isBlank(text[offset]) { offset += 1 }
        return start < offset ? start..<offset : nil
    }

    /// The next field as a whole number; nil when there is none, when it is no number, and when it does not fit.
    mutating func nextUInt64(in text: Span<UInt8>) -> UInt64? { next(in: text).flatMap { text.unsigned(in: $0) } }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}

extension Span<UInt8> {
    /// The range's digits as a number; nil for anything else and past 2⁶⁴.
    func unsigned(in range: Range<Int>) -> UInt64? {
        guard !range.isEmpty else { return nil }
        var value: UInt64 = 0
        for index in range {
            let digit = self[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            let (scaled, overflow) = value.multipliedReportingOverflow(by: 10)
            let (sum, carried) = scaled.addingReportingOverflow(UInt64(digit))
            if overflow || carried { return nil }
            value = sum
        }
        return value
    }

    /// A whole number with an optional sign, or `0x` and hexadecimal digits; nil for anything else and for what does not fit.
    func integer(in range: Range<Int>) -> Int64? {
        guard !range.isEmpty else { return nil }
        if self[range.lowerBound] == UInt8(ascii: "-") {
            guard let size = unsigned(in: range.lowerBound + 1..<range.upperBound), size <= UInt64(Int64.max) else { return nil }
            return -Int64(size)
        }
        if starts(with: "0x", at: range) { return hexadecimal(in: range.lowerBound + 2..<range.upperBound).flatMap { Int64(exactly: $0) } }
        return unsigned(in: range).flatMap { Int64(exactly: $0) }
    }

    /// Hexadecimal digits without a prefix; nil for anything else and past 2⁶⁴.
    func hexadecimal(in range: Range<Int>) -> UInt64? {
        guard !range.isEmpty, range.count <= 16 else { return nil }
        var value: UInt64 = 0
        for index in range {
            let byte = self[index]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            value = value << 4 | UInt64(digit)
        }
        return value
    }

    /// A decimal number with an optional sign and fraction, as `/proc/loadavg` writes it; nil for anything else.
    func decimal(in range: Range<Int>) -> Double? {
        var (index, sign) = (range.lowerBound, 1.0)
        if index < range.upperBound, self[index] == UInt8(ascii: "-") { (index, sign) = (index + 1, -1) }
        // Digits over a power of ten is the nearest Double as long as both are exact: 2⁵³ and 10²².
        var (digits, scale, seen): (UInt64, Double, Int) = (0, 1, 0)
        var isFraction = false
        while index < range.upperBound {
            if self[index] == UInt8(ascii: "."), !isFraction, seen > 0 {
                isFraction = true
            } else {
                let digit = self[index] &- UInt8(ascii: "0")
                guard digit < 10, seen < 19 else { return nil }
                (digits, seen) = (digits * 10 + UInt64(digit), seen + 1)
                if isFraction { scale *= 10 }
            }
            index += 1
        }
        return seen > 0 ? sign * Double(digits) / scale : nil
    }

    /// Whether the range holds exactly this word.
    func holds(_ word: StaticString, at range: Range<Int>) -> Bool {
        range.count == word.utf8CodeUnitCount && starts(with: word, at: range)
    }

    /// Whether the range begins with this word.
    func starts(with word: StaticString, at range: Range<Int>) -> Bool {
        guard range.count >= word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { buffer in
            for index in 0..<buffer.count where unsafe self[range.lowerBound + index] != buffer[index] { return false }
            return true
        }
    }

    func equals(_ bytes: [UInt8], at range: Range<Int>) -> Bool {
        // Headers of kilobytes are compared at each collection: not byte by byte.
        range.count == bytes.count && extracting(range).isSame(as: bytes.span)
    }

    /// Whether two ranges hold the same bytes.
    func equals(_ a: Range<Int>, _ b: Range<Int>) -> Bool {
        a.count == b.count && extracting(a).isSame(as: extracting(b))
    }

    /// - Precondition: both have the same length.
    /// - Precondition: both have the same length.
    private func isSame(as other: Span<UInt8>) -> Bool {
        if isEmpty { return true }
        return unsafe withUnsafeBytes { mine in
            unsafe other.withUnsafeBytes { unsafe memcmp(mine.baseAddress.unsafelyUnwrapped, $0.baseAddress.unsafelyUnwrapped, mine.count) == 0 }
        }
    }

    /// The range as text; broken UTF-8 is repaired.
    func text(_ range: Range<Int>) -> String { String(decoding: range.map { self[$0] }, as: UTF8.self) }

    /// The whole text without blanks and line feeds at its ends.
    func trimmed() -> Range<Int> {
        var (start, end) = (0, count)
        while start < end, self[start] <= UInt8(ascii: " ") { start += 1 }
        while end > start, self[end - 1] <= UInt8(ascii: " ") { end -= 1 }
        return start..<end
    }
}
