/// Cuts a text into tokens. All of PromQL's notation: comments, three kinds of strings, hexadecimal and exponent numbers, durations.
struct Lexer {
    private let text: [UInt8]
    private var offset = 0
    private var tokens: [Token] = []

    /// The tokens of `text`, the last one `.end`.
    static func tokens(of text: [UInt8]) throws(ParseError) -> [Token] {
        var lexer = Lexer(text: text)
        try lexer.run()
        return lexer.tokens
    }

    private init(text: [UInt8]) { self.text = text }

    private mutating func run() throws(ParseError) {
        while true {
            skipBlanks()
            let start = offset
            guard offset < text.count else {
                tokens.append(Token(kind: .end, range: start..<start))
                return
            }
            let kind = try next()
            tokens.append(Token(kind: kind, range: start..<offset))
        }
    }

    private mutating func skipBlanks() {
        while offset < text.count {
            switch text[offset] {
            case 0x20, 0x09, 0x0A, 0x0D: offset += 1
            case UInt8(ascii: "#"): while offset < text.count, text[offset] != 0x0A { offset += 1 }
            default: return
            }
        }
    }

    private func peek(_ distance: Int = 0) -> UInt8 { offset + distance < text.count ? text[offset + distance] : 0 }

    private func error(_ problem: String, write remedy: String, at place: Int? = nil) -> ParseError {
        ParseError(in: text, at: place ?? offset, problem, write: remedy)
    }

