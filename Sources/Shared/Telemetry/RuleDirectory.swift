/// A rule that the aggregator evaluates over the metrics of all hosts, and what became of it.
package struct EvaluatedRule: Sendable, Hashable {
    package enum Kind: String, Sendable, Hashable, CaseIterable { case alerting, recording }

    /// Prometheus's words for how the last evaluation went; `unknown`: there was none yet.
    package enum Health: String, Sendable, Hashable { case unknown, ok, err }

    package var kind: Kind
    package var name: String
    package var expression: String
    /// `for`; zero for recording rules, as the next one.
    package var holdDuration: Duration
    package var keepFiringFor: Duration
    /// As they stand in the file, templates included.
    package var labels: Labels
    package var annotations: Labels
    package var health: Health
    /// Why the last evaluation gave nothing; nil after one that did.
    package var lastError: String?
    package var lastEvaluation: Timestamp?
    package var evaluationTime: Duration
    /// Pending and firing ones.
    package var alerts: [Alert]

    package init(
        kind: Kind,
        name: String,
        expression: String,
        holdDuration: Duration = .zero,
        keepFiringFor: Duration = .zero,
        labels: Labels = .empty,
        annotations: Labels = .empty,
        health: Health = .unknown,
        lastError: String? = nil,
        lastEvaluation: Timestamp? = nil,
        evaluationTime: Duration = .zero,
        alerts: [Alert] = []
    ) {
        (self.kind, self.name, self.expression) = (kind, name, expression)
        (self.holdDuration, self.keepFiringFor, self.labels, self.annotations) = (holdDuration, keepFiringFor, labels, annotations)
        (self.health, self.lastError, self.lastEvaluation) = (health, lastError, lastEvaluation)
        (self.evaluationTime, self.alerts) = (evaluationTime, alerts)
    }

    /// The worst state of its alerts: `firing`, `pending`, or nil where none is either.
    package var state: AlertState? {
        alerts.contains { $0.state == .firing } ? .firing : alerts.contains { $0.state == .pending } ? .pending : nil
    }
}

/// Rules that are evaluated together, one after the other.
package struct EvaluatedGroup: Sendable, Hashable {
    package var name: String
    package var file: String
    package var interval: Duration
    /// 0: none.
    package var limit: Int
    package var rules: [EvaluatedRule]
    package var lastEvaluation: Timestamp?
    /// How long the last evaluation of all its rules took.
    package var evaluationTime: Duration
    /// Evaluations that were left out since the start, because the one before had not ended or the aggregator was held up.
    package var missed: UInt64

    package init(
        name: String,
        file: String,
        interval: Duration,
        limit: Int = 0,
        rules: [EvaluatedRule],
        lastEvaluation: Timestamp? = nil,
        evaluationTime: Duration = .zero,
        missed: UInt64 = 0
    ) {
        (self.name, self.file, self.interval, self.limit, self.rules) = (name, file, interval, limit, rules)
        (self.lastEvaluation, self.evaluationTime, self.missed) = (lastEvaluation, evaluationTime, missed)
    }
}

/// What Ruling knows and Serving shows.
package protocol RuleDirectory: Sendable {
    /// In the order of the files.
    func ruleGroups() async -> [EvaluatedGroup]
}

/// What the aggregator's own rules say now: Ruling tells it to Correlating, whole, whenever it changes. Told again it changes nothing, so that whatever
/// dies between the two loses and repeats nothing.
package struct RuledAlerts: Sendable, Hashable {
    /// Pending, firing and lately resolved ones, each label set once.
    package var alerts: [Alert]
    /// Whether an alert that is not among them is over. False while rules have not been looked at since their state was lost.
    package var isWhole: Bool

    package init(alerts: [Alert], isWhole: Bool) { (self.alerts, self.isWhole) = (alerts, isWhole) }
}
