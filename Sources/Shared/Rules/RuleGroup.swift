package import Expressions
package import Telemetry

/// Rules that are evaluated one after the other, in their order.
package struct RuleGroup: Sendable, Hashable {
    package let name: String
    /// Nil: at each collection.
    package let interval: Duration?
    /// The most alerts or series of one rule; nil: ``RuleLimits/alertsPerRuleMax`` for alerts.
    package let limit: Int?
    package let rules: [Rule]
    /// The file that it stands in.
    package let file: String

    package init(name: String, interval: Duration? = nil, limit: Int? = nil, rules: [Rule], file: String = "") {
        (self.name, self.interval, self.limit, self.rules, self.file) = (name, interval, limit, rules, file)
    }
}

package enum Rule: Sendable, Hashable {
    case alerting(AlertingRule)
    case recording(RecordingRule)

    package var name: String {
        switch self {
        case .alerting(let rule): rule.name
        case .recording(let rule): rule.name
        }
    }

    package var expression: Expression {
        switch self {
        case .alerting(let rule): rule.expression
        case .recording(let rule): rule.expression
        }
    }

    /// Where it begins in its file, from 1.
    package var line: Int {
        switch self {
        case .alerting(let rule): rule.line
        case .recording(let rule): rule.line
        }
    }
}

/// `record:`: the values of an expression under a name of their own.
package struct RecordingRule: Sendable, Hashable {
    package let name: String
    package let expression: Expression
    package let labels: Labels
    package let line: Int

    package init(name: String, expression: Expression, labels: Labels = .empty, line: Int = 0) {
        (self.name, self.expression, self.labels, self.line) = (name, expression, labels, line)
    }

    /// The samples to store. `.matching` when two have the same labels.
    package func samples(from value: ExpressionValue, at time: Timestamp, limit: Int?) throws(EvaluationError) -> [Sample] {
        let samples = try value.elements(of: name, at: time).map { element in
            Sample(series: labels.setting(Labels.metricName, to: name).merged(over: element.series), timestamp: time, value: element.value)
        }
        if let limit, limit > 0, samples.count > limit {
            throw .limit("the rule \(name) gives \(samples.count) series, more than its group's limit of \(limit): raise limit, or aggregate")
        }
        if let twin = samples.map(\.series).firstDuplicate {
            throw .matching("the rule \(name) gives two series with the labels \(twin): aggregate, or leave the labels that tell them apart")
        }
        return samples
    }
}

extension ExpressionValue {
    /// As a vector: a number is one element without labels.
    func elements(of rule: String, at time: Timestamp) throws(EvaluationError) -> [Sample] {
        switch self {
        case .vector(let samples): return samples
        case .scalar(let point): return [Sample(series: .empty, timestamp: time, value: point.value)]
        case .string, .matrix: throw .invalid("the rule \(rule) is worth neither a number nor an instant vector")
        }
    }
}

extension [Labels] {
    var firstDuplicate: Labels? {
        var seen = Set<Labels>(minimumCapacity: count)
        return first { !seen.insert($0).inserted }
    }
}
