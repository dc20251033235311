package import Rules

/// What is judged: `patterns:` and the rule files of agent.yaml, read and checked.
package struct JudgeConfig: Sendable {
    /// Names are unique.
    package var patterns: [LogPattern]
    package var groups: [RuleGroup]
    package var limits: JudgingLimits

    package init(patterns: [LogPattern] = [], groups: [RuleGroup] = [], limits: JudgingLimits = JudgingLimits()) {
        (self.patterns, self.groups, self.limits) = (patterns, groups, limits)
    }
}
