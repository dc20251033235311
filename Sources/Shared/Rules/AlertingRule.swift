package import Expressions
package import Telemetry

/// `alert:`: an alert for each element of an expression.
package struct AlertingRule: Sendable, Hashable {
    /// The label `alertname`.
    package let name: String
    package let expression: Expression
    /// How long the expression must hold before the alert fires.
    package let holdDuration: Duration
    /// How long the alert goes on when the expression holds no more.
    package let keepFiringFor: Duration
    package let labels: [NamedTemplate]
    package let annotations: [NamedTemplate]
    /// Where it begins in its file, from 1.
    package let line: Int

    package init(
        name: String,
        expression: Expression,
        holdDuration: Duration = .zero,
        keepFiringFor: Duration = .zero,
        labels: [NamedTemplate] = [],
        annotations: [NamedTemplate] = [],
        line: Int = 0
    ) {
        (self.name, self.expression, self.holdDuration, self.keepFiringFor) = (name, expression, holdDuration, keepFiringFor)
        (self.labels, self.annotations, self.line) = (labels, annotations, line)
    }

    /// How far back its expression's range selectors look; zero when it reads present values only. So long after a start its absence proves
    /// nothing.
    package var longestRange: Duration { expression.selectors().filter(\.isRange).map(\.reach).max() ?? .zero }

    /// What the rule sees now: one observation an element, labels and annotations filled in.
    /// - Parameters:
    ///   - outer: labels that every alert has unless its own say otherwise (host, instance, job).
    ///   - limit: the group's.
    /// - Throws: `.matching` when two alerts would have the same labels, `.limit` for too many.
    package func observations(from value: ExpressionValue, at time: Timestamp, outer: Labels, limit: Int?) throws(EvaluationError) -> [Observation] {
        let elements = try value.elements(of: name, at: time)
        let most = limit.flatMap { $0 > 0 ? $0 : nil } ?? RuleLimits.alertsPerRuleMax
        guard elements.count <= most else {
            throw .limit(
                "the rule \(name) has \(elements.count) alerts, more than \(most) (limit of its group): narrow it, aggregate, or raise limit"
            )
        }
        let observations = elements.map { element in
            var own = [Label]()
            for label in labels {
                own.append(Label(label.name, label.template.expand(labels: element.series, value: element.value, bytesMax: RuleLimits.labelBytesMax)))
            }
            own.append(Label("alertname", name))
            let overridden = Set(own.map(\.name))
            let rest = element.series.pairs.filter { $0.name != Labels.metricName && !overridden.contains($0.name) }
            return Observation(
                labels: Labels(rest + own).merged(over: outer),
                annotations: Labels(
                    annotations.map {
                        Label($0.name, $0.template.expand(labels: element.series, value: element.value, bytesMax: RuleLimits.annotationBytesMax))
                    }
                ),
                value: element.value
            )
        }
        if let twin = observations.map(\.labels).firstDuplicate {
            throw .matching("the rule \(name) gives two alerts with the labels \(twin): keep a label that tells them apart")
        }
        return observations
    }

    /// One element of the expression under the alert's labels.
    package struct Observation: Sendable, Hashable {
        package let labels: Labels
        package let annotations: Labels
        package let value: Double

        package init(labels: Labels, annotations: Labels = .empty, value: Double) {
            (self.labels, self.annotations, self.value) = (labels, annotations, value)
        }
    }

    /// Whether an alert found again after a restart can be one of this rule's: its name and its labels that hold no template are there.
    package func mayOwn(_ alert: Alert) -> Bool {
        alert.name == name && labels.allSatisfy { $0.template.constant == nil || (alert.labels[$0.name] ?? "") == $0.template.constant }
    }
}

/// A label or an annotation of a rule.
package struct NamedTemplate: Sendable, Hashable {
    package let name: String
    package let template: Template

    package init(_ name: String, _ template: Template) { (self.name, self.template) = (name, template) }
}
