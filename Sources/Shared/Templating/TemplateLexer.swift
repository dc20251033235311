/// Cuts a template at `{{ … }}`, and what stands between the braces into tokens. Source: Go's text/template/parse/lex.go.
struct TemplateLexer {
    enum Piece {
        case text(String)
        /// Never empty; the line is that of the braces.
        case action([Token], line: Int)
    }

    struct Token {
        enum Kind: Equatable {
            /// A keyword, a function, `true`, `false`, `nil`.
            case word(String)
            /// With its `$`.
            case variable(String)
            /// Without its point.
            case field(String)
            case constant(TemplateLiteral)
            case dot, pipe, open, close, comma, declare, assign
        }

        let kind: Kind
        /// `.A.B` is one operand, `.A .B` are two.
        let follows: Bool
        let line: Int
    }

    private let source: [Unicode.Scalar]
    private let file: String
    private var place = 0
    private var line = 1

    static func cut(_ text: String, file: String) throws(TemplateProblem) -> [Piece] {
        var lexer = TemplateLexer(source: Array(text.unicodeScalars), file: file)
        return try lexer.pieces()
    }

    private init(source: [Unicode.Scalar], file: String) { (self.source, self.file) = (source, file) }

    private func wrong(_ problem: String) -> TemplateProblem { TemplateProblem(.wrong, problem, line: line, file: file) }

