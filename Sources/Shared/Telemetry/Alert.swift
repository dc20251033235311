/// Prometheus's three states of an alert.
package enum AlertState: String, Sendable, Hashable, CaseIterable {
    case pending, firing, resolved
}

/// A rule's state for one label set.
package struct Alert: Sendable, Hashable {
    /// The rule's labels over the series' labels, with `alertname`; at the edge `host`, `instance` and `job` are in it too.
    package var labels: Labels
    package var annotations: Labels
    package var state: AlertState
    /// When the expression first held: the beginning of `pending`.
    package var activeAt: Timestamp
    /// When it began to fire; equal to `activeAt` while pending.
    package var startsAt: Timestamp
    /// When it was resolved; nil until then.
    package var endsAt: Timestamp?
    /// The expression's value when this state was last evaluated.
    package var value: Double
    /// When this record was made, by the clock of the host that judged.
    package var updatedAt: Timestamp
    /// The rule's expression, for the explanation and for `generatorURL`. Of an alert that another system sent: its `generatorURL`.
    package var expression: String

    package init(
        labels: Labels,
        annotations: Labels = .empty,
        state: AlertState,
        activeAt: Timestamp,
        startsAt: Timestamp,
        endsAt: Timestamp? = nil,
        value: Double,
        updatedAt: Timestamp,
        expression: String = ""
    ) {
        (self.labels, self.annotations, self.state, self.activeAt) = (labels, annotations, state, activeAt)
        (self.startsAt, self.endsAt, self.value, self.updatedAt, self.expression) = (startsAt, endsAt, value, updatedAt, expression)
    }

    /// Identifies the label set, as in Alertmanager.
    package var fingerprint: UInt64 { labels.fingerprint }

    package var name: String { labels["alertname"] ?? "" }

    /// Another system sent it, and `expression` is an address there. (No expression begins like one.)
    package var isFromElsewhere: Bool { expression.hasPrefix("http://") || expression.hasPrefix("https://") }
}

/// What Correlating tells Notifying: an alert changed, was repeated after a while, or has ended.
package struct AlertTransition: Sendable, Hashable {
    /// Grows by one with each transition of this aggregator; the receiver keeps the last it stored and passes over repeats.
    package var sequence: UInt64
    package var alert: Alert
    /// The state before; nil for an alert not known until now.
    package var previous: AlertState?
    /// Why this is told: a fixed word for logs and metrics (`fired`, `resolved`, `host_down`, `host_back`, …).
    package var reason: String
    /// The incident that the alert belongs to.
    package var incident: UUID
    /// True when it fired and was resolved before it arrived: for the history, nobody is paged.
    package var isHistoryOnly: Bool

    /// The reason of a transition that says that an alert flaps: it is told although people may know that the alert fires.
    package static let flappingReason = "flapping"

    package init(sequence: UInt64, alert: Alert, previous: AlertState?, reason: String, incident: UUID, isHistoryOnly: Bool) {
        (self.sequence, self.alert, self.previous) = (sequence, alert, previous)
        (self.reason, self.incident, self.isHistoryOnly) = (reason, incident, isHistoryOnly)
    }
}
