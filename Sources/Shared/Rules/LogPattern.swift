package import Matching

/// A regular expression whose matching log lines are counted: `log_pattern_matches_total{pattern="oom"}`.
package struct LogPattern: Sendable, Hashable {
    /// The counter.
    package static let metricName = "log_pattern_matches_total"
    package static let labelName = "pattern"

    /// The value of the label `pattern`; unique among the patterns of an agent.
    package let name: String
    /// Found anywhere in the line.
    package let pattern: Pattern

    package init(name: String, pattern: Pattern) { (self.name, self.pattern) = (name, pattern) }

    /// - Throws: for what RE2's language does not have; the sentence names the place.
    package init(name: String, match: String) throws(PatternError) { self.init(name: name, pattern: try Pattern(match, anchoring: .unanchored)) }
}
