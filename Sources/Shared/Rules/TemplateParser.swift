import Expressions

/// Reads `{{ … }}` of Go's text/template, as far as ``Template`` goes.
struct TemplateParser {
    private enum Word: Equatable {
        case name(String)
        case string(String)
        case number(String)
        case pipe, open, close
    }

    /// What is known of a value when the template is loaded.
    private enum Kind { case text, float, integer }

    static func parse(_ text: String) throws(TemplateError) -> [Template.Part] {
        var (parts, rest): ([Template.Part], Substring) = ([], text[...])
        var trimsNext = false
        while let start = rest.utf8Range(of: "{{") {
            var before = rest[..<start.lowerBound]
            if trimsNext { before = before.drop { $0.isWhitespace } }
            guard let end = endOfAction(in: rest[start.upperBound...]) else {
                throw TemplateError("\"{{\" without \"}}\"", write: "close it, as in {{ $value }}")
            }
            var action = rest[start.upperBound..<end.lowerBound]
            if action.hasPrefix("- ") || action == "-" {
                action = action.dropFirst()
                while before.last?.isWhitespace ?? false { before = before.dropLast() }
            }
            trimsNext = action.hasSuffix(" -")
            if trimsNext { action = action.dropLast() }
            if !before.isEmpty { parts.append(.text(String(before))) }
            if let operand = try parseAction(String(action)) { parts.append(.action(operand)) }
            rest = rest[end.upperBound...]
        }
        if trimsNext { rest = rest.drop { $0.isWhitespace } }
        if !rest.isEmpty { parts.append(.text(String(rest))) }
        return parts
    }

    /// The first `}}` that stands in no string.
    private static func endOfAction(in text: Substring) -> Range<String.Index>? {
        var (index, quote): (String.Index, Character?) = (text.startIndex, nil)
        while index < text.endIndex {
            let character = text[index]
            let next = text.index(after: index)
            if let open = quote {
                if character == "\\", open == "\"", next < text.endIndex {
                    index = text.index(after: next)
                    continue
                }
                if character == open { quote = nil }
            } else if character == "\"" || character == "`" {
                quote = character
            } else if character == "}", next < text.endIndex, text[next] == "}" {
                return index..<text.index(after: next)
            }
            index = next
        }
        return nil
    }

    // MARK: One action

    private var words: [Word]
    private var index = 0
    private var depth = 0
    private let source: String

    /// Nil for a comment.
    private static func parseAction(_ source: String) throws(TemplateError) -> Template.Operand? {
        var trimmed = source[...]
        while trimmed.first?.isWhitespace ?? false { trimmed = trimmed.dropFirst() }
        while trimmed.last?.isWhitespace ?? false { trimmed = trimmed.dropLast() }
        if trimmed.hasPrefix("/*"), trimmed.hasSuffix("*/") { return nil }
        var parser = TemplateParser(words: try split(source), source: String(trimmed))
        let operand = try parser.pipeline()
        guard parser.index == parser.words.count else { throw parser.wrong("a parenthesis is closed that was not opened") }
        return operand
    }

    private init(words: [Word], source: String) { (self.words, self.source) = (words, source) }

    private func wrong(_ problem: String) -> TemplateError {
        TemplateError(
            "{{ \(source.prefix(80)) }}: \(problem)",
            write: "write {{ $labels.name }}, {{ $value }}, or a function of \(RuleTemplateFunction.names.joined(separator: ", "))"
        )
    }

    private static func split(_ source: String) throws(TemplateError) -> [Word] {
        var (words, rest): ([Word], Substring) = ([], source[...])
        func wrong(_ problem: String) -> TemplateError { TemplateParser(words: [], source: source).wrong(problem) }
        while let character = rest.first {
            switch character {
            case _ where character.isWhitespace: rest = rest.dropFirst()
            case "|", "(", ")":
                words.append(character == "|" ? .pipe : character == "(" ? .open : .close)
                rest = rest.dropFirst()
            case "\"", "`":
                rest = rest.dropFirst()
                var (text, isClosed) = ("", false)
                while let next = rest.popFirst() {
                    if next == character {
                        isClosed = true
                        break
                    }
                    guard next == "\\", character == "\"" else {
                        text.append(next)
                        continue
                    }
                    switch rest.popFirst() {
                    case "n": text += "\n"
                    case "t": text += "\t"
                    case "\"": text += "\""
                    case "\\": text += "\\"
                    default: throw wrong("an escape sequence that is not known")
                    }
                }
                guard isClosed else { throw wrong("a string without end") }
                words.append(.string(text))
            case _ where character.isNumber || (character == "-" || character == "+") && (rest.dropFirst().first?.isNumber ?? false):
                let number = rest.prefix { $0.isNumber || $0 == "." || $0 == "e" || $0 == "-" || $0 == "+" }
                words.append(.number(String(number)))
                rest = rest.dropFirst(number.count)
            default:
                let name = rest.prefix { !$0.isWhitespace && !"|()\"`".contains($0) }
                words.append(.name(String(name)))
                rest = rest.dropFirst(name.count)
            }
        }
        return words
    }

    private mutating func pipeline() throws(TemplateError) -> Template.Operand {
        depth += 1
        defer { depth -= 1 }
        guard depth <= 16 else { throw wrong("parentheses nested deeper than 16") }
        var result: Template.Operand?
        while true {
            let operand = try command(piped: result)
            guard index < words.count, words[index] == .pipe else { return operand }
            index += 1
            result = operand
        }
    }

