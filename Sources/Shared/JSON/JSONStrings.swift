// How the content of a string is validated and read. RFC 8259 §7 and §8.1, UTF-8 as in RFC 3629.

/// Finds the closing quote of a string whose content begins at `start`, validating what stands before it.
func endOfString(in bytes: Span<UInt8>, from start: Int, to end: Int) throws(JSONError) -> (close: Int, hasEscapes: Bool) {
    var (index, hasEscapes) = (start, false)
    while true {
        index = endOfPlainRun(in: bytes, from: index, to: end)
        guard index < end else { throw JSONError(.truncated, at: end, in: bytes, "the text ends inside a string") }
        let byte = bytes[index]
        switch byte {
        case UInt8(ascii: "\""): return (index, hasEscapes)
        case UInt8(ascii: "\\"):
            hasEscapes = true
            index = try endOfEscape(in: bytes, at: index, to: end)
        case 0x80...:
            guard let length = utf8Length(in: bytes, at: index, to: end) else {
                throw JSONError(.encoding, at: index, in: bytes, "the bytes are not UTF-8; write the text in UTF-8")
            }
            index += length
        default:
            throw JSONError(.control, at: index, in: bytes, "a control character stands in a string; write it as an escape such as \\n or \\u0000")
        }
    }
}

/// The first byte from `start` that is a quote, a backslash, a control character or not ASCII: eight at a time.
private func endOfPlainRun(in bytes: Span<UInt8>, from start: Int, to end: Int) -> Int {
    let (ones, highs): (UInt64, UInt64) = (0x0101_0101_0101_0101, 0x8080_8080_8080_8080)
    var index = start
    let raw = unsafe bytes.bytes
    while index + 8 <= end {
        let word = UInt64(littleEndian: unsafe raw.unsafeLoadUnaligned(fromByteOffset: index, as: UInt64.self))
        let (quotes, backslashes) = (word ^ (ones &* 0x22), word ^ (ones &* 0x5C))
        // Each term marks the high bit of a byte; borrows can mark bytes above a true mark only, so the lowest mark is true.
        let marks =
            (quotes &- ones) & ~quotes | (backslashes &- ones) & ~backslashes | (word &- ones &* 0x20) & ~word | word
        let found = marks & highs
        if found != 0 { return index + found.trailingZeroBitCount >> 3 }
        index += 8
    }
    while index < end {
        let byte = bytes[index]
        if byte == 0x22 || byte == 0x5C || byte < 0x20 || byte >= 0x80 { break }
        index += 1
    }
    return index
}

private func endOfEscape(in bytes: Span<UInt8>, at backslash: Int, to end: Int) throws(JSONError) -> Int {
    guard backslash + 1 < end else { throw JSONError(.truncated, at: end, in: bytes, "the text ends inside an escape sequence") }
    switch bytes[backslash + 1] {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"),
        UInt8(ascii: "t"):
        return backslash + 2
    case UInt8(ascii: "u"):
        let unit = try hexUnit(in: bytes, at: backslash, to: end)
        switch unit {
        case 0xD800..<0xDC00:
            let second = backslash + 6
            guard second + 1 < end, bytes[second] == UInt8(ascii: "\\"), bytes[second + 1] == UInt8(ascii: "u"),
                case 0xDC00..<0xE000 = try hexUnit(in: bytes, at: second, to: end)
            else { throw JSONError(.escape, at: backslash, in: bytes, "the first half of a surrogate pair stands without its second half") }
            return backslash + 12
        case 0xDC00..<0xE000:
            throw JSONError(.escape, at: backslash, in: bytes, "the second half of a surrogate pair stands without its first half")
        default: return backslash + 6
        }
    default:
        throw JSONError(.escape, at: backslash, in: bytes, "this escape sequence does not exist in JSON; a backslash itself is written \\\\")
    }
}

private func hexUnit(in bytes: Span<UInt8>, at backslash: Int, to end: Int) throws(JSONError) -> UInt32 {
    var unit: UInt32 = 0
    for index in backslash + 2..<backslash + 6 {
        guard index < end else { throw JSONError(.truncated, at: end, in: bytes, "the text ends inside an escape sequence") }
        guard let digit = hexDigitValue(bytes[index]) else {
            throw JSONError(.escape, at: backslash, in: bytes, "\\u must be followed by four hexadecimal digits")
        }
        unit = unit << 4 | digit
    }
    return unit
}

