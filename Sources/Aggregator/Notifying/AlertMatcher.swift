package import Matching
package import Telemetry

/// One condition on a label, in Alertmanager's notation: `severity="critical"`, `host=~"web-.*"`, `team!=db`. Patterns match the whole value.
/// A label that is not there has the empty value.
package struct AlertMatcher: Sendable, Hashable, CustomStringConvertible {
    package enum Test: Sendable, Hashable {
        case equal(String)
        case notEqual(String)
        case matches(Pattern)
        case matchesNot(Pattern)
    }

    package let name: String
    package let test: Test

    package init(_ name: String, _ test: Test) { (self.name, self.test) = (name, test) }

    package func holds(for labels: Labels) -> Bool {
        let value = labels[name] ?? ""
        return switch test {
        case .equal(let wanted): value == wanted
        case .notEqual(let unwanted): value != unwanted
        case .matches(let pattern): pattern.matches(value)
        case .matchesNot(let pattern): !pattern.matches(value)
        }
    }

    /// Taken apart.
    var parts: MatcherParts {
        switch test {
        case .equal(let value): MatcherParts(name: name, value: value, isRegex: false, isEqual: true)
        case .notEqual(let value): MatcherParts(name: name, value: value, isRegex: false, isEqual: false)
        case .matches(let pattern): MatcherParts(name: name, value: pattern.source, isRegex: true, isEqual: true)
        case .matchesNot(let pattern): MatcherParts(name: name, value: pattern.source, isRegex: true, isEqual: false)
        }
    }

    /// As it would be written: `name="value"`.
    package var description: String {
        let (value, sign) = (parts.value, parts.isRegex ? (parts.isEqual ? "=~" : "!~") : parts.isEqual ? "=" : "!=")
        let escaped = value.map { $0 == "\\" ? "\\\\" : $0 == "\"" ? "\\\"" : $0 == "\n" ? "\\n" : String($0) }.joined()
        return "\(name)\(sign)\"\(escaped)\""
    }

    /// Why a text is not a matcher: a sentence that says what to write.
    package struct Malformed: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Reads `name op value`, several separated by commas, perhaps in braces. Values may stand without quotes when they hold no comma, and no quote
    /// without a backslash, as in Alertmanager; what looks like a second matcher without a comma, and a brace alone, are refused.
    package static func parse(_ text: some StringProtocol) throws(Malformed) -> [AlertMatcher] {
        var cursor = MatcherCursor(String(text))
        cursor.skipBlanks()
        let isBraced = cursor.take("{")
        var matchers: [AlertMatcher] = []
        while true {
            cursor.skipBlanks()
            if isBraced, cursor.take("}") { break }
            if cursor.isAtEnd {
                if isBraced { throw cursor.malformed("the brace is not closed") }
                break
            }
            matchers.append(try cursor.matcher(isBraced: isBraced))
            cursor.skipBlanks()
            if cursor.take(",") { continue }
            if isBraced, cursor.take("}") { break }
            if !cursor.isAtEnd { throw cursor.malformed("there is more after the value; separate matchers with commas and put values in quotes") }
        }
        cursor.skipBlanks()
        guard cursor.isAtEnd else { throw cursor.malformed("there is more after the closing brace") }
        guard !matchers.isEmpty else { throw cursor.malformed("there is no matcher") }
        guard matchers.count <= NotifyingLimits.matchersMax else {
            throw Malformed(description: "\(matchers.count) matchers are more than \(NotifyingLimits.matchersMax)")
        }
        return matchers
    }

    /// A matcher from its parts, as in `match` and `match_re`.
    package static func make(_ name: String, _ sign: String, _ value: String) throws(Malformed) -> AlertMatcher {
        switch sign {
        case "=": return AlertMatcher(name, .equal(value))
        case "!=": return AlertMatcher(name, .notEqual(value))
        default:
            let pattern: Pattern
            do throws(PatternError) { pattern = try Pattern(value, anchoring: .full) } catch { throw Malformed(description: error.description) }
            return AlertMatcher(name, sign == "=~" ? .matches(pattern) : .matchesNot(pattern))
        }
    }
}

