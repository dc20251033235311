import Telemetry

/// Reads a ``NotificationTemplate``: cuts the text at `{{ … }}`, then reads each action. Fields are checked against where they stand, so that
/// a template that was read can always be rendered.
struct TemplateParser {
    typealias Malformed = NotificationTemplate.Malformed

    enum Piece: Sendable {
        case text(String)
        /// The tokens between the braces, and the line on which they stand.
        case action([String], line: Int)
    }

    /// What the dot stands for.
    enum Dot: Sendable {
        case notification
        case alert
        /// Alerts, where a template is given a list.
        case list(TemplateExpression)

        var isAlert: Bool {
            if case .alert = self { return true }
            return false
        }
    }

    private let pieces: [Piece]
    private var next = 0
    private let library: TemplateLibrary
    /// Names of the defined templates that this one stands in.
    private let within: [String]

    init(_ source: String, library: TemplateLibrary) throws(Malformed) {
        self.init(try TemplateParser.cut(source), library: library, within: [])
    }

    private init(_ pieces: [Piece], library: TemplateLibrary, within: [String]) {
        (self.pieces, self.library, self.within) = (pieces, library, within)
    }

    mutating func parse(_ dot: Dot = .notification) throws(Malformed) -> [TemplateNode] {
        let (nodes, end) = try body(dot, depth: 0)
        if let end { throw TemplateParser.malformed("there is an \"\(end)\" without a beginning", line: 1) }
        return nodes
    }

    // MARK: Pieces

    static func cut(_ source: String) throws(Malformed) -> [Piece] {
        var pieces: [Piece] = []
        var (rest, line, trimsNext) = (Substring(source), 1, false)
        func text(_ text: Substring, trimEnd: Bool) -> String {
            var text = trimsNext ? text.drop(while: \.isWhitespace) : text
            if trimEnd { while text.last?.isWhitespace == true { text.removeLast() } }
            return String(text)
        }
        while let open = rest.firstRange(of: "{{") {
            let before = rest[..<open.lowerBound]
            line += before.count(where: \.isNewline)
            guard let close = rest[open.upperBound...].firstRange(of: "}}") else { throw malformed("the braces are not closed", line: line) }
            var action = rest[open.upperBound..<close.lowerBound]
            let trimsBefore = action.hasPrefix("- ") || action.hasPrefix("-/*")
            if trimsBefore { action = action.dropFirst() }
            pieces.append(.text(text(before, trimEnd: trimsBefore)))
            trimsNext = action.hasSuffix(" -") || action.hasSuffix("*/-")
            if trimsNext { action = action.dropLast() }
            let isComment = action.drop(while: \.isWhitespace).hasPrefix("/*")
            if !isComment { pieces.append(.action(try tokens(action, line: line), line: line)) }
            line += action.count(where: \.isNewline)
            rest = rest[close.upperBound...]
        }
        pieces.append(.text(text(rest, trimEnd: false)))
        return pieces
    }

    private static func tokens(_ action: Substring, line: Int) throws(Malformed) -> [String] {
        var (tokens, rest) = ([String](), action)
        while let first = rest.first {
            if first.isWhitespace {
                rest.removeFirst()
            } else if first == "\"" {
                guard let end = rest.dropFirst().firstIndex(of: "\"") else { throw malformed("the quote is not closed", line: line) }
                tokens.append(String(rest[..<end]))
                rest = rest[rest.index(after: end)...]
            } else if first == "|" {
                tokens.append("|")
                rest.removeFirst()
            } else {
                let word = rest.prefix { !$0.isWhitespace && $0 != "|" && $0 != "\"" }
                tokens.append(String(word))
                rest = rest.dropFirst(word.count)
            }
        }
        guard !tokens.isEmpty else { throw malformed("there is nothing between the braces", line: line) }
        return tokens
    }

    static func malformed(_ problem: String, line: Int) -> Malformed {
        Malformed(description: "line \(line) of the template: \(problem)")
    }

