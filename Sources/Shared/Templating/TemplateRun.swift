import Telemetry

/// One run of a template. Source: Go's text/template/exec.go.
///
/// While it checks, both branches of each condition are followed, each loop once, and what the values do not say is unknown: only what is wrong for all
/// values is a problem then.
struct TemplateRun {
    let set: TemplateSet
    let now: Timestamp
    let isChecking: Bool
    var output: TemplateOutput

    var variables: [(name: String, value: TemplateValue)] = []
    private var steps = 0
    private var depth = 0
    private var file = ""
    /// Templates that we are in, while checking: one that calls itself is followed once.
    private var within: [String] = []

    /// Where the run goes on behind a node.
    private enum Flow { case on, leave, turn }

    init(set: TemplateSet, now: Timestamp, isChecking: Bool, output: TemplateOutput) {
        (self.set, self.now, self.isChecking, self.output) = (set, now, isChecking, output)
    }

    // MARK: Limits

    mutating func step(bytes: Int = 0) throws(TemplateProblem) {
        steps += 1 + bytes / TemplatingLimits.bytesPerStep
        guard steps <= TemplatingLimits.stepsMax else {
            throw TemplateProblem(.limit, "it takes more than \(TemplatingLimits.stepsMax) steps")
        }
    }

    mutating func deeper<Result>(_ body: (inout TemplateRun) throws(TemplateProblem) -> Result) throws(TemplateProblem) -> Result {
        depth += 1
        defer { depth -= 1 }
        guard depth <= TemplatingLimits.depthMax else {
            throw TemplateProblem(.limit, "it is nested more than \(TemplatingLimits.depthMax) deep: a template stands in itself")
        }
        return try body(&self)
    }

    // MARK: Nodes

    mutating func template(_ name: String, with whole: TemplateValue) throws(TemplateProblem) {
        guard let tree = set.tree(name) else {
            throw TemplateProblem(.wrong, "there is no template \"\(name)\"; there are \(set.names.filter { !$0.isEmpty }.joined(separator: ", "))")
        }
        if isChecking, within.contains(name) { return }
        let around = (variables, file)
        (variables, file) = ([("$", whole)], tree.file)
        if isChecking { within.append(name) }
        defer {
            (variables, file) = around
            if isChecking { within.removeLast() }
        }
        _ = try deeper { (run) throws(TemplateProblem) in try run.run(tree.nodes, dot: whole) }
    }

    private mutating func run(_ nodes: [TemplateNode], dot: TemplateValue) throws(TemplateProblem) -> Flow {
        for node in nodes {
            try step()
            let flow: Flow
            switch node {
            case .text(let text):
                flow = .on
                try output.append(own: text)
            case .action(let pipeline):
                flow = .on
                let value = try value(of: pipeline, dot)
                if pipeline.variables.isEmpty { try placed(pipeline.line) { (run) throws(TemplateProblem) in try run.output.append(value) } }
            case .condition(let pipeline, let body, let otherwise):
                flow = try branch(pipeline, body, otherwise, dot: dot, isWith: false)
            case .with(let pipeline, let body, let otherwise):
                flow = try branch(pipeline, body, otherwise, dot: dot, isWith: true)
            case .range(let pipeline, let body, let otherwise):
                flow = try loop(pipeline, body, otherwise, dot: dot)
            case .call(let name, let pipeline, let line):
                flow = .on
                let given = try pipeline.map { (pipeline) throws(TemplateProblem) in try value(of: pipeline, dot) } ?? .nothing
                try placed(line) { (run) throws(TemplateProblem) in try run.template(name, with: given) }
            case .leave: flow = .leave
            case .turn: flow = .turn
            }
            // While it is checked what stands behind a break is read too.
            if flow != .on, !isChecking { return flow }
        }
        return .on
    }

    /// Names that are declared within hold no longer behind it.
    private mutating func scoped<Result>(_ body: (inout TemplateRun) throws(TemplateProblem) -> Result) throws(TemplateProblem) -> Result {
        let known = variables.count
        defer { variables.removeLast(variables.count - known) }
        return try deeper(body)
    }

    private mutating func branch(
        _ pipeline: TemplatePipeline,
        _ body: [TemplateNode],
        _ otherwise: [TemplateNode],
        dot: TemplateValue,
        isWith: Bool
    ) throws(TemplateProblem) -> Flow {
        try scoped { (run) throws(TemplateProblem) in
            let value = try run.value(of: pipeline, dot)
            if run.isChecking {
                _ = try run.run(body, dot: isWith ? value : dot)
                return try run.run(otherwise, dot: dot)
            }
            return try value.isTrue ? run.run(body, dot: isWith ? value : dot) : run.run(otherwise, dot: dot)
        }
    }

    private mutating func loop(
        _ pipeline: TemplatePipeline,
        _ body: [TemplateNode],
        _ otherwise: [TemplateNode],
        dot: TemplateValue
    ) throws(TemplateProblem) -> Flow {
        try placed(pipeline.line) { (run) throws(TemplateProblem) in
            try run.scoped { (run) throws(TemplateProblem) in try run.turn(pipeline, body, otherwise, dot: dot) }
        }
    }

    private mutating func turn(
        _ pipeline: TemplatePipeline,
        _ body: [TemplateNode],
        _ otherwise: [TemplateNode],
        dot: TemplateValue
    ) throws(TemplateProblem) -> Flow {
        var silent = pipeline
        silent.variables = []
        let subject = try value(of: silent, dot)
        var turns = try turns(of: subject)
        if isChecking { turns = Array(turns.prefix(1)) }
        for (key, element) in turns {
            try step()
            let known = variables.count
            defer { variables.removeLast(variables.count - known) }
            let values = pipeline.variables.count == 2 ? [key, element] : [element]
            for (name, value) in zip(pipeline.variables, values) {
                if pipeline.assigns { try assign(name, value) } else { variables.append((name, value)) }
            }
            if try run(body, dot: element) == .leave { break }
        }
        return try turns.isEmpty || isChecking ? run(otherwise, dot: dot) : .on
    }

    /// Keys or indices, and elements.
    private mutating func turns(of subject: TemplateValue) throws(TemplateProblem) -> [(key: TemplateValue, element: TemplateValue)] {
        func counted(_ elements: [TemplateValue]) -> [(key: TemplateValue, element: TemplateValue)] {
            // Nothing is known of the elements of an empty list.
            if isChecking, elements.isEmpty { return [(.integer(0), .unknown)] }
            return elements.enumerated().map { (.integer($0.offset), $0.element) }
        }
        switch subject {
        case .unknown: return [(.unknown, .unknown)]
        case .nothing: return []
        case .list(let elements): return counted(elements)
        case .integer(let count):
            guard count <= TemplatingLimits.stepsMax else { throw TemplateProblem(.limit, "a range of \(count) turns") }
            return (0..<max(count, isChecking ? 1 : 0)).map { (.integer($0), .integer($0)) }
        case .object(let object):
            switch object.content {
            case .list(let elements): return counted(elements)
            case .map(let pairs):
                if isChecking, pairs.isEmpty { return [(.unknown, .unknown)] }
                return pairs.map { (.text($0.key), $0.value) }
            case .record: break
            }
        default: break
        }
        throw TemplateProblem(.wrong, "range goes over a list, and this is \(subject.typeName)")
    }

    mutating func placed<Result>(
        _ line: Int,
        _ body: (inout TemplateRun) throws(TemplateProblem) -> Result
    ) throws(TemplateProblem) -> Result {
        do throws(TemplateProblem) { return try body(&self) } catch { throw error.at(line: line, of: file) }
    }
}
