/// Reads a text with templates: the text itself, and what it defines. Source: Go's text/template/parse/parse.go.
struct TemplateParser {
    private let pieces: [TemplateLexer.Piece]
    private var next = 0
    private let file: String
    private let functions: [String: TemplateFunction]
    /// Those that may be named where we are, the innermost last.
    private var variables = ["$"]
    private var loops = 0
    /// In the order of the text.
    private(set) var defined: [TemplateTree] = []

    private static let keywords: Set<String> = ["if", "else", "end", "range", "with", "define", "block", "template", "break", "continue"]

    /// - Returns: the text itself under `name`, and behind it what it defines.
    static func parse(_ text: String, name: String, file: String, functions: [String: TemplateFunction]) throws(TemplateProblem) -> [TemplateTree] {
        var parser = TemplateParser(pieces: try TemplateLexer.cut(text, file: file), file: file, functions: functions)
        let body = try parser.body(depth: 0)
        if let end = body.end { throw parser.wrong("there is {{ \(end.word) }} without a beginning", line: end.line) }
        return [TemplateTree(name: name, file: file, nodes: body.nodes)] + parser.defined
    }

    private init(pieces: [TemplateLexer.Piece], file: String, functions: [String: TemplateFunction]) {
        (self.pieces, self.file, self.functions) = (pieces, file, functions)
    }

    private func wrong(_ problem: String, line: Int) -> TemplateProblem { TemplateProblem(.wrong, problem, line: line, file: file) }

    // MARK: Blocks

    private struct Body {
        var nodes: [TemplateNode] = []
        /// `end` or `else`, and what stands behind `else`.
        var end: (word: String, rest: ArraySlice<TemplateLexer.Token>, line: Int)?
    }

    /// Up to an `end` or an `else` that is not of a block within, or to the end of the text.
    private mutating func body(depth: Int) throws(TemplateProblem) -> Body {
        var body = Body()
        while next < pieces.count {
            let piece = pieces[next]
            next += 1
            guard case .action(let tokens, let line) = piece else {
                if case .text(let text) = piece { body.nodes.append(.text(text)) }
                continue
            }
            guard case .word(let word) = tokens[0].kind, Self.keywords.contains(word) else {
                body.nodes.append(.action(try pipeline(tokens[...], line: line)))
                continue
            }
            let rest = tokens.dropFirst()
            guard depth < TemplatingLimits.nestingMax else {
                throw wrong("more than \(TemplatingLimits.nestingMax) blocks in each other", line: line)
            }
            switch word {
            case "end", "else":
                body.end = (word, rest, line)
                return body
            case "if", "with", "range": body.nodes.append(try block(word, rest, line: line, depth: depth + 1))
            case "template": body.nodes.append(try call(rest, line: line))
            case "block": body.nodes.append(try definedHere(rest, line: line, depth: depth + 1))
            case "define":
                guard depth == 0 else { throw wrong("{{ define }} stands in another block", line: line) }
                try define(rest, line: line)
            default:
                guard loops > 0 else { throw wrong("{{ \(word) }} stands outside of a range", line: line) }
                guard rest.isEmpty else { throw wrong("write {{ \(word) }} alone", line: line) }
                body.nodes.append(word == "break" ? .leave : .turn)
            }
        }
        return body
    }

