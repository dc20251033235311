import Matching
package import Telemetry

/// One condition of a selector. Regular expressions are RE2's and match the whole value; an absent label counts as an empty value.
package struct LabelMatcher: Sendable, Hashable, CustomStringConvertible {
    package enum Operation: String, Sendable, Hashable {
        case equal = "="
        case notEqual = "!="
        case regex = "=~"
        case notRegex = "!~"
    }

    package let name: String
    package let operation: Operation
    package let value: String
    /// Of the regular ones; made once, when the expression is parsed.
    private let pattern: Pattern?

    /// Throws the pattern's own sentence when `value` is not a regular expression of RE2's language.
    package init(_ name: String, _ operation: Operation, _ value: String) throws(PatternProblem) {
        (self.name, self.operation, self.value) = (name, operation, value)
        switch operation {
        case .equal, .notEqual: pattern = nil
        case .regex, .notRegex:
            do { pattern = try Pattern(value, anchoring: .full) } catch { throw PatternProblem(description: "\(error)") }
        }
    }

    /// `name="value"`, which cannot fail.
    package init(_ name: String, equals value: String) { (self.name, operation, self.value, pattern) = (name, .equal, value, nil) }

    /// Why a matcher's regular expression was refused.
    package struct PatternProblem: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Whether a value passes; `""` stands for an absent label.
    package func matches(_ candidate: String) -> Bool {
        switch operation {
        case .equal: candidate == value
        case .notEqual: candidate != value
        case .regex: pattern?.matches(candidate) ?? false
        case .notRegex: !(pattern?.matches(candidate) ?? true)
        }
    }

    package func matches(_ labels: Labels) -> Bool { matches(labels[name] ?? "") }

    package static func == (a: LabelMatcher, b: LabelMatcher) -> Bool {
        a.operation == b.operation && a.name == b.name && a.value == b.value
    }

    package func hash(into hasher: inout Hasher) {
        hasher.combine(name)
        hasher.combine(operation)
        hasher.combine(value)
    }

    package var description: String { name + operation.rawValue + Quoting.quote(value) }
}

extension [LabelMatcher] {
    /// Whether a series has all that is asked.
    package func allMatch(_ labels: Labels) -> Bool {
        for matcher in self where !matcher.matches(labels) { return false }
        return true
    }
}
