/// A piece of a YAML document and where it stands.
package struct YAMLNode: Sendable, Hashable {
    package indirect enum Content: Sendable, Hashable {
        /// `isPlain`: written without quotes, so that `null`, `~` and nothing at all mean null.
        case scalar(String, isPlain: Bool)
        case sequence([YAMLNode])
        /// In the order of the file; keys are scalars and unique.
        case mapping([YAMLEntry])
    }

    package var content: Content
    /// From 1.
    package var line: Int
    /// From 1.
    package var column: Int

    package init(_ content: Content, line: Int, column: Int) { (self.content, self.line, self.column) = (content, line, column) }

    package var isNull: Bool {
        if case .scalar(let text, isPlain: true) = content { return text.isEmpty || text == "~" || text == "null" }
        return false
    }

    /// The scalar's text; nil for null and for what is no scalar.
    package var scalar: String? {
        if case .scalar(let text, _) = content, !isNull { return text }
        return nil
    }

    package var sequence: [YAMLNode]? {
        if case .sequence(let nodes) = content { return nodes }
        return nil
    }

    package var mapping: [YAMLEntry]? {
        if case .mapping(let entries) = content { return entries }
        return nil
    }

    package subscript(key: String) -> YAMLNode? { mapping?.first { $0.key == key }?.value }

    /// What stands there, in a few words, for an error.
    package var summary: String {
        switch content {
        case .scalar(let text, _): isNull ? "nothing" : "\"\(text.prefix(60))\""
        case .sequence(let nodes): "a list of \(nodes.count)"
        case .mapping(let entries): "a mapping with \(entries.prefix(3).map(\.key).joined(separator: ", "))"
        }
    }

    /// Nodes in it, itself included.
    var weight: Int {
        switch content {
        case .scalar: 1
        case .sequence(let nodes): nodes.reduce(1) { $0 + $1.weight }
        case .mapping(let entries): entries.reduce(1) { $0 + 1 + $1.value.weight }
        }
    }
}

/// A key of a mapping, where it stands, and its value.
package struct YAMLEntry: Sendable, Hashable {
    package var key: String
    package var line: Int
    package var value: YAMLNode

    package init(key: String, line: Int, value: YAMLNode) { (self.key, self.line, self.value) = (key, line, value) }
}

/// Why a text is not the YAML that a configuration may be.
package struct YAMLError: Error, Sendable, Hashable, CustomStringConvertible {
    /// From 1.
    package var line: Int
    package var problem: String
    package var remedy: String

    package init(line: Int, problem: String, remedy: String) { (self.line, self.problem, self.remedy) = (line, problem, remedy) }

    package var description: String { "line \(line): \(problem); \(remedy)" }
}