private func hexDigitValue(_ byte: UInt8) -> UInt32? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt32(byte) - 48
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt32(byte) - 87
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt32(byte) - 55
    default: nil
    }
}

/// The length of the well-formed sequence that begins at a byte of 0x80 or above; nil when there is none (RFC 3629 §4: no overlong forms, no
/// surrogates, nothing above U+10FFFF).
private func utf8Length(in bytes: Span<UInt8>, at index: Int, to end: Int) -> Int? {
    let lead = bytes[index]
    let (length, second): (Int, ClosedRange<UInt8>)
    switch lead {
    case 0xC2...0xDF: (length, second) = (2, 0x80...0xBF)
    case 0xE0: (length, second) = (3, 0xA0...0xBF)
    case 0xED: (length, second) = (3, 0x80...0x9F)
    case 0xE1...0xEF: (length, second) = (3, 0x80...0xBF)
    case 0xF0: (length, second) = (4, 0x90...0xBF)
    case 0xF1...0xF3: (length, second) = (4, 0x80...0xBF)
    case 0xF4: (length, second) = (4, 0x80...0x8F)
    default: return nil
    }
    guard index + length <= end, second.contains(bytes[index + 1]) else { return nil }
    for following in index + 2..<index + length where bytes[following] & 0xC0 != 0x80 { return nil }
    return length
}

func append(_ bytes: Span<UInt8>, to output: inout [UInt8]) {
    unsafe bytes.withUnsafeBufferPointer { buffer in unsafe output.append(contentsOf: buffer) }
}

extension JSONText {
    /// Appends the string's value, escapes resolved, as UTF-8. The text must come from a scanner over the same bytes.
    package func appendValue(in bytes: Span<UInt8>, to output: inout [UInt8]) {
        guard hasEscapes else { return append(bytes.extracting(start..<end), to: &output) }
        var index = start
        while index < end {
            let byte = bytes[index]
            guard byte == UInt8(ascii: "\\") else {
                output.append(byte)
                index += 1
                continue
            }
            let escape = bytes[index + 1]
            index += 2
            switch escape {
            case UInt8(ascii: "b"): output.append(0x08)
            case UInt8(ascii: "f"): output.append(0x0C)
            case UInt8(ascii: "n"): output.append(0x0A)
            case UInt8(ascii: "r"): output.append(0x0D)
            case UInt8(ascii: "t"): output.append(0x09)
            case UInt8(ascii: "u"):
                var value = unit(at: index, in: bytes)
                index += 4
                if value >= 0xD800, value < 0xDC00 {
                    value = 0x10000 + (value - 0xD800) << 10 + (unit(at: index + 2, in: bytes) - 0xDC00)
                    index += 6
                }
                if let scalar = Unicode.Scalar(value) { output.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter) }
            default: output.append(escape)
            }
        }
    }

    private func unit(at index: Int, in bytes: Span<UInt8>) -> UInt32 {
        (index..<index + 4).reduce(0) { $0 << 4 | (hexDigitValue(bytes[$1]) ?? 0) }
    }

    /// The string's value.
    package func string(in bytes: Span<UInt8>) -> String {
        guard hasEscapes else {
            return unsafe bytes.extracting(start..<end).withUnsafeBufferPointer { buffer in unsafe String(decoding: buffer, as: UTF8.self) }
        }
        var value = [UInt8]()
        value.reserveCapacity(end - start)
        appendValue(in: bytes, to: &value)
        return String(decoding: value, as: UTF8.self)
    }

    /// Whether the string's value is `other`; no allocation when it holds no escapes.
    package func equals(_ other: StaticString, in bytes: Span<UInt8>) -> Bool {
        guard !hasEscapes else { return string(in: bytes) == other.description }
        guard end - start == other.utf8CodeUnitCount else { return false }
        let literal = unsafe UnsafeBufferPointer(start: other.utf8Start, count: other.utf8CodeUnitCount)
        for index in 0..<(end - start) where unsafe bytes[start + index] != literal[index] { return false }
        return true
    }
}
