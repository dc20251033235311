import JSON

/// Loads from a body with padding: at every offset up to the body's end eight bytes (and some more) can be read, and the zero bytes behind the end
/// stop every scan. Nothing here goes on behind a zero byte, so no load needs a check.
@safe
struct ScanCursor {
    private let base: UnsafePointer<UInt8>

    /// - Parameter base: of a ``BodyText``, good as long as the cursor is used.
    @unsafe
    init(_ base: UnsafePointer<UInt8>) { unsafe self.base = base }

    @inline(__always)
    subscript(offset: Int) -> UInt8 { unsafe base[offset] }

    @inline(__always)
    func word64(_ offset: Int) -> UInt64 {
        unsafe UInt64(littleEndian: UnsafeRawPointer(base).loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inline(__always)
    func word32(_ offset: Int) -> UInt32 {
        unsafe UInt32(littleEndian: UnsafeRawPointer(base).loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    @inline(__always)
    func withBytes<Result>(_ start: Int, _ end: Int, _ body: (Span<UInt8>) -> Result) -> Result {
        let buffer = unsafe UnsafeBufferPointer(start: base + start, count: end - start)
        return unsafe body(buffer.span)
    }

    func string(_ start: Int, _ end: Int) -> String {
        unsafe String(decoding: UnsafeBufferPointer(start: base + start, count: end - start), as: UTF8.self)
    }

    func append(_ start: Int, _ end: Int, to output: inout [UInt8]) {
        unsafe output.append(contentsOf: UnsafeBufferPointer(start: base + start, count: end - start))
    }

    // MARK: Scans

    /// The first byte that is no white space of JSON; line breaks count as such only where `lineBreaks` says so.
    @inline(__always)
    func skipBlanks(_ start: Int, lineBreaks: Bool) -> Int {
        var offset = start
        while true {
            switch self[offset] {
            case 0x20, 0x09, 0x0D: offset += 1
            case 0x0A where lineBreaks: offset += 1
            default: return offset
            }
        }
    }

    private static var ones: UInt64 { 0x0101_0101_0101_0101 }
    private static var highs: UInt64 { 0x8080_8080_8080_8080 }

    /// High bits at the bytes that are quote, backslash, below 0x20 or not ASCII. A borrow can mark bytes above a true mark only, so the lowest is true.
    @inline(__always)
    private func marks(_ word: UInt64) -> UInt64 {
        let (quotes, backslashes) = (word ^ (Self.ones &* 0x22), word ^ (Self.ones &* 0x5C))
        return ((quotes &- Self.ones) & ~quotes | (backslashes &- Self.ones) & ~backslashes | (word &- Self.ones &* 0x20) & ~word | word) & Self.highs
    }

    /// The closing quote of a string without escapes and without DEL, validated as UTF-8; nil for any other.
    @inline(__always)
    func name(_ start: Int) -> Int? {
        var offset = start
        while true {
            let word = word64(offset)
            // Adding one carries 0x7F into the high bit; what is marked besides lies above a true mark.
            let found = marks(word) | (word &+ Self.ones) & Self.highs
            if found == 0 {
                offset += 8
                continue
            }
            offset += found.trailingZeroBitCount >> 3
            let byte = self[offset]
            if byte == UInt8(ascii: "\"") { return offset }
            guard byte >= 0x80, let length = utf8Length(offset) else { return nil }
            offset += length
        }
    }

    /// The closing quote of a string of good UTF-8 and good escapes, surrogates not among them; nil for any other.
    @inline(__always)
    func endOfString(_ start: Int, hasEscapes: inout Bool) -> Int? {
        var offset = start
        while true {
            let found = marks(word64(offset))
            if found == 0 {
                offset += 8
                continue
            }
            offset += found.trailingZeroBitCount >> 3
            let byte = self[offset]
            if byte == UInt8(ascii: "\"") { return offset }
            if byte == UInt8(ascii: "\\") {
                guard let length = escapeLength(offset) else { return nil }
                hasEscapes = true
                offset += length
            } else {
                guard byte >= 0x80, let length = utf8Length(offset) else { return nil }
                offset += length
            }
        }
    }

    /// The first `]`, unless a control character stands before it.
    @inline(__always)
    func firstBracket(_ start: Int) -> Int? {
        var offset = start
        while true {
            let word = word64(offset)
            let brackets = word ^ (Self.ones &* 0x5D)
            let found = ((brackets &- Self.ones) & ~brackets | (word &- Self.ones &* 0x20) & ~word) & Self.highs
            if found != 0 {
                offset += found.trailingZeroBitCount >> 3
                return self[offset] == UInt8(ascii: "]") ? offset : nil
            }
            offset += 8
        }
    }

    /// The length of the escape sequence at a backslash; nil for a wrong one and for surrogates.
    private func escapeLength(_ backslash: Int) -> Int? {
        switch self[backslash + 1] {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"), UInt8(ascii: "n"), UInt8(ascii: "r"),
            UInt8(ascii: "t"):
            return 2
        case UInt8(ascii: "u"):
            guard let unit = unit(backslash + 2), unit < 0xD800 || unit > 0xDFFF else { return nil }
            return 6
        default: return nil
        }
    }

    /// Four hexadecimal digits.
    private func unit(_ start: Int) -> UInt32? {
        var unit: UInt32 = 0
        for offset in start..<start + 4 {
            guard let digit = Self.nibble(self[offset]) else { return nil }
            unit = unit << 4 | UInt32(digit)
        }
        return unit
    }

    @inline(__always)
    private static func nibble(_ byte: UInt8) -> UInt8? {
        let digit = byte &- 0x30
        if digit < 10 { return digit }
        let letter = (byte | 0x20) &- 0x61
        return letter < 6 ? letter + 10 : nil
    }

    /// The length of the well-formed sequence that begins here (RFC 3629 §4: no overlong forms, no surrogates, nothing above U+10FFFF).
    private func utf8Length(_ offset: Int) -> Int? {
        let (second, third, fourth) = (self[offset + 1], self[offset + 2], self[offset + 3])
        switch self[offset] {
        case 0xC2...0xDF: return second & 0xC0 == 0x80 ? 2 : nil
        case 0xE0: return second >= 0xA0 && second <= 0xBF && third & 0xC0 == 0x80 ? 3 : nil
        case 0xED: return second >= 0x80 && second <= 0x9F && third & 0xC0 == 0x80 ? 3 : nil
        case 0xE1...0xEF: return second & 0xC0 == 0x80 && third & 0xC0 == 0x80 ? 3 : nil
        case 0xF0: return second >= 0x90 && second <= 0xBF && third & 0xC0 == 0x80 && fourth & 0xC0 == 0x80 ? 4 : nil
        case 0xF1...0xF3: return second & 0xC0 == 0x80 && third & 0xC0 == 0x80 && fourth & 0xC0 == 0x80 ? 4 : nil
        case 0xF4: return second >= 0x80 && second <= 0x8F && third & 0xC0 == 0x80 && fourth & 0xC0 == 0x80 ? 4 : nil
        default: return nil
        }
    }

    // MARK: Values

    /// One of the five words of severity and where its closing quote ends.
    @inline(__always)
    func severity(_ start: Int) -> (number: UInt8, end: Int)? {
        switch word32(start) {
        case 0x6F66_6E69: self[start + 4] == 0x22 ? (1, start + 5) : nil
        case 0x6E72_6177: word32(start + 4) == 0x2267_6E69 ? (2, start + 8) : nil
        case 0x6F72_7265: self[start + 4] == 0x72 && self[start + 5] == 0x22 ? (3, start + 6) : nil
        case 0x7562_6564: self[start + 4] == 0x67 && self[start + 5] == 0x22 ? (0, start + 6) : nil
        case 0x7469_7263: word32(start + 4) == 0x6C61_6369 && self[start + 8] == 0x22 ? (4, start + 9) : nil
        default: nil
        }
    }

    /// A UUID of 8-4-4-4-12 hexadecimal digits in either case, and the quote behind it.
    func identifier(_ start: Int) -> (high: UInt64, low: UInt64)? {
        var (high, low): (UInt64, UInt64) = (0, 0)
        for place in 0..<36 {
            let byte = self[start + place]
            if place == 8 || place == 13 || place == 18 || place == 23 {
                guard byte == UInt8(ascii: "-") else { return nil }
            } else {
                guard let digit = Self.nibble(byte) else { return nil }
                high = high << 4 | low >> 60
                low = low << 4 | UInt64(digit)
            }
        }
        return self[start + 36] == UInt8(ascii: "\"") ? (high, low) : nil
    }

    /// Where a JSON number ends (RFC 8259 §6); nil for one of a wrong form or of more than 1000 characters.
    @inline(__always)
    private func endOfNumber(_ start: Int) -> Int? {
        var offset = self[start] == UInt8(ascii: "-") ? start + 1 : start
        let first = offset
        guard self[offset] &- 0x30 < 10 else { return nil }
        while self[offset] &- 0x30 < 10 { offset += 1 }
        if self[first] == 0x30, offset > first + 1 { return nil }
        if self[offset] == UInt8(ascii: ".") {
            offset += 1
            guard self[offset] &- 0x30 < 10 else { return nil }
            while self[offset] &- 0x30 < 10 { offset += 1 }
        }
        if self[offset] | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if self[offset] == UInt8(ascii: "+") || self[offset] == UInt8(ascii: "-") { offset += 1 }
            guard self[offset] &- 0x30 < 10 else { return nil }
            while self[offset] &- 0x30 < 10 { offset += 1 }
        }
        return offset - start <= 1000 ? offset : nil
    }

    /// Where the object that begins at `start` ends; nil when it is not good JSON, is nested deeper than `levelsMax` (itself the first level; at
    /// most 62), or holds half a surrogate pair or a whole one.
    @inline(__always)
    func endOfObject(_ start: Int, levelsMax: Int, lineBreaks: Bool, hasBlanks: inout Bool) -> Int? {
        guard levelsMax > 0 else { return nil }
        // One bit a level, innermost lowest: 1 is an object.
        var (containers, depth, offset): (UInt64, Int, Int) = (1, 1, start + 1)
        var isEscaped = false
        /// What may stand next: a member's name, a value, or comma and closing bracket.
        enum Next { case name, value, comma }
        var next = Next.name
        if self[offset] <= 0x20 { skip(&offset, lineBreaks, &hasBlanks) }
        if self[offset] == UInt8(ascii: "}") { return offset + 1 }
        while true {
            if self[offset] <= 0x20 { skip(&offset, lineBreaks, &hasBlanks) }
            let byte = self[offset]
            switch next {
            case .name:
                guard byte == UInt8(ascii: "\""), let close = endOfString(offset + 1, hasEscapes: &isEscaped) else { return nil }
                offset = close + 1
                if self[offset] <= 0x20 { skip(&offset, lineBreaks, &hasBlanks) }
                guard self[offset] == UInt8(ascii: ":") else { return nil }
                (offset, next) = (offset + 1, .value)
            case .value:
                next = .comma
                switch byte {
                case UInt8(ascii: "\""):
                    guard let close = endOfString(offset + 1, hasEscapes: &isEscaped) else { return nil }
                    offset = close + 1
                case UInt8(ascii: "-"), 0x30...0x39:
                    guard let end = endOfNumber(offset) else { return nil }
                    offset = end
                case UInt8(ascii: "{"), UInt8(ascii: "["):
                    let isObject = byte == UInt8(ascii: "{")
                    guard depth < levelsMax else { return nil }
                    (depth, containers, offset) = (depth + 1, containers << 1 | (isObject ? 1 : 0), offset + 1)
                    if self[offset] <= 0x20 { skip(&offset, lineBreaks, &hasBlanks) }
                    if self[offset] != (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) { next = isObject ? .name : .value }
                case UInt8(ascii: "t"):
                    guard word32(offset) == 0x6575_7274 else { return nil }
                    offset += 4
                case UInt8(ascii: "f"):
                    guard word32(offset + 1) == 0x6573_6C61 else { return nil }
                    offset += 5
                case UInt8(ascii: "n"):
                    guard word32(offset) == 0x6C6C_756E else { return nil }
                    offset += 4
                default: return nil
                }
            case .comma:
                let isObject = containers & 1 == 1
                if byte == UInt8(ascii: ",") {
                    (offset, next) = (offset + 1, isObject ? .name : .value)
                } else {
                    guard byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) else { return nil }
                    (depth, containers, offset) = (depth - 1, containers >> 1, offset + 1)
                    if depth == 0 { return offset }
                }
            }
        }
    }

    @inline(__always)
    private func skip(_ offset: inout Int, _ lineBreaks: Bool, _ hasBlanks: inout Bool) {
        offset = skipBlanks(offset, lineBreaks: lineBreaks)
        hasBlanks = true
    }

    // MARK: Copies

    /// JSON text that was scanned, without the white space outside of its strings.
    func appendCompact(_ start: Int, _ end: Int, to output: inout [UInt8]) {
        var (offset, isInString) = (start, false)
        while offset < end {
            let byte = self[offset]
            offset += 1
            if isInString {
                output.append(byte)
                if byte == UInt8(ascii: "\\") {
                    output.append(self[offset])
                    offset += 1
                } else if byte == UInt8(ascii: "\"") {
                    isInString = false
                }
            } else if byte > 0x20 {
                output.append(byte)
                isInString = byte == UInt8(ascii: "\"")
            }
        }
    }

    /// The value of a string that was scanned.
    func appendResolved(_ start: Int, _ end: Int, to output: inout [UInt8]) {
        withBytes(start, end) { bytes in
            JSONText(start: 0, end: bytes.count, hasEscapes: true).appendValue(in: bytes, to: &output)
        }
    }
}
