/// Reads tokens into a checked tree: precedence climbing as in Prometheus's grammar, types checked where a node is made.
struct Parser {
    /// A part of the expression with what its surroundings must know.
    struct Part {
        var node: Node
        var type: ExpressionType
        /// First byte in the text.
        var start: Int
        /// Levels of the tree below and with this one.
        var height: Int
    }

    let text: [UInt8]
    let tokens: [Token]
    var index = 0
    /// How deep the parser itself has gone down.
    private var depth = 0

    static func parse(_ source: String) throws(ParseError) -> (node: Node, type: ExpressionType) {
        let text = Array(source.utf8)
        guard text.count <= ExpressionLimits.textBytesMax else {
            throw ParseError(
                line: 1,
                column: 1,
                problem: "the expression has \(text.count) bytes, more than \(ExpressionLimits.textBytesMax)",
                remedy: "split it into several rules"
            )
        }
        var parser = Parser(text: text, tokens: try Lexer.tokens(of: text))
        guard parser.current.kind != .end else { throw parser.error("there is no expression", write: "write one, for example node_load1 > 4") }
        let part = try parser.expression(minPrecedence: 1)
        guard parser.current.kind == .end else { throw parser.unexpected(after: "an expression") }
        return (part.node, part.type)
    }

    init(text: [UInt8], tokens: [Token]) { (self.text, self.tokens) = (text, tokens) }

    // MARK: Tokens

    var current: Token { tokens[index] }
    func peek(_ distance: Int) -> Token { tokens[min(index + distance, tokens.count - 1)] }
    mutating func advance() { index = min(index + 1, tokens.count - 1) }

    mutating func take(_ symbol: String) -> Bool {
        guard current.isSymbol(symbol) else { return false }
        advance()
        return true
    }

    mutating func expect(_ symbol: String, in place: String, write remedy: String) throws(ParseError) {
        guard take(symbol) else { throw error("\(name(of: current)) where \"\(symbol)\" belongs in \(place)", write: remedy) }
    }

    func name(of token: Token) -> String {
        token.kind == .end ? "the end" : "\"" + String(decoding: text[token.range], as: UTF8.self) + "\""
    }

    func error(_ problem: String, write remedy: String, at offset: Int? = nil) -> ParseError {
        ParseError(in: text, at: offset ?? current.range.lowerBound, problem, write: remedy)
    }

    func unexpected(after place: String) -> ParseError {
        if current.isSymbol("=") { return error("\"=\" compares nothing", write: "write ==") }
        if current.isSymbol(")") { return error("\")\" without \"(\"", write: "remove it, or open the parenthesis") }
        if current.word == "offset" || current.isSymbol("@") {
            return error("\(name(of: current)) must follow a selector", write: "write it right behind the selector, as in rate(x[5m] offset 1h)")
        }
        return error("\(name(of: current)) after \(place)", write: "put an operator between them, or remove what is too much")
    }

    /// Guards recursion, and the height of what it builds.
    private mutating func descend() throws(ParseError) {
        depth += 1
        if depth > ExpressionLimits.depthMax { throw tooDeep() }
    }

    private func tooDeep() -> ParseError {
        error("the expression is nested deeper than \(ExpressionLimits.depthMax) levels", write: "split it into several rules")
    }

    // MARK: Operators

    mutating func expression(minPrecedence: Int) throws(ParseError) -> Part {
        try descend()
        defer { depth -= 1 }
        var left = try unary()
        while let op = binaryOperator(), op.precedence >= minPrecedence {
            let place = current.range.lowerBound
            advance()
            let modifiers = try binaryModifiers(op, at: place)
            let right = try expression(minPrecedence: op == .power ? op.precedence : op.precedence + 1)
            left = try binary(op, left, right, modifiers, at: place)
        }
        return left
    }

    private func binaryOperator() -> Binary.Operator? {
        switch current.kind {
        case .symbol(let symbol): Binary.Operator(rawValue: symbol)
        case .identifier: current.word.flatMap { ["or", "and", "unless", "atan2"].contains($0) ? Binary.Operator(rawValue: $0) : nil }
        default: nil
        }
    }

