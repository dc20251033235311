/// A piece of the text: the content of a string without its quotes, or a number's digits.
package struct JSONText: Sendable, Hashable {
    package var start: Int
    package var end: Int
    /// Whether a string's content holds backslashes; without them the bytes are the value.
    package var hasEscapes: Bool

    package init(start: Int, end: Int, hasEscapes: Bool) { (self.start, self.end, self.hasEscapes) = (start, end, hasEscapes) }

    package var range: Range<Int> { start..<end }
}

/// One step through a text.
package enum JSONToken: Sendable, Hashable {
    case beginObject, endObject, beginArray, endArray
    /// A member's name; its value comes next.
    case key(JSONText)
    case string(JSONText)
    case number(JSONText)
    case bool(Bool)
    case null
    /// The value is complete and nothing but white space follows.
    case end
}

/// A strict pull parser (RFC 8259) over bytes: no String, no allocation a token. It keeps only a position, so the same bytes must be passed
/// to each call. Everything that it has passed over is validated: grammar, UTF-8, escapes, surrogate pairs, numbers, depth.
///
///     var scanner = JSONScanner(over: bytes)
///     while case let token = try scanner.next(in: bytes), token != .end { … }
package struct JSONScanner: Sendable {
    private enum Expectation: Sendable { case value, firstElement, firstKey, commaOrEnd, nothing }

    /// The first byte not yet read.
    package private(set) var offset: Int
    /// The first byte of the token returned last.
    package private(set) var tokenStart: Int
    /// Open arrays and objects.
    package private(set) var depth = 0
    private let end: Int
    private let limits: JSONLimits
    private var expectation = Expectation.value
    /// One bit a level, innermost lowest: 1 is an object.
    private var containers: UInt128 = 0
    private var whitespaceSeen = 0

    /// - Parameter range: where the value stands in the bytes (a line of NDJSON); nil: all of them. Errors count from the bytes' beginning.
    package init(over bytes: Span<UInt8>, range: Range<Int>? = nil, limits: JSONLimits = .standard) {
        let range = range ?? 0..<bytes.count
        precondition(range.lowerBound >= 0 && range.upperBound <= bytes.count, "the range must lie in the bytes")
        (offset, tokenStart, end, self.limits) = (range.lowerBound, range.lowerBound, range.upperBound, limits)
    }

    /// The next token. After `.end` it stays at the end.
    package mutating func next(in bytes: Span<UInt8>) throws(JSONError) -> JSONToken {
        skipWhitespace(in: bytes)
        switch expectation {
        case .value:
            return try value(in: bytes)
        case .firstElement:
            return peek(in: bytes) == UInt8(ascii: "]") ? close(as: .endArray) : try value(in: bytes)
        case .firstKey:
            return peek(in: bytes) == UInt8(ascii: "}") ? close(as: .endObject) : try key(in: bytes)
        case .commaOrEnd:
            let isObject = containers & 1 == 1
            switch peek(in: bytes) {
            case UInt8(ascii: ","):
                offset += 1
                skipWhitespace(in: bytes)
                return isObject ? try key(in: bytes) : try value(in: bytes)
            case UInt8(ascii: "}") where isObject: return close(as: .endObject)
            case UInt8(ascii: "]") where !isObject: return close(as: .endArray)
            default:
                throw unexpected(in: bytes, wanted: isObject ? "a comma or the object's closing brace" : "a comma or the array's closing bracket")
            }
        case .nothing:
            guard offset == end else { throw JSONError(.syntax, at: offset, in: bytes, "more text follows after the end of the value") }
            tokenStart = offset
            return .end
        }
    }

    /// Passes over the next value whole, validating it, and returns where it stands, without the white space around it.
    /// To be called where a value may stand: at the beginning, after a key. In an array read the elements with ``next(in:)``.
    package mutating func skipValue(in bytes: Span<UInt8>) throws(JSONError) -> Range<Int> {
        try skipRest(of: try next(in: bytes), in: bytes)
    }

    /// Passes over what remains of a value whose first token is known.
    package mutating func skipRest(of first: JSONToken, in bytes: Span<UInt8>) throws(JSONError) -> Range<Int> {
        let (start, outside) = (tokenStart, depth - 1)
        switch first {
        case .beginObject, .beginArray:
            while depth > outside { _ = try next(in: bytes) }
        default: break
        }
        return start..<offset
    }

    /// Appends the next value as compact JSON: the same text without the white space between its tokens. For `Event.data`.
    package mutating func captureValue(in bytes: Span<UInt8>, to output: inout [UInt8]) throws(JSONError) {
        try captureRest(of: try next(in: bytes), in: bytes, to: &output)
    }

    /// The same for a value whose first token is known.
    package mutating func captureRest(of first: JSONToken, in bytes: Span<UInt8>, to output: inout [UInt8]) throws(JSONError) {
        let whitespaceBefore = whitespaceSeen
        let range = try skipRest(of: first, in: bytes)
        if whitespaceSeen == whitespaceBefore {
            append(bytes.extracting(range), to: &output)
        } else {
            appendCompact(bytes.extracting(range), to: &output)
        }
    }

    // MARK: The grammar

    private func peek(in bytes: Span<UInt8>) -> UInt8? { offset < end ? bytes[offset] : nil }

    private mutating func skipWhitespace(in bytes: Span<UInt8>) {
        let start = offset
        while offset < end {
            let byte = bytes[offset]
            guard byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 else { break }
            offset += 1
        }
        whitespaceSeen += offset - start
    }

    private mutating func close(as token: JSONToken) -> JSONToken {
        tokenStart = offset
        offset += 1
        depth -= 1
        containers >>= 1
        expectation = depth == 0 ? .nothing : .commaOrEnd
        return token
    }

    private mutating func open(object: Bool, in bytes: Span<UInt8>) throws(JSONError) -> JSONToken {
        guard depth < limits.depthMax else {
            throw JSONError(.depth, at: offset, in: bytes, "arrays and objects are nested deeper than \(limits.depthMax) levels")
        }
        offset += 1
        depth += 1
        containers = containers << 1 | (object ? 1 : 0)
        expectation = object ? .firstKey : .firstElement
        return object ? .beginObject : .beginArray
    }

    private mutating func key(in bytes: Span<UInt8>) throws(JSONError) -> JSONToken {
        guard peek(in: bytes) == UInt8(ascii: "\"") else { throw unexpected(in: bytes, wanted: "a member's name in double quotes") }
        tokenStart = offset
        let text = try string(in: bytes)
        skipWhitespace(in: bytes)
        guard peek(in: bytes) == UInt8(ascii: ":") else { throw unexpected(in: bytes, wanted: "a colon after the member's name") }
        offset += 1
        expectation = .value
        return .key(text)
    }

    private mutating func value(in bytes: Span<UInt8>) throws(JSONError) -> JSONToken {
        tokenStart = offset
        guard let byte = peek(in: bytes) else { throw unexpected(in: bytes, wanted: "a value") }
        let token: JSONToken
        switch byte {
        case UInt8(ascii: "{"): return try open(object: true, in: bytes)
        case UInt8(ascii: "["): return try open(object: false, in: bytes)
        case UInt8(ascii: "\""): token = .string(try string(in: bytes))
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): token = .number(try number(in: bytes))
        case UInt8(ascii: "t"):
            try word("true", in: bytes)
            token = .bool(true)
        case UInt8(ascii: "f"):
            try word("false", in: bytes)
            token = .bool(false)
        case UInt8(ascii: "n"):
            try word("null", in: bytes)
            token = .null
        default: throw unexpected(in: bytes, wanted: "a value")
        }
        expectation = depth == 0 ? .nothing : .commaOrEnd
        return token
    }

    private mutating func word(_ word: StaticString, in bytes: Span<UInt8>) throws(JSONError) {
        let text = word.description
        for byte in text.utf8 {
            guard offset < end else { throw JSONError(.truncated, at: offset, in: bytes, "the text ends inside \"\(text)\"") }
            guard bytes[offset] == byte else { throw unexpected(in: bytes, wanted: "the word \(text)") }
            offset += 1
        }
    }

    private mutating func string(in bytes: Span<UInt8>) throws(JSONError) -> JSONText {
        offset += 1
        let start = offset
        let (close, hasEscapes) = try endOfString(in: bytes, from: start, to: end)
        offset = close + 1
        return JSONText(start: start, end: close, hasEscapes: hasEscapes)
    }

    /// RFC 8259 §6: `-? (0 | [1-9][0-9]*) (\.[0-9]+)? ([eE][+-]?[0-9]+)?`
    private mutating func number(in bytes: Span<UInt8>) throws(JSONError) -> JSONText {
        let start = offset
        if bytes[offset] == UInt8(ascii: "-") { offset += 1 }
        let firstDigit = offset
        try digits(in: bytes)
        if bytes[firstDigit] == UInt8(ascii: "0"), offset > firstDigit + 1 {
            throw JSONError(.number, at: firstDigit, in: bytes, "a number does not begin with a superfluous zero")
        }
        if peek(in: bytes) == UInt8(ascii: ".") {
            offset += 1
            try digits(in: bytes)
        }
        if let byte = peek(in: bytes), byte | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if let sign = peek(in: bytes), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") { offset += 1 }
            try digits(in: bytes)
        }
        guard offset - start <= limits.numberBytesMax else {
            throw JSONError(.number, at: start, in: bytes, "a number has \(offset - start) characters; at most \(limits.numberBytesMax) are read")
        }
        return JSONText(start: start, end: offset, hasEscapes: false)
    }

    private mutating func digits(in bytes: Span<UInt8>) throws(JSONError) {
        let start = offset
        while offset < end, bytes[offset] &- UInt8(ascii: "0") < 10 { offset += 1 }
        guard offset > start else {
            if offset == end { throw JSONError(.truncated, at: offset, in: bytes, "the text ends inside a number") }
            throw JSONError(.number, at: offset, in: bytes, "a digit is missing: \(shown(bytes[offset])) stands inside a number")
        }
    }

    private func unexpected(in bytes: Span<UInt8>, wanted: String) -> JSONError {
        guard offset < end else { return JSONError(.truncated, at: offset, in: bytes, "the text ends where \(wanted) should stand") }
        return JSONError(.syntax, at: offset, in: bytes, "\(shown(bytes[offset])) stands where \(wanted) should")
    }
}

private func shown(_ byte: UInt8) -> String {
    switch byte {
    case 0x21...0x7E: "\"\(Unicode.Scalar(byte))\""
    default: "byte 0x" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
    }
}

/// Appends what stands outside of strings without its white space; the text was validated.
private func appendCompact(_ text: Span<UInt8>, to output: inout [UInt8]) {
    var (index, isInString) = (0, false)
    while index < text.count {
        let byte = text[index]
        index += 1
        if isInString {
            output.append(byte)
            if byte == UInt8(ascii: "\\") {
                output.append(text[index])
                index += 1
            } else if byte == UInt8(ascii: "\"") {
                isInString = false
            }
        } else if byte > 0x20 {
            output.append(byte)
            isInString = byte == UInt8(ascii: "\"")
        }
    }
}
