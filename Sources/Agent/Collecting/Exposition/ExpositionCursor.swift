import Telemetry

/// Walks one line of the text format.
struct ExpositionCursor {
    private(set) var offset: Int
    let end: Int
    /// From 1.
    let line: Int

    init(_ range: Range<Int>, line: Int) { (offset, end, self.line) = (range.lowerBound, range.upperBound, line) }

    var isAtEnd: Bool { offset == end }

    func error(_ problem: String) -> ExpositionError { ExpositionError(line, problem) }

    func peek(in text: Span<UInt8>) -> UInt8? { offset < end ? text[offset] : nil }

    mutating func advance() { offset += 1 }

    mutating func skipBlanks(in text: Span<UInt8>) {
        while offset < end, Self.isBlank(text[offset]) { offset += 1 }
    }

    func isAtBlankOrEnd(in text: Span<UInt8>) -> Bool { offset == end || Self.isBlank(text[offset]) }

    func followsBlank(in text: Span<UInt8>) -> Bool { offset > 0 && Self.isBlank(text[offset - 1]) }

    /// Up to the next blank.
    mutating func word(in text: Span<UInt8>) -> Range<Int> {
        let start = offset
        while offset < end, !Self.isBlank(text[offset]) { offset += 1 }
        return start..<offset
    }

    /// `[a-zA-Z_][a-zA-Z0-9_]*`, a metric's with colons too.
    mutating func name(in text: Span<UInt8>, colons: Bool) throws(ExpositionError) -> String {
        let start = offset
        while offset < end {
            let byte = text[offset]
            let isLetter = (byte | 0x20) &- UInt8(ascii: "a") < 26 || byte == UInt8(ascii: "_") || (colons && byte == UInt8(ascii: ":"))
            let isDigit = byte &- UInt8(ascii: "0") < 10
            guard isLetter || (isDigit && offset > start) else { break }
            offset += 1
        }
        guard offset > start else {
            throw error(offset == end ? "a name is missing" : "a name cannot begin with \"\(text.excerpt(offset..<min(end, offset + 1)))\"")
        }
        return text.text(start..<offset)
    }

    /// From behind `{` to behind `}`.
    mutating func labels(in text: Span<UInt8>, most: Int) throws(ExpositionError) -> [Label] {
        var labels: [Label] = []
        while true {
            skipBlanks(in: text)
            if peek(in: text) == UInt8(ascii: "}") {
                advance()
                return labels
            }
            guard labels.count < most else { throw error("more than \(most) labels") }
            let name = try name(in: text, colons: false)
            guard name != Labels.metricName else { throw error("\(Labels.metricName) is no label's name") }
            guard !labels.contains(where: { $0.name == name }) else { throw error("the label \(name) is there twice") }
            skipBlanks(in: text)
            try expect(UInt8(ascii: "="), after: "the label \(name)", in: text)
            skipBlanks(in: text)
            try expect(UInt8(ascii: "\""), after: "\(name)=", in: text)
            labels.append(Label(name, try quoted(in: text)))
            skipBlanks(in: text)
            switch peek(in: text) {
            case UInt8(ascii: ","): advance()
            case UInt8(ascii: "}"): continue
            default: throw error("the value of the label \(name) is followed by neither , nor }")
            }
        }
    }

    private mutating func expect(_ byte: UInt8, after what: String, in text: Span<UInt8>) throws(ExpositionError) {
        guard peek(in: text) == byte else { throw error("\(what) is not followed by \(Character(UnicodeScalar(byte)))") }
        advance()
    }

    /// From behind the quotation mark to behind the next one.
    private mutating func quoted(in text: Span<UInt8>) throws(ExpositionError) -> String {
        var bytes: [UInt8] = []
        while let byte = peek(in: text) {
            advance()
            switch byte {
            case UInt8(ascii: "\""): return try valid(bytes)
            case UInt8(ascii: "\\"): bytes.append(try escaped(in: text, quotes: true))
            default: bytes.append(byte)
            }
        }
        throw error("a label's value has no second quotation mark")
    }

