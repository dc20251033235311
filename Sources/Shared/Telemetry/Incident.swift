/// Alerts and events that belong together, with the evidence around them.
package struct Incident: Sendable, Hashable {
    package var id: UUID
    package var hosts: [String]
    package var openedAt: Timestamp
    /// When its last alert was resolved; nil while one fires.
    package var closedAt: Timestamp?
    /// Every alert that took part, in its latest state, oldest first.
    package var alerts: [Alert]
    /// Events of the same hosts around the beginning, oldest first; bounded.
    package var evidence: [Event]

    package init(id: UUID, hosts: [String], openedAt: Timestamp, closedAt: Timestamp? = nil, alerts: [Alert], evidence: [Event] = []) {
        (self.id, self.hosts, self.openedAt) = (id, hosts, openedAt)
        (self.closedAt, self.alerts, self.evidence) = (closedAt, alerts, evidence)
    }

    package var isOpen: Bool { closedAt == nil }
}
