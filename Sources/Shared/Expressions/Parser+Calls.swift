import Telemetry

/// Calls of functions and aggregations, and lists of labels.
extension Parser {
    mutating func call(_ function: Function, start: Int) throws(ParseError) -> Part {
        advance()
        let arguments = try self.arguments(of: function.rawValue)
        let signature = function.signature
        let most = signature.isVariadic ? Int.max : signature.arguments.count
        guard arguments.count >= signature.required, arguments.count <= most else {
            throw error("\(function.rawValue) with \(arguments.count) arguments", write: "write \(function.usage)", at: start)
        }
        for (index, argument) in arguments.enumerated() {
            let wanted = signature.arguments[min(index, signature.arguments.count - 1)]
            guard argument.type != wanted else { continue }
            var remedy = "write \(function.usage)"
            if wanted == .matrix, argument.type == .vector { remedy = "write a range behind it: \(function.rawValue)(x[5m])" }
            if wanted == .vector, argument.type == .scalar { remedy = "write vector(…) around the number" }
            throw error("\(function.rawValue) needs \(wanted.phrase) here, not \(argument.type.phrase)", write: remedy, at: argument.start)
        }
        try checkTexts(of: function, arguments)
        let height = arguments.map(\.height).max() ?? 0
        return try grown(Part(node: .call(function, arguments.map(\.node)), type: signature.result, start: start, height: height), by: 1)
    }

    /// `(a, b, c)`
    private mutating func arguments(of name: String) throws(ParseError) -> [Part] {
        try expect("(", in: name, write: "open the parenthesis")
        var arguments: [Part] = []
        while !take(")") {
            arguments.append(try expression(minPrecedence: 1))
            if take(")") { break }
            try expect(",", in: "the arguments of \(name)", write: "put a comma between arguments, and close with )")
            if current.isSymbol(")") { throw error("a comma before the closing parenthesis", write: "remove the comma") }
        }
        return arguments
    }

    /// Label names and regular expressions among the arguments are known now, so their mistakes are too.
    private func checkTexts(of function: Function, _ arguments: [Part]) throws(ParseError) {
        guard function == .labelReplace || function == .labelJoin else { return }
        for (index, argument) in arguments.enumerated() {
            guard case .string(let text) = argument.node else { continue }
            if index == 1 || function == .labelJoin && index >= 3 {
                guard LabelName.isValid(text) else {
                    throw error("\"\(text)\" is no label name", write: "write letters, digits and _, not a digit first", at: argument.start)
                }
            }
            if function == .labelReplace, index == 4 {
                do { _ = try LabelMatcher("", .regex, text) } catch {
                    throw self.error(error.description, write: "write a regular expression of RE2's language", at: argument.start)
                }
            }
        }
    }

    mutating func aggregate(_ op: Aggregate.Operator, start: Int) throws(ParseError) -> Part {
        advance()
        var grouping: (isWithout: Bool, labels: [String])?
        func isGrouping(_ parser: Parser) -> Bool { ["by", "without"].contains(parser.current.word ?? "") && parser.peek(1).isSymbol("(") }
        if isGrouping(self) { grouping = try self.grouping() }
        var arguments = try self.arguments(of: op.rawValue)
        if isGrouping(self) {
            guard grouping == nil else { throw error("by or without is given twice", write: "write it once, before or behind the parentheses") }
            grouping = try self.grouping()
        }

        let usage = op.parameter == nil ? "\(op.rawValue)(v)" : "\(op.rawValue)(\(op.parameter == .string ? "\"label\"" : "number"), v)"
        guard arguments.count == (op.parameter == nil ? 1 : 2) else {
            throw error("\(op.rawValue) with \(arguments.count) arguments", write: "write \(usage)", at: start)
        }
        let vector = arguments.removeLast()
        guard vector.type == .vector else {
            let remedy = vector.type == .matrix ? "aggregate over time first, as in \(op.rawValue)(rate(x[5m]))" : "write \(usage)"
            throw error("\(op.rawValue) needs an instant vector, not \(vector.type.phrase)", write: remedy, at: vector.start)
        }
        if let parameter = arguments.first, let wanted = op.parameter {
            guard parameter.type == wanted else {
                throw error("\(op.rawValue) needs \(wanted.phrase) first, not \(parameter.type.phrase)", write: "write \(usage)", at: parameter.start)
            }
            if case .string(let label) = parameter.node, !LabelName.isValid(label) {
                throw error("\"\(label)\" is no label name", write: "write letters, digits and _, not a digit first", at: parameter.start)
            }
        }
        let node = Node.aggregate(
            Aggregate(
                op: op,
                argument: vector.node,
                parameter: arguments.first?.node,
                isWithout: grouping?.isWithout ?? false,
                labels: Set(grouping?.labels ?? [])
            )
        )
        return try grown(Part(node: node, type: .vector, start: start, height: max(vector.height, arguments.first?.height ?? 0)), by: 1)
    }

    private mutating func grouping() throws(ParseError) -> (isWithout: Bool, labels: [String]) {
        let word = current.word ?? ""
        advance()
        return (word == "without", try labelList(of: word))
    }

    /// `(a, b,)`; keywords are names here.
    mutating func labelList(of place: String) throws(ParseError) -> [String] {
        try expect("(", in: place, write: "write the labels in parentheses: \(place)(host)")
        var labels: [String] = []
        while !take(")") {
            guard case .identifier(let label) = current.kind, LabelName.isValid(label) else {
                throw error(
                    "\(name(of: current)) where a label's name belongs in \(place)(…)",
                    write: "write names without quotation marks: \(place)(host, device)"
                )
            }
            labels.append(label)
            advance()
            if take(")") { break }
            try expect(",", in: "\(place)(…)", write: "put a comma between labels, and close with )")
        }
        return labels
    }
}

/// Names of labels: `[a-zA-Z_][a-zA-Z0-9_]*`.
package enum LabelName {
    package static func isValid(_ name: String) -> Bool {
        guard let first = name.utf8.first, first.isLetter else { return false }
        return name.utf8.allSatisfy { $0.isLetter || $0.isDigit }
    }

    /// Of metrics: colons too.
    package static func isValidMetric(_ name: String) -> Bool {
        guard let first = name.utf8.first, !first.isDigit else { return false }
        return name.utf8.allSatisfy { $0.isLetter || $0.isDigit || $0 == UInt8(ascii: ":") }
    }
}
