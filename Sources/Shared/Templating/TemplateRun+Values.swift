/// What operands, fields and functions give.
extension TemplateRun {
    mutating func value(of pipeline: TemplatePipeline, _ dot: TemplateValue) throws(TemplateProblem) -> TemplateValue {
        try placed(pipeline.line) { (run) throws(TemplateProblem) in
            var value: TemplateValue?
            for command in pipeline.commands { value = try run.value(of: command, piped: value, dot) }
            let result = value ?? .nothing
            for name in pipeline.variables {
                if pipeline.assigns { try run.assign(name, result) } else { run.variables.append((name, result)) }
            }
            return result
        }
    }

    mutating func assign(_ name: String, _ value: TemplateValue) throws(TemplateProblem) {
        guard let index = variables.lastIndex(where: { $0.name == name }) else { throw TemplateProblem(.wrong, "there is no variable \(name) here") }
        // In a branch that is not always taken: of two kinds of values either may be there behind it.
        let isSure = !isChecking || variables[index].value.typeName == value.typeName
        variables[index].value = isSure ? value : .unknown
    }

    private mutating func value(of command: [TemplateOperand], piped: TemplateValue?, _ dot: TemplateValue) throws(TemplateProblem) -> TemplateValue {
        try step()
        let given = command.dropFirst()
        switch command[0] {
        case .function(let name): return try call(name, given, piped, dot)
        case .field(let fields): return try members(fields, of: dot, try arguments(given, piped, dot))
        case .chain(let operand, let fields): return try members(fields, of: try self.value(of: operand, dot), try arguments(given, piped, dot))
        case .variable(let name, let fields) where !fields.isEmpty:
            return try members(fields, of: try variable(name), try arguments(given, piped, dot))
        default:
            if case .constant(.nothing) = command[0] { throw TemplateProblem(.wrong, "nil is no value by itself") }
            guard given.isEmpty, piped == nil else { throw TemplateProblem(.wrong, "what is no function takes no values") }
            return try value(of: command[0], dot)
        }
    }

    private mutating func arguments(
        _ operands: ArraySlice<TemplateOperand>,
        _ piped: TemplateValue?,
        _ dot: TemplateValue
    ) throws(TemplateProblem) -> [TemplateValue] {
        var values: [TemplateValue] = []
        for operand in operands { values.append(try value(of: operand, dot)) }
        if let piped { values.append(piped) }
        return values
    }

    private mutating func value(of operand: TemplateOperand, _ dot: TemplateValue) throws(TemplateProblem) -> TemplateValue {
        switch operand {
        case .dot: return dot
        case .constant(let value): return value
        case .field(let fields): return try members(fields, of: dot, [])
        case .variable(let name, let fields): return try members(fields, of: try variable(name), [])
        case .function(let name): return try call(name, [], nil, dot)
        case .pipeline(let pipeline): return try deeper { (run) throws(TemplateProblem) in try run.value(of: pipeline, dot) }
        case .chain(let operand, let fields): return try members(fields, of: try value(of: operand, dot), [])
        }
    }

    private func variable(_ name: String) throws(TemplateProblem) -> TemplateValue {
        guard let variable = variables.last(where: { $0.name == name }) else { throw TemplateProblem(.wrong, "there is no variable \(name) here") }
        return variable.value
    }

    /// Fields of fields; the last is given the arguments.
    private mutating func members(
        _ names: [String],
        of value: TemplateValue,
        _ arguments: [TemplateValue]
    ) throws(TemplateProblem) -> TemplateValue {
        var value = value
        for (index, name) in names.enumerated() {
            let given = index == names.count - 1 ? arguments : []
            try step()
            if value.isUnknown || given.contains(where: \.isUnknown) { return .unknown }
            let owner = value
            value = try tried { () throws(TemplateProblem) in try TemplateMember.value(name, of: owner, given) }
        }
        return value
    }

    /// While it is checked: what fits these values not may fit others.
    private func tried(_ body: () throws(TemplateProblem) -> TemplateValue) throws(TemplateProblem) -> TemplateValue {
        do throws(TemplateProblem) { return try body() } catch {
            if isChecking, error.kind == .unfit { return .unknown }
            throw error
        }
    }

    private mutating func call(
        _ name: String,
        _ operands: ArraySlice<TemplateOperand>,
        _ piped: TemplateValue?,
        _ dot: TemplateValue
    ) throws(TemplateProblem) -> TemplateValue {
        guard let function = set.function(name) else { throw TemplateProblem(.wrong, "there is no function \"\(name)\"") }
        try step()
        let count = operands.count + (piped == nil ? 0 : 1)
        guard function.arguments.contains(count) else {
            throw TemplateProblem(.wrong, "\(name) is given \(count) values and takes \(function.wantsWords)")
        }
        if let decides = function.decides { return try chosen(operands, piped, dot, decides) }
        let given = try arguments(operands, piped, dot)
        if given.contains(where: \.isUnknown) { return .unknown }
        let moment = now
        let result = try tried { () throws(TemplateProblem) in try function.apply(given, moment) }
        if let text = result.asText {
            guard text.utf8.count <= TemplatingLimits.textBytesMax else {
                throw TemplateProblem(.limit, "\(name) makes a text of more than \(TemplatingLimits.textBytesMax) bytes")
            }
            try step(bytes: text.utf8.count + function.extraBytes)
        } else {
            try step(bytes: function.extraBytes)
        }
        return result
    }

    /// `and`, `or`: the first that decides, and what stands behind it is not looked at.
    private mutating func chosen(
        _ operands: ArraySlice<TemplateOperand>,
        _ piped: TemplateValue?,
        _ dot: TemplateValue,
        _ decides: Bool
    ) throws(TemplateProblem) -> TemplateValue {
        var (values, last): ([TemplateValue], TemplateValue) = ([], .nothing)
        for operand in operands {
            last = try value(of: operand, dot)
            if isChecking { values.append(last) } else if last.isTrue == decides { return last }
        }
        if let piped { last = piped }
        guard isChecking else { return last }
        values.append(last)
        return values.allSatisfy { $0.typeName == last.typeName } ? last : .unknown
    }
}