    private mutating func block(
        _ word: String,
        _ tokens: ArraySlice<TemplateLexer.Token>,
        line: Int,
        depth: Int
    ) throws(TemplateProblem) -> TemplateNode {
        let known = variables.count
        defer { variables.removeLast(variables.count - known) }
        let subject = try pipeline(tokens, line: line, isRange: word == "range")
        if word == "range" { loops += 1 }
        let first = try body(depth: depth)
        if word == "range" { loops -= 1 }
        var otherwise: [TemplateNode] = []
        guard var end = first.end else { throw wrong("the {{ \(word) }} has no {{ end }}", line: line) }
        if end.word == "else" {
            if let follower = end.rest.first {
                // {{ else if }} is an if of its own, which ends with ours.
                guard case .word(let chained) = follower.kind, chained == word, word != "range" else {
                    throw wrong("behind else stands nothing, or \(word == "range" ? "nothing" : word) again", line: end.line)
                }
                guard depth < TemplatingLimits.nestingMax else {
                    throw wrong("more than \(TemplatingLimits.nestingMax) times else \(word)", line: line)
                }
                otherwise = [try block(word, end.rest.dropFirst(), line: end.line, depth: depth + 1)]
                return node(word, subject, first.nodes, otherwise)
            }
            let second = try body(depth: depth)
            guard let last = second.end else { throw wrong("the {{ \(word) }} has no {{ end }}", line: line) }
            guard last.word == "end" else { throw wrong("the {{ \(word) }} has a second {{ else }}", line: last.line) }
            (otherwise, end) = (second.nodes, last)
        }
        guard end.rest.isEmpty else { throw wrong("write {{ end }} alone", line: end.line) }
        return node(word, subject, first.nodes, otherwise)
    }

    private func node(_ word: String, _ subject: TemplatePipeline, _ body: [TemplateNode], _ otherwise: [TemplateNode]) -> TemplateNode {
        switch word {
        case "if": .condition(subject, body: body, otherwise: otherwise)
        case "with": .with(subject, body: body, otherwise: otherwise)
        default: .range(subject, body: body, otherwise: otherwise)
        }
    }

    private func name(_ tokens: ArraySlice<TemplateLexer.Token>, of word: String, line: Int) throws(TemplateProblem) -> String {
        guard case .constant(.text(let name))? = tokens.first?.kind else { throw wrong("write {{ \(word) \"name\" … }}", line: line) }
        return name
    }

    private mutating func call(_ tokens: ArraySlice<TemplateLexer.Token>, line: Int) throws(TemplateProblem) -> TemplateNode {
        let name = try name(tokens, of: "template", line: line)
        let given = tokens.dropFirst()
        return .call(name: name, given.isEmpty ? nil : try pipeline(given, line: line), line: line)
    }

    private mutating func define(_ tokens: ArraySlice<TemplateLexer.Token>, line: Int) throws(TemplateProblem) {
        let name = try name(tokens, of: "define", line: line)
        guard tokens.count == 1 else { throw wrong("write {{ define \"\(name)\" }}", line: line) }
        try add(name, line: line, depth: 1, of: "define")
    }

    /// `{{ block "name" . }}` defines and calls.
    private mutating func definedHere(_ tokens: ArraySlice<TemplateLexer.Token>, line: Int, depth: Int) throws(TemplateProblem) -> TemplateNode {
        let name = try name(tokens, of: "block", line: line)
        let given = try pipeline(tokens.dropFirst(), line: line)
        try add(name, line: line, depth: depth, of: "block")
        return .call(name: name, given, line: line)
    }

    private mutating func add(_ name: String, line: Int, depth: Int, of word: String) throws(TemplateProblem) {
        let around = (variables, loops)
        (variables, loops) = (["$"], 0)
        defer { (variables, loops) = around }
        let body = try body(depth: depth)
        guard let end = body.end else { throw wrong("{{ \(word) \"\(name)\" }} has no {{ end }}", line: line) }
        guard end.word == "end", end.rest.isEmpty else {
            throw wrong("{{ \(end.word) }} stands where {{ \(word) \"\(name)\" }} should end", line: end.line)
        }
        let tree = TemplateTree(name: name, file: file, nodes: body.nodes)
        if !tree.isEmpty, defined.contains(where: { $0.name == name && !$0.isEmpty }) {
            throw wrong("\"\(name)\" is defined twice in this text", line: line)
        }
        defined.append(tree)
    }

    // MARK: Pipelines

    private mutating func pipeline(
        _ tokens: ArraySlice<TemplateLexer.Token>,
        line: Int,
        isRange: Bool = false
    ) throws(TemplateProblem) -> TemplatePipeline {
        var reader = TemplateOperandReader(tokens: Array(tokens), line: line, file: file, functions: functions, variables: variables)
        let pipeline = try reader.whole(isRange: isRange)
        if !pipeline.assigns { variables += pipeline.variables }
        return pipeline
    }
}