    private func isAt(_ text: StaticString, after distance: Int = 0) -> Bool {
        var index = place + distance
        for scalar in text.description.unicodeScalars {
            guard index < source.count, source[index] == scalar else { return false }
            index += 1
        }
        return true
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\t" || scalar == "\r" || scalar == "\n" }

    /// A letter, a digit or an underscore.
    private static func isWord(_ scalar: Unicode.Scalar) -> Bool {
        scalar == "_" || (scalar.isASCII ? (isDigit(scalar) || "a"..."z" ~= scalar || "A"..."Z" ~= scalar) : scalar.properties.isAlphabetic)
    }

    private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { "0"..."9" ~= scalar }

    // MARK: Pieces

    private mutating func pieces() throws(TemplateProblem) -> [Piece] {
        var pieces: [Piece] = []
        var (start, trims) = (0, false)
        func text(upTo end: Int, trimEnd: Bool) -> String {
            var range = source[start..<end]
            if trims { range = range.drop(while: Self.isBlank) }
            if trimEnd { while let last = range.last, Self.isBlank(last) { range.removeLast() } }
            return String(String.UnicodeScalarView(range))
        }
        while place < source.count {
            guard isAt("{{") else {
                if source[place] == "\n" { line += 1 }
                place += 1
                continue
            }
            let trimsBefore = isAt("-", after: 2) && place + 3 < source.count && Self.isBlank(source[place + 3])
            let before = text(upTo: place, trimEnd: trimsBefore)
            if !before.isEmpty { pieces.append(.text(before)) }
            let opened = line
            place += trimsBefore ? 3 : 2
            let tokens: [Token]?
            (tokens, trims) = try action()
            if let tokens {
                guard !tokens.isEmpty else { throw TemplateProblem(.wrong, "there is nothing between the braces", line: opened, file: file) }
                pieces.append(.action(tokens, line: opened))
            }
            start = place
        }
        let rest = text(upTo: source.count, trimEnd: false)
        if !rest.isEmpty { pieces.append(.text(rest)) }
        return pieces
    }

    /// Up to and with the closing braces; no tokens: a comment.
    private mutating func action() throws(TemplateProblem) -> (tokens: [Token]?, trims: Bool) {
        skipBlanks()
        if isAt("/*") {
            while place < source.count, !isAt("*/") {
                if source[place] == "\n" { line += 1 }
                place += 1
            }
            guard place < source.count else { throw wrong("the comment is not closed") }
            place += 2
            guard let trims = end() else { throw wrong("a comment stands alone between its braces") }
            return (nil, trims)
        }
        var (tokens, follows) = ([Token](), false)
        while true {
            if let trims = end() { return (tokens, trims) }
            guard place < source.count else { throw wrong("the braces are not closed") }
            if Self.isBlank(source[place]) {
                skipBlanks()
                follows = false
                continue
            }
            let line = line
            tokens.append(Token(kind: try token(), follows: follows, line: line))
            follows = true
        }
    }

    private mutating func skipBlanks() {
        while place < source.count, Self.isBlank(source[place]) {
            if source[place] == "\n" { line += 1 }
            place += 1
        }
    }

    /// Goes behind the closing braces when they are next, and says whether they take away the blanks behind them.
    private mutating func end() -> Bool? {
        var ahead = place
        while ahead < source.count, Self.isBlank(source[ahead]) { ahead += 1 }
        let trims = isAt("-}}", after: ahead - place) && ahead > 0 && Self.isBlank(source[ahead - 1])
        guard trims || isAt("}}", after: ahead - place) else { return nil }
        skipBlanks()
        place += trims ? 3 : 2
        return trims
    }

    // MARK: Tokens

    private mutating func token() throws(TemplateProblem) -> Token.Kind {
        let first = source[place]
        switch first {
        case "|", "(", ")", ",", "=":
            place += 1
            return first == "|" ? .pipe : first == "(" ? .open : first == ")" ? .close : first == "," ? .comma : .assign
        case ":":
            guard isAt(":=") else { throw wrong("\":\" stands only in :=") }
            place += 2
            return .declare
        case "\"", "`", "'": return .constant(try quoted(first))
        case "$": return .variable("$" + (try word(after: 1, of: "a variable")))
        case ".":
            let next = place + 1 < source.count ? source[place + 1] : " "
            if Self.isDigit(next) { return .constant(try number()) }
            let name = try word(after: 1, of: "a field")
            return name.isEmpty ? .dot : .field(name)
        case "+", "-": return .constant(try number())
        case _ where Self.isDigit(first): return .constant(try number())
        case _ where Self.isWord(first): return .word(try word(after: 0, of: "a name"))
        default: throw wrong("the character \(first.debugDescription) cannot stand here")
        }
    }

    /// Letters and digits from `distance` on, and behind them something that may follow.
    private mutating func word(after distance: Int, of kind: String) throws(TemplateProblem) -> String {
        place += distance
        let start = place
        while place < source.count, Self.isWord(source[place]) { place += 1 }
        let name = String(String.UnicodeScalarView(source[start..<place]))
        if place < source.count {
            let next = source[place]
            guard Self.isBlank(next) || "}.,|:()=".unicodeScalars.contains(next) else {
                let remedy = next == "-" ? "; a name with a dash is asked for by index .Labels \"a-b\"" : ""
                throw wrong("the character \(next.debugDescription) cannot follow \(kind) \(name)\(remedy)")
            }
        }
        return name
    }

    private mutating func number() throws(TemplateProblem) -> TemplateLiteral {
        let start = place
        place += 1
        while place < source.count {
            let (next, before) = (source[place], source[place - 1])
            let isExponentSign = (next == "+" || next == "-") && (before == "e" || before == "E" || before == "p" || before == "P")
            guard Self.isWord(next) || next == "." || isExponentSign else { break }
            place += 1
        }
        let text = String(String.UnicodeScalarView(source[start..<place]))
        guard let literal = TemplateLiteral(number: text) else { throw wrong("\"\(text)\" is no number") }
        return literal
    }

    private mutating func quoted(_ quote: Unicode.Scalar) throws(TemplateProblem) -> TemplateLiteral {
        place += 1
        var text = String.UnicodeScalarView()
        while place < source.count, source[place] != quote {
            let scalar = source[place]
            if scalar == "\n" {
                guard quote == "`" else { break }
                line += 1
            }
            place += 1
            if scalar == "\\", quote != "`" { text.append(try escape(quote)) } else { text.append(scalar) }
        }
        guard place < source.count, source[place] == quote else { throw wrong("the quote is not closed") }
        place += 1
        guard quote == "'" else { return .text(String(text)) }
        guard text.count == 1, let scalar = text.first else { throw wrong("between '…' stands one character; a text stands between \"…\"") }
        return .integer(Int(scalar.value))
    }

    /// What stands behind a backslash.
    private mutating func escape(_ quote: Unicode.Scalar) throws(TemplateProblem) -> Unicode.Scalar {
        guard place < source.count else { throw wrong("the quote is not closed") }
        let scalar = source[place]
        place += 1
        let simple: [Unicode.Scalar: Unicode.Scalar] = [
            "a": "\u{07}", "b": "\u{08}", "f": "\u{0C}", "n": "\n", "r": "\r", "t": "\t", "v": "\u{0B}", "\\": "\\",
        ]
        if let meant = simple[scalar] { return meant }
        if scalar == quote { return quote }
        let (digits, radix) = scalar == "x" ? (2, 16) : scalar == "u" ? (4, 16) : scalar == "U" ? (8, 16) : Self.isDigit(scalar) ? (3, 8) : (0, 0)
        if radix == 8 { place -= 1 }
        let end = place + digits
        guard digits > 0, end <= source.count,
            let value = UInt32(String(String.UnicodeScalarView(source[place..<end])), radix: radix), let meant = Unicode.Scalar(value)
        else { throw wrong("\"\\\(scalar)\" is not known; write \\n, \\t, \\\" or \\\\, or the text between `…`") }
        place = end
        return meant
    }
}