extension [AlertMatcher] {
    /// Of a request: each text may hold several.
    init(filters: [String]) throws(QueryError) {
        self = []
        for filter in filters {
            do throws(AlertMatcher.Malformed) { self += try AlertMatcher.parse(filter) } catch { throw .invalid(error.description) }
        }
    }

    /// All must hold; none at all hold for everything.
    func hold(for labels: Labels) -> Bool { allSatisfy { $0.holds(for: labels) } }
}

private struct MatcherCursor {
    private let text: String
    private let characters: [Character]
    private var index = 0

    init(_ text: String) { (self.text, characters) = (text, Array(text)) }

    var isAtEnd: Bool { index >= characters.count }

    func malformed(_ problem: String) -> AlertMatcher.Malformed {
        AlertMatcher.Malformed(description: "\"\(text.prefix(200))\" is not a matcher: \(problem); write name=\"value\", with =, !=, =~ or !~")
    }

    mutating func skipBlanks() { while index < characters.count, characters[index].isWhitespace { index += 1 } }

    mutating func take(_ character: Character) -> Bool {
        guard index < characters.count, characters[index] == character else { return false }
        index += 1
        return true
    }

    mutating func matcher(isBraced: Bool) throws(AlertMatcher.Malformed) -> AlertMatcher {
        let name = index < characters.count && characters[index] == "\"" ? try quoted() : bare { !"=!~,{}\"".contains($0) && !$0.isWhitespace }
        guard !name.isEmpty else { throw malformed("the label's name is missing") }
        skipBlanks()
        let sign: String
        if take("=") {
            sign = take("~") ? "=~" : "="
        } else if take("!") {
            if take("=") { sign = "!=" } else if take("~") { sign = "!~" } else { throw malformed("after ! comes = or ~") }
        } else {
            throw malformed("the operator after \"\(name)\" is missing")
        }
        skipBlanks()
        let value = index < characters.count && characters[index] == "\"" ? try quoted() : try bareValue(isBraced: isBraced)
        return try AlertMatcher.make(name, sign, value)
    }

    /// A value without quotes: up to the comma, or to the brace that closes the list.
    private mutating func bareValue(isBraced: Bool) throws(AlertMatcher.Malformed) -> String {
        var (value, open, hasBlank) = ("", 0, false)
        while index < characters.count, characters[index] != "," {
            let character = characters[index]
            if isBraced, character == "}", characters[(index + 1)...].allSatisfy(\.isWhitespace) { break }
            index += 1
            switch character {
            case "\"": throw malformed("a quote inside of a value needs a backslash before it")
            case "\\" where index < characters.count: value += unescaped()
            case "=" where value.isEmpty || hasBlank, "~" where value.isEmpty:
                throw malformed("there is more after the value; separate matchers with commas and put values in quotes")
            case "{", "}":
                open += character == "{" ? 1 : -1
                if open < 0 { throw malformed("a brace is closed that was not opened") }
                value.append(character)
            default:
                hasBlank = hasBlank || character.isWhitespace
                value.append(character)
            }
        }
        guard open == 0 else { throw malformed("the brace is not closed") }
        while value.last?.isWhitespace == true { value.removeLast() }
        return value
    }

    /// What a backslash, which was read, and the next character stand for.
    private mutating func unescaped() -> String {
        let escaped = characters[index]
        index += 1
        // As in Alertmanager: an escape that is none stays as it is written, so that patterns need no double backslashes.
        return switch escaped {
        case "\"", "\\": String(escaped)
        case "n": "\n"
        default: "\\" + String(escaped)
        }
    }

    private mutating func bare(_ isPart: (Character) -> Bool) -> String {
        let start = index
        while index < characters.count, isPart(characters[index]) { index += 1 }
        return String(characters[start..<index])
    }

    private mutating func quoted() throws(AlertMatcher.Malformed) -> String {
        index += 1
        var value = ""
        while index < characters.count {
            let character = characters[index]
            index += 1
            if character == "\"" { return value }
            guard character == "\\" else {
                value.append(character)
                continue
            }
            guard index < characters.count else { break }
            value += unescaped()
        }
        throw malformed("the quote is not closed")
    }
}