    // MARK: Nodes

    /// Reads up to an `end` or `else`, which is returned, or to the end of the template.
    private mutating func body(_ dot: Dot, depth: Int) throws(Malformed) -> ([TemplateNode], end: String?) {
        var nodes: [TemplateNode] = []
        while next < pieces.count {
            let piece = pieces[next]
            next += 1
            switch piece {
            case .text(let text): if !text.isEmpty { nodes.append(.text(text)) }
            case .action(let tokens, let line):
                switch tokens[0] {
                case "end", "else":
                    guard tokens.count == 1 else {
                        throw TemplateParser.malformed("write {{ \(tokens[0]) }} alone; \"else if\" is not known", line: line)
                    }
                    return (nodes, tokens[0])
                case "if", "range":
                    guard depth < 10 else { throw TemplateParser.malformed("more than 10 levels of if and range", line: line) }
                    nodes.append(try block(tokens, line: line, dot, depth: depth + 1))
                case "template": nodes += try inclusion(tokens, line: line, dot)
                default:
                    let value = try TemplateParser.expression(tokens[...], line: line, dot)
                    guard !value.isList else {
                        throw TemplateParser.malformed(
                            "\(tokens[0]) is a list: write {{ range \(tokens[0]) }} … {{ end }} or {{ \(tokens[0]) | len }}",
                            line: line
                        )
                    }
                    nodes.append(.value(value))
                }
            }
        }
        return (nodes, nil)
    }

    private mutating func block(_ tokens: [String], line: Int, _ dot: Dot, depth: Int) throws(Malformed) -> TemplateNode {
        let subject = try TemplateParser.expression(tokens.dropFirst(), line: line, dot)
        let isRange = tokens[0] == "range"
        if isRange, !subject.isList {
            throw TemplateParser.malformed("range goes over .Alerts, .Alerts.Firing or .Alerts.Resolved (within range: $.Alerts)", line: line)
        }
        let (first, end) = try body(isRange ? .alert : dot, depth: depth)
        var otherwise: [TemplateNode] = []
        var last = end
        if end == "else" { (otherwise, last) = try body(dot, depth: depth) }
        guard last == "end" else { throw TemplateParser.malformed("the {{ \(tokens[0]) }} has no {{ end }}", line: line) }
        return isRange
            ? .range(subject, body: first, otherwise: otherwise) : .condition(subject, body: first, otherwise: otherwise)
    }

    /// `{{ template "name" . }}`: what is defined under that name stands in its place.
    private func inclusion(_ tokens: [String], line: Int, _ dot: Dot) throws(Malformed) -> [TemplateNode] {
        guard tokens.count >= 2, tokens.count <= 3, tokens[1].hasPrefix("\"") else {
            throw TemplateParser.malformed("write {{ template \"name\" . }}", line: line)
        }
        let name = String(tokens[1].dropFirst())
        guard let defined = library[name] else {
            let known = library.names.joined(separator: ", ")
            throw TemplateParser.malformed("there is no template \"\(name)\"; there are \(known); give its file under templates", line: line)
        }
        guard !within.contains(name), within.count < 10 else {
            throw TemplateParser.malformed("the template \"\(name)\" stands in itself, or more than 10 deep", line: line)
        }
        let given = tokens.count < 3 ? dot : try argument(tokens[2], line: line, dot)
        var parser = TemplateParser(defined, library: library, within: within + [name])
        do throws(Malformed) { return try parser.parse(given) } catch {
            throw TemplateParser.malformed("in the template \"\(name)\": \(error)", line: line)
        }
    }

    private func argument(_ token: String, line: Int, _ dot: Dot) throws(Malformed) -> Dot {
        if token == "." { return dot }
        if token == "$" { return .notification }
        let list = try TemplateParser.expression([token], line: line, dot)
        guard list.isList else { throw TemplateParser.malformed("a template is given the dot, or a list of alerts", line: line) }
        return .list(list)
    }

