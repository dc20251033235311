package import Telemetry
import Templating

/// The text of a label or an annotation, with Go's `{{ … }}` for what rules use of it: `$labels.name`, `.Labels.name`, `$value`, `.Value`, strings, numbers,
/// pipelines and parentheses, and the functions of ``RuleTemplateFunction``. Everything else is refused when the rule is loaded, so that no alert ever
/// carries an error for a text.
package struct Template: Sendable, Hashable {
    indirect enum Operand: Sendable, Hashable {
        case value
        case label(String)
        case string(String)
        case number(Double)
        case integer(Int)
        case call(RuleTemplateFunction, [Operand])
    }

    enum Part: Sendable, Hashable {
        case text(String)
        case action(Operand)
    }

    /// As it was written.
    package let text: String
    private let parts: [Part]

    /// Throws with what is wrong and what to write.
    package init(_ text: String) throws(TemplateError) {
        self.text = text
        parts = try TemplateParser.parse(text)
    }

    /// The text, when nothing in it is to be filled in.
    package var constant: String? {
        switch parts.count {
        case 0: ""
        case 1: if case .text(let text) = parts[0] { text } else { nil }
        default: nil
        }
    }

    /// The text for one element; at most `bytesMax` bytes of it, cut between characters and marked with `…`. A label that is not there is empty.
    package func expand(labels: Labels, value: Double, bytesMax: Int) -> String {
        var result = ""
        for part in parts {
            switch part {
            case .text(let text): result += text
            case .action(let operand): result += Self.evaluate(operand, labels, value).printed
            }
        }
        guard result.utf8.count > bytesMax else { return result }
        var (kept, size) = ("", 0)
        for character in result {
            size += character.utf8.count
            if size > bytesMax - 3 { break }
            kept.append(character)
        }
        return kept + "…"
    }

    private static func evaluate(_ operand: Operand, _ labels: Labels, _ value: Double) -> TemplateValue {
        switch operand {
        case .value: .float(value)
        case .label(let name): .text(labels[name] ?? "")
        case .string(let text): .text(text)
        case .number(let number): .float(number)
        case .integer(let number): .integer(number)
        case .call(let function, let arguments): .text(function.apply(arguments.map { evaluate($0, labels, value) }))
        }
    }

    package static func == (a: Template, b: Template) -> Bool { a.text == b.text }
    package func hash(into hasher: inout Hasher) { hasher.combine(text) }
}

/// Why a text is no template.
package struct TemplateError: Error, Sendable, Hashable, CustomStringConvertible {
    /// What is wrong.
    package let problem: String
    /// What to write.
    package let remedy: String

    package init(_ problem: String, write remedy: String) { (self.problem, self.remedy) = (problem, remedy) }

    package var description: String { problem + "; " + remedy }
}