    /// The operand of a sign binds like a factor: `-x ^ 2` is `-(x ^ 2)`, `-x * y` is `(-x) * y`.
    private mutating func unary() throws(ParseError) -> Part {
        guard current.isSymbol("-") || current.isSymbol("+") else { return try postfix() }
        let (isMinus, start) = (current.isSymbol("-"), current.range.lowerBound)
        advance()
        var part = try expression(minPrecedence: Binary.Operator.power.precedence)
        guard part.type == .scalar || part.type == .vector else {
            throw error("a sign before \(part.type.phrase)", write: "signs belong before numbers and instant vectors only", at: start)
        }
        if isMinus {
            if case .number(let value) = part.node { part.node = .number(-value) } else { part.node = .negated(part.node) }
        }
        part.start = start
        return try grown(part, by: 1)
    }

    private struct Modifiers {
        var returnsBool = false
        var matching: Binary.Matching?
    }

    private mutating func binaryModifiers(_ op: Binary.Operator, at place: Int) throws(ParseError) -> Modifiers {
        var modifiers = Modifiers()
        if current.word == "bool" {
            guard op.isComparison else { throw error("bool after \(op.rawValue)", write: "bool belongs behind a comparison: remove it") }
            advance()
            modifiers.returnsBool = true
        }
        guard let word = current.word, word == "on" || word == "ignoring", peek(1).isSymbol("(") else { return modifiers }
        advance()
        var matching = Binary.Matching(isOn: word == "on")
        matching.labels = Set(try labelList(of: word))
        if let group = current.word, group == "group_left" || group == "group_right" {
            let start = current.range.lowerBound
            guard !op.isSet else { throw error("\(group) with \(op.rawValue)", write: "set operators match many to many: remove \(group)") }
            advance()
            matching.cardinality = group == "group_left" ? .manyToOne : .oneToMany
            if current.isSymbol("(") { matching.included = try labelList(of: group) }
            if matching.isOn, let both = matching.included.first(where: { matching.labels.contains($0) }) {
                throw error("label \"\(both)\" stands in on(…) and in \(group)(…)", write: "remove it from one of them", at: start)
            }
        }
        modifiers.matching = matching
        return modifiers
    }

    private func binary(_ op: Binary.Operator, _ left: Part, _ right: Part, _ modifiers: Modifiers, at place: Int) throws(ParseError) -> Part {
        for side in [left, right] where side.type != .scalar && side.type != .vector {
            let remedy = side.type == .matrix ? "put it into a function, as in rate(x[5m])" : "use a number or a selector"
            throw error("\(side.type.phrase) beside \(op.rawValue)", write: remedy, at: side.start)
        }
        let areScalars = left.type == .scalar && right.type == .scalar
        let areVectors = left.type == .vector && right.type == .vector
        if op.isComparison, areScalars, !modifiers.returnsBool {
            throw error("a comparison of two numbers filters nothing", write: "write \(op.rawValue) bool", at: place)
        }
        if op.isSet, !areVectors {
            let scalar = left.type == .scalar ? left : right
            throw error("\(op.rawValue) with a number", write: "it joins instant vectors: write vector(…) around the number", at: scalar.start)
        }
        if let matching = modifiers.matching, !matching.labels.isEmpty || matching.cardinality != .oneToOne, !areVectors {
            throw error("on(…) or ignoring(…) with a number", write: "matching is for two vectors: remove it", at: place)
        }
        let node = Node.binary(
            Binary(
                op: op,
                left: left.node,
                right: right.node,
                returnsBool: modifiers.returnsBool,
                matching: modifiers.matching ?? Binary.Matching(),
                leftType: left.type,
                rightType: right.type
            )
        )
        return try grown(Part(node: node, type: areScalars ? .scalar : .vector, start: left.start, height: max(left.height, right.height)), by: 1)
    }

    func grown(_ part: Part, by levels: Int) throws(ParseError) -> Part {
        var part = part
        part.height += levels
        if part.height > ExpressionLimits.depthMax { throw tooDeep() }
        return part
    }
}