    /// The rest of the line.
    mutating func help(in text: Span<UInt8>) throws(ExpositionError) -> String {
        var bytes: [UInt8] = []
        while let byte = peek(in: text) {
            advance()
            bytes.append(byte == UInt8(ascii: "\\") ? try escaped(in: text, quotes: false) : byte)
        }
        return try valid(bytes)
    }

    private mutating func escaped(in text: Span<UInt8>, quotes: Bool) throws(ExpositionError) -> UInt8 {
        let byte = peek(in: text)
        if byte != nil { advance() }
        switch byte {
        case UInt8(ascii: "\\"): return UInt8(ascii: "\\")
        case UInt8(ascii: "n"): return UInt8(ascii: "\n")
        case UInt8(ascii: "\"") where quotes: return UInt8(ascii: "\"")
        default: throw error("a backslash is followed by something else than \(quotes ? "\\, n or \"" : "\\ or n")")
        }
    }

    private func valid(_ bytes: [UInt8]) throws(ExpositionError) -> String {
        guard let text = String(validating: bytes, as: UTF8.self) else { throw error("bytes that are no UTF-8") }
        return text
    }

    mutating func value(in text: Span<UInt8>) throws(ExpositionError) -> Double {
        let word = word(in: text)
        guard !word.isEmpty else { throw error("the value is missing") }
        guard let value = text.exposedNumber(in: word) else {
            let hint = text[word.upperBound - 1] == UInt8(ascii: "\r") ? ": lines end with a line feed alone" : ""
            throw error("\"\(text.excerpt(word))\" is no number\(hint)")
        }
        return value
    }

    /// Milliseconds since the epoch.
    mutating func timestamp(in text: Span<UInt8>) throws(ExpositionError) -> Int64 {
        let word = word(in: text)
        guard word.count <= 20, let milliseconds = Int64(text.text(word)) else {
            throw error("\"\(text.excerpt(word))\" is no timestamp: milliseconds, a whole number")
        }
        return milliseconds
    }

    private static func isBlank(_ byte: UInt8) -> Bool { byte == UInt8(ascii: " ") || byte == UInt8(ascii: "\t") }
}

extension Span<UInt8> {
    /// A value as Go's ParseFloat takes it in this format: decimal, with an exponent or not; `NaN`, `Inf` and `Infinity` with a sign or not, in any
    /// case. Nil for anything else, and for what is larger than any Double.
    func exposedNumber(in range: Range<Int>) -> Double? {
        // The longest that a program writes is some 25 letters.
        guard !range.isEmpty, range.count <= 64 else { return nil }
        let text = text(range)
        var rest = text[...]
        let isNegative = rest.hasPrefix("-")
        if isNegative || rest.hasPrefix("+") { rest = rest.dropFirst() }
        switch rest.lowercased() {
        case "nan": return rest.count == text.count ? .nan : nil
        case "inf", "infinity": return isNegative ? -.infinity : .infinity
        default: break
        }
        guard Self.isDecimal(rest.utf8), let value = Double(text), value.isFinite else { return nil }
        return value
    }

    private static func isDecimal(_ text: Substring.UTF8View) -> Bool {
        var (digits, dots, exponent, exponentDigits) = (0, 0, false, 0)
        var previous: UInt8 = 0
        for byte in text {
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): if exponent { exponentDigits += 1 } else { digits += 1 }
            case UInt8(ascii: ".") where !exponent && dots == 0: dots = 1
            case UInt8(ascii: "e") where !exponent && digits > 0, UInt8(ascii: "E") where !exponent && digits > 0: exponent = true
            case UInt8(ascii: "+") where previous | 0x20 == UInt8(ascii: "e"), UInt8(ascii: "-") where previous | 0x20 == UInt8(ascii: "e"): break
            default: return false
            }
            previous = byte
        }
        return digits > 0 && exponent == (exponentDigits > 0)
    }

    /// The beginning of the range, for an error's sentence.
    func excerpt(_ range: Range<Int>) -> String {
        range.count > 40 ? text(range.lowerBound..<range.lowerBound + 40) + "…" : text(range)
    }
}
