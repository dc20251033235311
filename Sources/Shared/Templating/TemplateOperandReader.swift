/// Reads what stands between braces: variables, operands, functions with what is given to them, pipes and parentheses.
struct TemplateOperandReader {
    typealias Token = TemplateLexer.Token

    private let tokens: [Token]
    private var next = 0
    private var line: Int
    private let file: String
    private let functions: [String: TemplateFunction]
    private let variables: [String]
    private var depth = 0

    init(tokens: [Token], line: Int, file: String, functions: [String: TemplateFunction], variables: [String]) {
        (self.tokens, self.line, self.file, self.functions, self.variables) = (tokens, line, file, functions, variables)
    }

    private func wrong(_ problem: String) -> TemplateProblem { TemplateProblem(.wrong, problem, line: line, file: file) }

    private func kind(_ distance: Int = 0) -> Token.Kind? { next + distance < tokens.count ? tokens[next + distance].kind : nil }

    /// All tokens.
    mutating func whole(isRange: Bool) throws(TemplateProblem) -> TemplatePipeline {
        var pipeline = TemplatePipeline(line: line)
        try declaration(&pipeline, isRange: isRange)
        try commands(&pipeline)
        guard next == tokens.count else { throw wrong("a parenthesis is closed that was not opened") }
        return pipeline
    }

    /// `$x :=`, `$x =`; in a range `$index, $value :=` too.
    private mutating func declaration(_ pipeline: inout TemplatePipeline, isRange: Bool) throws(TemplateProblem) {
        guard case .variable(let first)? = kind() else { return }
        if kind(1) == .declare || kind(1) == .assign {
            (pipeline.variables, pipeline.assigns) = ([first], kind(1) == .assign)
            next += 2
        } else if kind(1) == .comma {
            guard isRange else { throw wrong("two variables stand only in a range") }
            guard case .variable(let second)? = kind(2), kind(3) == .declare || kind(3) == .assign else {
                throw wrong("write range $index, $value := …")
            }
            (pipeline.variables, pipeline.assigns) = ([first, second], kind(3) == .assign)
            next += 4
        }
        for name in pipeline.variables {
            if name == "$" { throw wrong("$ is the whole, and no variable; write $name := …") }
            if pipeline.assigns, !variables.contains(name) { throw wrong("there is no variable \(name) here; write \(name) := … first") }
        }
    }

    private mutating func commands(_ pipeline: inout TemplatePipeline) throws(TemplateProblem) {
        depth += 1
        defer { depth -= 1 }
        guard depth <= TemplatingLimits.nestingMax else { throw wrong("more than \(TemplatingLimits.nestingMax) parentheses in each other") }
        while true {
            var command: [TemplateOperand] = []
            while let kind = kind(), kind != .pipe, kind != .close { command.append(try operand()) }
            guard let first = command.first else {
                // Go minds no | at the end.
                if !pipeline.commands.isEmpty, kind() != .pipe { return }
                throw wrong("a value is missing")
            }
            if !pipeline.commands.isEmpty {
                switch first {
                case .dot, .constant, .pipeline: throw wrong("behind | stands a function")
                default: break
                }
            }
            pipeline.commands.append(command)
            guard kind() == .pipe else { return }
            next += 1
        }
    }

    /// One operand with the fields that are asked of it.
    private mutating func operand() throws(TemplateProblem) -> TemplateOperand {
        let token = tokens[next]
        line = token.line
        next += 1
        switch token.kind {
        case .dot: return .dot
        case .constant(let literal):
            guard fields().isEmpty else { throw wrong("a constant has no fields") }
            return .constant(literal.value)
        case .field(let name): return .field([name] + fields())
        case .variable(let name):
            guard variables.contains(name) else { throw wrong("there is no variable \(name) here; write {{ \(name) := … }} first") }
            return .variable(name, fields: fields())
        case .open:
            var pipeline = TemplatePipeline(line: line)
            try commands(&pipeline)
            guard kind() == .close else { throw wrong("a parenthesis is not closed") }
            next += 1
            let fields = fields()
            return fields.isEmpty ? .pipeline(pipeline) : .chain(.pipeline(pipeline), fields: fields)
        case .word("true"): return .constant(.bool(true))
        case .word("false"): return .constant(.bool(false))
        case .word("nil"): return .constant(.nothing)
        case .word(let name):
            guard functions[name] != nil else {
                let known = functions.keys.sorted().joined(separator: ", ")
                throw wrong("there is no function \"\(name)\"; a field begins with a point, a text stands in quotes, and functions are \(known)")
            }
            return .function(name)
        case .comma: throw wrong("a comma stands only between the two variables of a range")
        case .assign, .declare: throw wrong("before := and = stands a variable")
        case .pipe, .close: throw wrong("a value is missing")
        }
    }

    /// `.A.B` right behind something, without a blank.
    private mutating func fields() -> [String] {
        var names: [String] = []
        while next < tokens.count, tokens[next].follows, case .field(let name) = tokens[next].kind {
            names.append(name)
            next += 1
        }
        return names
    }
}