    // MARK: Expressions

    private static func expression(_ tokens: ArraySlice<String>, line: Int, _ dot: Dot) throws(Malformed) -> TemplateExpression {
        var result: TemplateExpression?
        for part in tokens.split(separator: "|", omittingEmptySubsequences: false) {
            guard let first = part.first else { throw malformed("an operand is missing", line: line) }
            guard let function = TemplateExpression.Function(rawValue: first) else {
                guard result == nil, part.count == 1 else {
                    let known = TemplateExpression.Function.allCases.map(\.rawValue).joined(separator: ", ")
                    throw malformed("\"\(first)\" is not a function; there are \(known)", line: line)
                }
                result = try operand(first, line: line, dot)
                continue
            }
            var operands: [TemplateExpression] = []
            for token in part.dropFirst() { operands.append(try operand(token, line: line, dot)) }
            if let before = result { operands.append(before) }
            let isRight = function == .eq || function == .ne ? operands.count >= 2 : operands.count == 1
            guard isRight, function == .len || function == .not || !operands.contains(where: \.isList) else {
                throw malformed("\(first) has the wrong number or kind of operands", line: line)
            }
            result = .call(function, operands)
        }
        guard let result else { throw malformed("an operand is missing", line: line) }
        return result
    }

    private static func operand(_ token: String, line: Int, _ dot: Dot) throws(Malformed) -> TemplateExpression {
        if token.hasPrefix("\"") { return .literal(String(token.dropFirst())) }
        if token == ".", case .list(let list) = dot { return list }
        let inAlert = dot.isAlert
        let isRoot = token.hasPrefix("$.")
        guard isRoot || token.hasPrefix(".") else {
            throw malformed("\"\(token)\" is neither a field such as .Status nor a text in quotes", line: line)
        }
        let names = token.drop { $0 == "$" }.dropFirst().split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        let field = !inAlert || isRoot ? rootField(names).map { TemplateExpression.root($0) } : alertField(names).map { .alert($0) }
        guard let field else {
            let known =
                !inAlert || isRoot
                ? ".Status, .Receiver, .ExternalURL, .AcknowledgeURL, .GroupKey, .Alerts, .Alerts.Firing, .Alerts.Resolved, .GroupLabels.NAME, .CommonLabels.NAME, "
                    + ".CommonAnnotations.NAME"
                : ".Status, .StartsAt, .EndsAt, .GeneratorURL, .Fingerprint, .Labels.NAME, .Annotations.NAME, and $.Status and others of the whole"
            throw malformed("there is no \(token) here; there are \(known)", line: line)
        }
        return field
    }

    private static func rootField(_ names: [String]) -> TemplateExpression.RootField? {
        switch (names.first, names.count) {
        case ("Status", 1): .status
        case ("Receiver", 1): .receiver
        case ("ExternalURL", 1): .externalURL
        case ("AcknowledgeURL", 1): .acknowledgeURL
        case ("GroupKey", 1): .groupKey
        case ("Alerts", 1): .alerts
        case ("Alerts", 2): names[1] == "Firing" ? .firing : names[1] == "Resolved" ? .resolved : nil
        case ("GroupLabels", 2): .groupLabel(names[1])
        case ("CommonLabels", 2): .commonLabel(names[1])
        case ("CommonAnnotations", 2): .commonAnnotation(names[1])
        default: nil
        }
    }

    private static func alertField(_ names: [String]) -> TemplateExpression.AlertField? {
        switch (names.first, names.count) {
        case ("Status", 1): .status
        case ("StartsAt", 1): .startsAt
        case ("EndsAt", 1): .endsAt
        case ("GeneratorURL", 1): .generatorURL
        case ("Fingerprint", 1): .fingerprint
        case ("Labels", 2): .label(names[1])
        case ("Annotations", 2): .annotation(names[1])
        default: nil
        }
    }
}
