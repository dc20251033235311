/// An alert that comes and goes so often that people are no longer told of each change.
package struct Flapping: Sendable, Hashable {
    /// Its first change of those that made it flap.
    package var since: Timestamp
    /// Between firing and resolved, since then.
    package var changes: Int

    package init(since: Timestamp, changes: Int) { (self.since, self.changes) = (since, changes) }
}

/// An alert in its true state, and what whoever looks at it must know besides.
package struct ShownAlert: Sendable, Hashable {
    package var alert: Alert
    /// Its host fell silent then: this is the last known state. Nil: it is of now.
    package var staleSince: Timestamp?
    /// Nil: it does not flap.
    package var flapping: Flapping?
    /// Who says that it is so: `agent NAME`, `rules` (the aggregator's), `aggregator` (itself), `outside` (another system).
    package var saidBy: [String]

    package init(_ alert: Alert, staleSince: Timestamp? = nil, flapping: Flapping? = nil, saidBy: [String] = []) {
        (self.alert, self.staleSince, self.flapping, self.saidBy) = (alert, staleSince, flapping, saidBy)
    }
}
