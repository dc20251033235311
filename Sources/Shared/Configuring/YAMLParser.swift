import CYaml

/// YAML 1.1 over libyaml's events, with limits: one document, unique keys, bounded depth and size also through aliases.
package enum YAML {
    /// Nested collections; a configuration needs six.
    package static let depthMax = 32
    /// Nodes of a document, aliases counted as often as they are used.
    package static let nodesMax = 200_000

    /// The document's root; a null scalar for an empty document.
    package static func parse(_ text: String) throws(YAMLError) -> YAMLNode {
        var parser = YAMLParser(Array(text.utf8))
        return try parser.document()
    }
}

/// One pass over one text. Each event of libyaml is copied out and freed at once, so nothing of C outlives a step.
private struct YAMLParser {
    private struct Step {
        enum Kind { case start, end, scalar, alias, sequence, mapping }
        var kind: Kind
        var text = ""
        var anchor: String?
        var isPlain = false
        var line = 0
        var column = 0
    }

    private let steps: [Step]
    private let failure: YAMLError?
    private var next = 0
    private var anchors: [String: YAMLNode] = [:]
    private var nodes = 0

    init(_ bytes: [UInt8]) { (steps, failure) = YAMLParser.steps(of: bytes) }

    mutating func document() throws(YAMLError) -> YAMLNode {
        if let failure { throw failure }
        guard !steps.isEmpty else { return YAMLNode(.scalar("", isPlain: true), line: 1, column: 1) }
        let root = try node(depth: 0)
        if next < steps.count {
            throw YAMLError(line: steps[next].line, problem: "a second document begins here", remedy: "keep one document a file: remove the line ---")
        }
        return root
    }

    private mutating func node(depth: Int) throws(YAMLError) -> YAMLNode {
        let step = steps[next]
        next += 1
        nodes += 1
        guard nodes <= YAML.nodesMax else {
            throw YAMLError(
                line: step.line,
                problem: "more than \(YAML.nodesMax) values, aliases counted",
                remedy: "split the file, or use fewer aliases"
            )
        }
        guard depth <= YAML.depthMax else {
            throw YAMLError(line: step.line, problem: "nested deeper than \(YAML.depthMax) levels", remedy: "check the indentation")
        }
        let content: YAMLNode.Content
        switch step.kind {
        case .scalar: content = .scalar(step.text, isPlain: step.isPlain)
        case .alias:
            guard let known = anchors[step.text] else {
                throw YAMLError(
                    line: step.line,
                    problem: "*\(step.text) names no anchor above",
                    remedy: "write &\(step.text) at the value that it repeats"
                )
            }
            nodes += known.weight
            return YAMLNode(known.content, line: step.line, column: step.column)
        case .sequence:
            var items = [YAMLNode]()
            while steps[next].kind != .end { items.append(try node(depth: depth + 1)) }
            next += 1
            content = .sequence(items)
        case .mapping:
            content = .mapping(try entries(depth: depth))
        case .start, .end: throw YAMLError(line: step.line, problem: "a value is missing", remedy: "check the indentation")
        }
        let node = YAMLNode(content, line: step.line, column: step.column)
        if let anchor = step.anchor { anchors[anchor] = node }
        return node
    }

    private mutating func entries(depth: Int) throws(YAMLError) -> [YAMLEntry] {
        var entries = [YAMLEntry]()
        var lines = [String: Int]()
        while steps[next].kind != .end {
            let key = steps[next]
            guard key.kind == .scalar else { throw YAMLError(line: key.line, problem: "a key is not a word", remedy: "write key: value") }
            next += 1
            if let first = lines[key.text] {
                throw YAMLError(
                    line: key.line,
                    problem: "\(key.text) stands here for the second time (first on line \(first))",
                    remedy: "keep one of them"
                )
            }
            lines[key.text] = key.line
            entries.append(YAMLEntry(key: key.text, line: key.line, value: try node(depth: depth + 1)))
        }
        next += 1
        return entries
    }

    /// All events that build values, in order; and what stopped libyaml, if anything did.
    private static func steps(of bytes: [UInt8]) -> ([Step], YAMLError?) {
        var parser = unsafe yaml_parser_t()
        guard unsafe yaml_parser_initialize(&parser) == 1 else {
            return ([], YAMLError(line: 1, problem: "out of memory", remedy: "make the file smaller"))
        }
        defer { unsafe yaml_parser_delete(&parser) }
        return unsafe bytes.withUnsafeBufferPointer { buffer in
            unsafe yaml_parser_set_input_string(&parser, buffer.baseAddress, buffer.count)
            unsafe yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING)
            var steps = [Step]()
            var depth = 0
            while true {
                var event = unsafe yaml_event_t()
                guard unsafe yaml_parser_parse(&parser, &event) == 1 else {
                    let reason = unsafe parser.problem.map { unsafe String(cString: $0) } ?? "not YAML"
                    let line = unsafe max(parser.problem_mark.line, parser.context_mark.line) + 1
                    return (
                        steps, YAMLError(line: Int(line), problem: "not YAML: \(reason)", remedy: "check indentation, quotes and colons around here")
                    )
                }
                defer { unsafe yaml_event_delete(&event) }
                if unsafe event.type == YAML_STREAM_END_EVENT { return (steps, nil) }
                guard let step = unsafe step(for: event) else { continue }
                if step.kind == .sequence || step.kind == .mapping { depth += 1 }
                if step.kind == .end { depth -= 1 }
                // libyaml itself takes time that grows with the square of the depth: leave before it hurts.
                if depth > YAML.depthMax + 1 {
                    return (steps, YAMLError(line: step.line, problem: "nested deeper than \(YAML.depthMax) levels", remedy: "check the indentation"))
                }
                steps.append(step)
                // A value brings two steps at most.
                if steps.count > 2 * YAML.nodesMax {
                    return (steps, YAMLError(line: step.line, problem: "more than \(YAML.nodesMax) values", remedy: "split the file"))
                }
            }
        }
    }

    private static func step(for event: yaml_event_t) -> Step? {
        let (line, column) = unsafe (Int(event.start_mark.line) + 1, Int(event.start_mark.column) + 1)
        switch unsafe event.type {
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let text = unsafe String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            let isPlain = unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE
            return unsafe Step(kind: .scalar, text: text, anchor: name(scalar.anchor), isPlain: isPlain, line: line, column: column)
        case YAML_SEQUENCE_START_EVENT:
            return unsafe Step(kind: .sequence, anchor: name(event.data.sequence_start.anchor), line: line, column: column)
        case YAML_MAPPING_START_EVENT:
            return unsafe Step(kind: .mapping, anchor: name(event.data.mapping_start.anchor), line: line, column: column)
        case YAML_SEQUENCE_END_EVENT, YAML_MAPPING_END_EVENT:
            return Step(kind: .end, line: line, column: column)
        case YAML_ALIAS_EVENT:
            return unsafe Step(kind: .alias, text: name(event.data.alias.anchor) ?? "", line: line, column: column)
        default:
            return nil
        }
    }

    private static func name(_ text: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        guard let text = unsafe text else { return nil }
        return unsafe String(cString: text)
    }
}
