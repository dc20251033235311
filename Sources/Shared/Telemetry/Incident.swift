/// Alerts and events that belong together, with the evidence around them: one record of all the hosts in it.
package struct Incident: Sendable, Hashable {
    /// Why it was closed; the words are stored and shown.
    package enum Closing: String, Sendable, Hashable, CaseIterable {
        /// Its last alert ended.
        case resolved
        /// It had no alert that would end, and all that belongs to it has arrived.
        case complete
        /// As before, but something did not arrive in time: it holds what did.
        case timeout
        /// More were open than there may be.
        case limit
        /// It turned out to be part of another one, which goes on with all that it held.
        case merged
    }

    /// How far the collecting of what belongs to it has come.
    package enum Collection: String, Sendable, Hashable, CaseIterable {
        case collecting, complete
        /// Something did not arrive in time; what comes later is added all the same while the incident is remembered.
        case timeout
    }

    package var id: UUID
    /// Of its first alert, or of the pattern.
    package var name: String
    package var hosts: [String]
    /// What its parts have in common: `host:web-1`, `group:{cluster="a"}`, `correlation_id:…`, `site:…`, `pattern:…`.
    package var keys: [String]
    package var openedAt: Timestamp
    /// When its last alert was resolved; nil while one fires.
    package var closedAt: Timestamp?
    package var closing: Closing?
    package var collection: Collection
    /// Hosts whose metrics had not arrived when the time was up.
    package var missing: [String]
    /// Every alert that took part, in its latest state, oldest first.
    package var alerts: [Alert]
    /// Events of the same hosts around the beginning, oldest first; bounded.
    package var evidence: [Event]
    /// What changed before: deploys, reboots, messages that were never seen before. Oldest first; bounded.
    package var changes: [Event]
    /// What its alerts' expressions are about, around the beginning; bounded.
    package var metrics: [MetricPoints]
    /// The incident that it turned out to be part of.
    package var mergedInto: UUID?
    /// Incidents that turned out to be part of this one.
    package var mergedFrom: [UUID] = []

    package init(
        id: UUID,
        name: String = "",
        hosts: [String],
        keys: [String] = [],
        openedAt: Timestamp,
        closedAt: Timestamp? = nil,
        closing: Closing? = nil,
        collection: Collection = .collecting,
        missing: [String] = [],
        alerts: [Alert],
        evidence: [Event] = [],
        changes: [Event] = [],
        metrics: [MetricPoints] = []
    ) {
        (self.id, self.name, self.hosts, self.keys, self.openedAt) = (id, name, hosts, keys, openedAt)
        (self.closedAt, self.closing, self.collection, self.missing) = (closedAt, closing, collection, missing)
        (self.alerts, self.evidence, self.changes, self.metrics) = (alerts, evidence, changes, metrics)
    }

    package var isOpen: Bool { closedAt == nil }
}

/// The filters of `GET /api/v1/incidents`; all that are given must hold.
package struct IncidentQuery: Sendable, Hashable {
    package var isOpen: Bool?
    package var host: String?
    /// One of its alerts, or its own name.
    package var name: String?
    /// By its opening; inclusive, exclusive.
    package var start: Timestamp
    package var end: Timestamp
    package var limit: Int
    /// The last one of the page before.
    package var cursor: IncidentCursor?

    package init(
        isOpen: Bool? = nil,
        host: String? = nil,
        name: String? = nil,
        start: Timestamp = .distantPast,
        end: Timestamp = .distantFuture,
        limit: Int = 50,
        cursor: IncidentCursor? = nil
    ) {
        (self.isOpen, self.host, self.name) = (isOpen, host, name)
        (self.start, self.end, self.limit, self.cursor) = (start, end, limit, cursor)
    }
}

/// Where a page of incidents ended.
package struct IncidentCursor: Sendable, Hashable {
    package var openedAt: Timestamp
    package var id: UUID

    package init(openedAt: Timestamp, id: UUID) { (self.openedAt, self.id) = (openedAt, id) }
}

/// The latest opening first. Only a nil `next` ends the list.
package struct IncidentPage: Sendable, Hashable {
    package var incidents: [Incident]
    package var next: IncidentCursor?

    package init(incidents: [Incident], next: IncidentCursor?) { (self.incidents, self.next) = (incidents, next) }
}
