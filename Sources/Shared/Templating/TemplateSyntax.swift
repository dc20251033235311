/// A template as it was read.
struct TemplateTree: Sendable {
    let name: String
    /// The file that it stands in; empty for a text of the configuration.
    let file: String
    let nodes: [TemplateNode]

    /// Nothing but blanks: in Go such a definition takes no other's place.
    var isEmpty: Bool {
        nodes.allSatisfy { node in
            if case .text(let text) = node { text.utf8.allSatisfy { $0 == 0x20 || (0x09...0x0D).contains($0) } } else { false }
        }
    }
}

indirect enum TemplateNode: Sendable {
    case text(String)
    case action(TemplatePipeline)
    case condition(TemplatePipeline, body: [TemplateNode], otherwise: [TemplateNode])
    case with(TemplatePipeline, body: [TemplateNode], otherwise: [TemplateNode])
    case range(TemplatePipeline, body: [TemplateNode], otherwise: [TemplateNode])
    case call(name: String, TemplatePipeline?, line: Int)
    case leave
    case turn
}

/// `$x := a b | c d`
struct TemplatePipeline: Sendable {
    var line: Int
    /// Names with their `$`.
    var variables: [String] = []
    /// `=` rather than `:=`.
    var assigns = false
    /// Each is an operand and what is given to it; what a command makes is given to the next as its last.
    var commands: [[TemplateOperand]] = []
}

indirect enum TemplateOperand: Sendable {
    case dot
    case constant(TemplateValue)
    /// Fields of the dot.
    case field([String])
    case variable(String, fields: [String])
    case function(String)
    case pipeline(TemplatePipeline)
    /// Fields of what stands in parentheses.
    case chain(TemplateOperand, fields: [String])
}