    /// An operand, or a function with its arguments; what was piped in is the last one.
    private mutating func command(piped: Template.Operand?) throws(TemplateError) -> Template.Operand {
        guard index < words.count else { throw wrong("nothing stands where a value belongs") }
        if case .name(let name) = words[index], RuleTemplateFunction.names.contains(name) {
            index += 1
            var arguments: [Template.Operand] = []
            while index < words.count, words[index] != .pipe, words[index] != .close { arguments.append(try operand()) }
            if let piped { arguments.append(piped) }
            return try call(name, arguments)
        }
        let result = try operand()
        guard piped == nil else { throw wrong("a value cannot be piped into what is no function") }
        guard index == words.count || words[index] == .pipe || words[index] == .close else { throw wrong("two values stand side by side") }
        return result
    }

    private mutating func operand() throws(TemplateError) -> Template.Operand {
        let word = words[index]
        index += 1
        switch word {
        case .string(let text): return .string(text)
        case .number(let text):
            if let integer = Int(text) { return .integer(integer) }
            guard let number = Double(text) else { throw wrong("\"\(text)\" is no number") }
            return .number(number)
        case .open:
            let inner = try pipeline()
            guard index < words.count, words[index] == .close else { throw wrong("a parenthesis is not closed") }
            index += 1
            return inner
        case .name(let name): return try variable(name)
        case .pipe, .close: throw wrong("nothing stands where a value belongs")
        }
    }

    private func variable(_ name: String) throws(TemplateError) -> Template.Operand {
        if name == "$value" || name == ".Value" || name == "$.Value" { return .value }
        for prefix in ["$labels.", ".Labels.", "$.Labels."] where name.hasPrefix(prefix) {
            let label = String(name.dropFirst(prefix.count))
            guard LabelName.isValid(label) else { throw wrong("\"\(label)\" is no label name") }
            return .label(label)
        }
        if name.hasPrefix("$externalLabels") || name.hasPrefix("$externalURL") || name.hasPrefix(".External") {
            throw wrong("there are no external labels here: host, instance and job are labels of every series")
        }
        let isControl = ["if", "else", "end", "range", "with", "define", "template", "block", "query", "first", "index"].contains(name)
        throw wrong(isControl ? "\"\(name)\" is not known here: only values and functions are" : "\"\(name)\" is not known")
    }

    private static func kind(of operand: Template.Operand) -> Kind {
        switch operand {
        case .value, .number: .float
        case .integer: .integer
        case .label, .string, .call: .text
        }
    }

    private func call(_ name: String, _ arguments: [Template.Operand]) throws(TemplateError) -> Template.Operand {
        if name == "printf" {
            guard case .string(let format)? = arguments.first else { throw wrong("printf needs its format first, as in printf \"%.2f\" $value") }
            let values = Array(arguments.dropFirst())
            try check(format, values)
            return .call(.printf(format), values)
        }
        guard arguments.count == 1 else { throw wrong("\(name) takes one value, not \(arguments.count)") }
        switch name {
        case "title", "toUpper", "toLower":
            guard Self.kind(of: arguments[0]) == .text else { throw wrong("\(name) needs a text, not a number") }
            return .call(name == "title" ? .title : name == "toUpper" ? .toUpper : .toLower, arguments)
        case "humanize": return .call(.humanize, arguments)
        case "humanize1024": return .call(.humanize1024, arguments)
        case "humanizeDuration": return .call(.humanizeDuration, arguments)
        case "humanizePercentage": return .call(.humanizePercentage, arguments)
        default: return .call(.humanizeTimestamp, arguments)
        }
    }

    /// Checks each directive against the value it prints.
    private func check(_ format: String, _ values: [Template.Operand]) throws(TemplateError) {
        var (rest, used): (Substring, Int) = (format[...], 0)
        while let start = rest.firstIndex(of: "%") {
            rest = rest[rest.index(after: start)...]
            let options = rest.prefix { "+-# 0123456789.".contains($0) }
            rest = rest.dropFirst(options.count)
            guard let verb = rest.popFirst() else { throw wrong("the format ends behind %; write %% for a percent sign") }
            if verb == "%" { continue }
            guard used < values.count else { throw wrong("the format has more directives than there are values") }
            let kind = Self.kind(of: values[used])
            used += 1
            let sizes = options.drop { "+-# 0".contains($0) }.split(separator: ".", omittingEmptySubsequences: true)
            guard sizes.count <= 2, sizes.allSatisfy({ (Int($0) ?? 1000) <= 100 }), options.count(where: { $0 == "." }) <= 1 else {
                throw wrong("width and precision go up to 100")
            }
            switch (verb, kind) {
            case ("f", .float), ("e", .float), ("g", .float), ("F", .float), ("E", .float), ("G", .float): break
            case ("d", .integer), ("x", .integer), ("o", .integer), ("X", .integer): break
            case ("v", _), ("s", .text), ("q", .text): break
            case ("d", .float): throw wrong("%d does not print $value, which has a fraction: write %.0f")
            case ("s", _): throw wrong("%s does not print a number: write %v or %.2f")
            case ("f", _), ("e", _), ("g", _): throw wrong("%\(verb) does not print a text: write %s")
            default: throw wrong("%\(options)\(verb) is not known for this value")
            }
        }
        guard used == values.count else { throw wrong("there are more values than the format has directives") }
    }
}

extension Substring {
    /// Where `pattern` first stands.
    fileprivate func utf8Range(of pattern: String) -> Range<String.Index>? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(pattern) { return index..<self.index(index, offsetBy: pattern.count) }
            index = self.index(after: index)
        }
        return nil
    }
}
