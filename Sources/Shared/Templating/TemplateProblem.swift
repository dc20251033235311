/// Why a template cannot be read, or cannot be run for what it is given.
package struct TemplateProblem: Error, Sendable, Hashable, CustomStringConvertible {
    package enum Kind: Sendable, Hashable {
        /// It is wrong for whatever it is given: this is found when the template is checked.
        case wrong
        /// It is wrong for what it was given this time: an index that is too large, a text that is no number.
        case unfit
        /// It would not end, or would fill the memory.
        case limit
    }

    package let kind: Kind
    package let problem: String
    /// Where it stands; nil until somebody knows.
    package private(set) var line: Int?
    /// Of a file of templates; empty for a text of the configuration.
    package private(set) var file = ""

    package init(_ kind: Kind, _ problem: String, line: Int? = nil, file: String = "") {
        (self.kind, self.problem, self.line, self.file) = (kind, problem, line, file)
    }

    /// A field, or a method that takes nothing, is given something.
    package static func refuse(_ arguments: [TemplateValue], of name: String) throws(TemplateProblem) {
        guard arguments.isEmpty else { throw TemplateProblem(.wrong, ".\(name) takes no values") }
    }

    /// The same with its place, unless it has one.
    func at(line: Int, of file: String) -> TemplateProblem {
        guard self.line == nil else { return self }
        var placed = self
        (placed.line, placed.file) = (line, file)
        return placed
    }

    package var description: String {
        guard let line else { return problem }
        return file.isEmpty ? "line \(line) of the template: \(problem)" : "\(file):\(line): \(problem)"
    }
}