    private mutating func next() throws(ParseError) -> Token.Kind {
        let byte = text[offset]
        if byte.isLetter || byte == UInt8(ascii: ":") && peek(1).isLetter { return identifier() }
        if byte.isDigit || byte == UInt8(ascii: ".") && peek(1).isDigit { return try numberOrDuration() }
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "`"): return .string(try string(quote: byte))
        default: return .symbol(try symbol(byte))
        }
    }

    private mutating func identifier() -> Token.Kind {
        let start = offset
        while offset < text.count, text[offset].isLetter || text[offset].isDigit || text[offset] == UInt8(ascii: ":") { offset += 1 }
        return .identifier(String(decoding: text[start..<offset], as: UTF8.self))
    }

    private mutating func symbol(_ byte: UInt8) throws(ParseError) -> String {
        let two = String(decoding: text[offset..<min(offset + 2, text.count)], as: UTF8.self)
        if ["==", "!=", "<=", ">=", "=~", "!~"].contains(two) {
            offset += 2
            return two
        }
        let one = String(decoding: [byte], as: UTF8.self)
        guard "+-*/%^<>=(){}[],:@".contains(one) else {
            if byte == UInt8(ascii: "!") { throw error("\"!\" stands alone", write: "write != or !~") }
            let character = String(String(decoding: text[offset...], as: UTF8.self).prefix(1))
            let hint = ["&": "write and", "|": "write or", "$": "dashboard variables are not part of PromQL: write the value"][one]
            throw error("unexpected character \"\(character)\"", write: hint ?? "remove it, or put it into a quoted string")
        }
        offset += 1
        return one
    }

    private mutating func numberOrDuration() throws(ParseError) -> Token.Kind {
        let start = offset
        func bad(_ lexer: Lexer) -> ParseError {
            var end = lexer.offset
            while end < lexer.text.count, lexer.text[end].isLetter || lexer.text[end].isDigit || lexer.text[end] == UInt8(ascii: ".") { end += 1 }
            let word = String(decoding: lexer.text[start..<end], as: UTF8.self)
            return lexer.error(
                "\"\(word)\" is neither a number nor a duration",
                write: "write a number like 1.5 or 1e6, or a duration like 5m or 1h30m (units ms, s, m, h, d, w, y, largest first)",
                at: start
            )
        }
        if text[offset] == UInt8(ascii: "0"), peek(1) | 0x20 == UInt8(ascii: "x") {
            offset += 2
            while offset < text.count, text[offset].isLetter || text[offset].isDigit { offset += 1 }
            let digits = String(decoding: text[(start + 2)..<offset], as: UTF8.self)
            guard let value = UInt64(digits, radix: 16) else { throw bad(self) }
            return .number(Double(value))
        }
        while peek().isDigit { offset += 1 }
        if peek().isLetter, peek() | 0x20 != UInt8(ascii: "e") {
            while peek().isLetter || peek().isDigit { offset += 1 }
            let word = String(decoding: text[start..<offset], as: UTF8.self)
            guard let duration = PromDuration.parse(word) else { throw bad(self) }
            return .duration(duration)
        }
        if peek() == UInt8(ascii: ".") {
            offset += 1
            while peek().isDigit { offset += 1 }
        }
        if peek() | 0x20 == UInt8(ascii: "e") {
            offset += 1
            if peek() == UInt8(ascii: "+") || peek() == UInt8(ascii: "-") { offset += 1 }
            while peek().isDigit { offset += 1 }
        }
        var word = String(decoding: text[start..<offset], as: UTF8.self)
        if word.hasSuffix(".") { word += "0" }
        guard !peek().isLetter, peek() != UInt8(ascii: "."), let value = Double(word) else { throw bad(self) }
        return .number(value)
    }

    private mutating func string(quote: UInt8) throws(ParseError) -> String {
        let start = offset
        offset += 1
        var bytes: [UInt8] = []
        while offset < text.count {
            let byte = text[offset]
            if byte == quote {
                offset += 1
                // Labels are text: bytes written as \xff that are no UTF-8 become replacement characters and match nothing.
                return String(decoding: bytes, as: UTF8.self)
            }
            if byte == UInt8(ascii: "\\"), quote != UInt8(ascii: "`") {
                try escape(into: &bytes, quote: quote)
                continue
            }
            if byte == 0x0A, quote != UInt8(ascii: "`") { break }
            bytes.append(byte)
            offset += 1
        }
        let mark = String(decoding: [quote], as: UTF8.self)
        throw error(
            "the string that begins here has no end",
            write: "write the closing \(mark) on the same line, or use `…` for several lines",
            at: start
        )
    }

    /// Go's escapes.
    private mutating func escape(into bytes: inout [UInt8], quote: UInt8) throws(ParseError) {
        let start = offset
        offset += 2
        let simple: [UInt8: UInt8] = [
            UInt8(ascii: "a"): 7, UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10, UInt8(ascii: "r"): 13,
            UInt8(ascii: "t"): 9, UInt8(ascii: "v"): 11, UInt8(ascii: "\\"): UInt8(ascii: "\\"), quote: quote,
        ]
        let code = start + 1 < text.count ? text[start + 1] : 0
        if let byte = simple[code] { return bytes.append(byte) }
        let digits: (count: Int, radix: Int)? =
            switch code {
            case UInt8(ascii: "x"): (2, 16)
            case UInt8(ascii: "u"): (4, 16)
            case UInt8(ascii: "U"): (8, 16)
            case UInt8(ascii: "0")...UInt8(ascii: "7"): (3, 8)
            default: nil
            }
        if let digits {
            if digits.radix == 8 { offset -= 1 }
            let word = String(decoding: text[offset..<min(offset + digits.count, text.count)], as: UTF8.self)
            if word.utf8.count == digits.count, let value = UInt32(word, radix: digits.radix) {
                offset += digits.count
                if digits.count < 4 {
                    if value <= 0xFF { return bytes.append(UInt8(value)) }
                } else if let scalar = Unicode.Scalar(value) {
                    return bytes.append(contentsOf: Array(String(Character(scalar)).utf8))
                }
            }
        }
        throw error(
            "unknown escape sequence in a string",
            write: "write \\\\ for a backslash (a regular expression's \\d is \"\\\\d\"), or put the string between backquotes",
            at: start
        )
    }
}

extension UInt8 {
    /// Also the underscore: it may stand wherever a letter may.
    var isLetter: Bool {
        let lower = self | 0x20
        return lower >= UInt8(ascii: "a") && lower <= UInt8(ascii: "z") || self == UInt8(ascii: "_")
    }
    var isDigit: Bool { self >= UInt8(ascii: "0") && self <= UInt8(ascii: "9") }
}
