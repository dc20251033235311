package import Matching

/// One of `redact`: what matches is replaced before anything is written to disk.
package struct RedactionRule: Sendable, Hashable {
    /// What else must hold of a match.
    package enum Check: Sendable, Hashable {
        case none
        /// Its digits are a card's number: the last one is right (ISO/IEC 7812-1, annex B).
        case luhn
    }

    package var pattern: Pattern
    /// What stands in its place; `$1` … `$9` are the match's groups, `$$` is a dollar.
    package var replacement: String
    package var check: Check

    package static let replacementDefault = "<redacted>"

    package init(_ pattern: Pattern, replacement: String = replacementDefault, check: Check = .none) {
        (self.pattern, self.replacement, self.check) = (pattern, replacement, check)
    }

    /// Ready-made rules, by the word that names them in `redact`.
    package enum Preset: String, Sendable, Hashable, CaseIterable {
        /// 13 to 19 digits, with blanks or hyphens between them, whose check digit is right.
        case creditCards = "credit_cards"
        /// What follows `Bearer`, `Basic` or `Token` in an authorization.
        case bearerTokens = "bearer_tokens"
        /// `https://user:password@host`
        case urlPasswords = "url_passwords"
        case emails

        private var source: (pattern: String, replacement: String, check: Check) {
            switch self {
            case .creditCards: (#"\b[0-9](?:[ -]?[0-9]){12,18}\b"#, RedactionRule.replacementDefault, .luhn)
            case .bearerTokens: (#"(?i)\b(bearer|basic|token)[ :]+[A-Za-z0-9._~+/=-]{8,}"#, "$1 <redacted>", .none)
            case .urlPasswords: (#"(://[^/\s:@]*):[^/\s@]+@"#, "$1:<redacted>@", .none)
            case .emails: (#"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}"#, RedactionRule.replacementDefault, .none)
            }
        }

        package func rule() throws(PatternError) -> RedactionRule {
            let source = source
            return RedactionRule(try Pattern(source.pattern), replacement: source.replacement, check: source.check)
        }
    }
}

/// The rules of one tail.
struct Redaction {
    private enum Piece { case text([UInt8]), group(Int) }

    private let rules: [(rule: RedactionRule, pieces: [Piece])]

    var isEmpty: Bool { rules.isEmpty }

    init(_ rules: [RedactionRule]) {
        self.rules = rules.map { ($0, Self.pieces(of: $0.replacement)) }
    }

    private static func pieces(of text: String) -> [Piece] {
        var (pieces, plain): ([Piece], [UInt8]) = ([], [])
        let bytes = Array(text.utf8)
        var index = 0
        while index < bytes.count {
            let next = index + 1 < bytes.count ? bytes[index + 1] : 0
            if bytes[index] == UInt8(ascii: "$"), next.isDigit, next != UInt8(ascii: "0") {
                if !plain.isEmpty { pieces.append(.text(plain)) }
                pieces.append(.group(Int(next - 48)))
                plain = []
                index += 2
                continue
            }
            if bytes[index] == UInt8(ascii: "$"), next == UInt8(ascii: "$") { index += 1 }
            plain.append(bytes[index])
            index += 1
        }
        return plain.isEmpty ? pieces : pieces + [.text(plain)]
    }

    /// The text with what matches replaced, rule by rule; nil when nothing matched, which is the usual case.
    func applied(to text: Span<UInt8>) -> [UInt8]? {
        var changed: [UInt8]?
        for (rule, pieces) in rules {
            if let known = changed {
                changed = Self.applied(rule, pieces, to: known.span) ?? known
            } else {
                changed = Self.applied(rule, pieces, to: text)
            }
        }
        return changed
    }

    private static func applied(_ rule: RedactionRule, _ pieces: [Piece], to text: Span<UInt8>) -> [UInt8]? {
        guard rule.pattern.matches(text) else { return nil }
        var (result, copied, start, isChanged): ([UInt8], Int, Int, Bool) = ([], 0, 0, false)
        while start <= text.count, let groups = rule.pattern.captures(in: text, from: start), let match = groups[0] {
            guard !match.isEmpty else {
                start = match.upperBound + 1
                continue
            }
            guard rule.check == .none || Luhn.holds(text, match) else {
                // A number behind another one, as in "12 4111…", may begin within this match.
                start = match.lowerBound + 1
                while start < text.count, text[start - 1].isDigit, text[start].isDigit { start += 1 }
                continue
            }
            isChanged = true
            append(text, copied..<match.lowerBound, to: &result)
            for piece in pieces {
                switch piece {
                case .text(let bytes): result += bytes
                case .group(let number): if number < groups.count, let range = groups[number] { append(text, range, to: &result) }
                }
            }
            (copied, start) = (match.upperBound, match.upperBound)
        }
        guard isChanged else { return nil }
        append(text, copied..<text.count, to: &result)
        return result
    }

    private static func append(_ text: Span<UInt8>, _ range: Range<Int>, to result: inout [UInt8]) {
        unsafe text.extracting(range).withUnsafeBufferPointer { unsafe result.append(contentsOf: $0) }
    }
}

/// ISO/IEC 7812-1, annex B.
enum Luhn {
    /// Whether the digits in the range are between 13 and 19, not all the same, and their check digit is right.
    static func holds(_ text: Span<UInt8>, _ range: Range<Int>) -> Bool {
        var (sum, count, first, differs): (Int, Int, UInt8, Bool) = (0, 0, 0, false)
        for index in range.reversed() where text[index].isDigit {
            let digit = Int(text[index] - 48)
            let weighted = count % 2 == 1 ? digit * 2 : digit
            sum += weighted > 9 ? weighted - 9 : weighted
            if count == 0 { first = text[index] } else if text[index] != first { differs = true }
            count += 1
        }
        return count >= 13 && count <= 19 && differs && sum % 10 == 0
    }
}
