/// What the aggregator knows of one host.
package struct HostRecord: Sendable, Hashable {
    /// Where the host's lease stands. `planned`: its agent said goodbye, and is expected back for a while. `unknown`: the aggregator itself was away and
    /// has not waited long enough to say.
    package enum State: String, Sendable, Hashable, CaseIterable { case up, late, planned, down, unknown }

    package var host: String
    package var agent: UUID
    package var tags: [String]
    package var state: State
    package var firstContact: Timestamp
    package var lastContact: Timestamp
    /// When `state` last changed.
    package var since: Timestamp
    /// Why it is in this state, a sentence; made when it is shown.
    package var reason: String

    package init(
        host: String,
        agent: UUID,
        tags: [String],
        state: State,
        firstContact: Timestamp,
        lastContact: Timestamp,
        since: Timestamp,
        reason: String = ""
    ) {
        (self.host, self.agent, self.tags, self.state) = (host, agent, tags, state)
        (self.firstContact, self.lastContact, self.since, self.reason) = (firstContact, lastContact, since, reason)
    }
}

/// What Correlating knows and Serving shows.
package protocol AlertDirectory: Sendable {
    /// Pending, firing and lately resolved alerts of all hosts, firing first, then by start.
    func alerts() async -> [Alert]
    /// The same alerts in the same order, with what must be known besides.
    func shownAlerts() async -> [ShownAlert]
    /// The latest opening first.
    func incidents(_ query: IncidentQuery) async throws(QueryError) -> IncidentPage
    /// Nil when there is none, or not any more.
    func incident(id: UUID) async throws(QueryError) -> Incident?
    func hosts() async -> [HostRecord]
    /// Takes a host that is gone for good off the list: its alerts are resolved as forgotten. It is listed again when it sends again. False when there is
    /// none of this name.
    func forget(host: String, by author: String) async throws(QueryError) -> Bool
}

/// A silence, as in Alertmanager: alerts whose labels match are not told while it lasts.
package struct Silence: Sendable, Hashable {
    package var id: UUID
    /// In Alertmanager's notation: `alertname="DiskFull"`, `host=~"web-.*"`; all must match.
    package var matchers: [String]
    package var startsAt: Timestamp
    package var endsAt: Timestamp
    package var createdBy: String
    package var comment: String
    /// When it was made, changed or ended last.
    package var updatedAt: Timestamp

    /// - Parameter updatedAt: nil: when it begins.
    package init(
        id: UUID,
        matchers: [String],
        startsAt: Timestamp,
        endsAt: Timestamp,
        createdBy: String,
        comment: String,
        updatedAt: Timestamp? = nil
    ) {
        (self.id, self.matchers, self.startsAt, self.endsAt) = (id, matchers, startsAt, endsAt)
        (self.createdBy, self.comment, self.updatedAt) = (createdBy, comment, updatedAt ?? startsAt)
    }
}

/// What Notifying knows and Serving shows and changes.
package protocol NotificationDirectory: Sendable {
    /// One with all that it tells; nil when there is none of this id, or no longer.
    func notification(_ id: UUID) async -> NotificationDetail?
    /// Sends a failed one again, under its old key; throws a sentence when it has not failed or its content is gone. False: there is none of this id.
    func resend(_ id: UUID) async throws(QueryError) -> Bool
    /// Where each channel of each receiver stands.
    func channels() async -> [ChannelRecord]
    /// Sends a test notification through each channel of a receiver, now, and waits for the replies; nil when there is no such receiver.
    func test(receiver: String) async throws(QueryError) -> [ChannelTest]?
    func silences() async -> [Silence]
    /// Throws a sentence when a matcher is wrong or the end is not after the start.
    func add(_ silence: Silence) async throws(QueryError)
    /// Ends a silence now; false when there is none of this id.
    func expireSilence(id: UUID, at now: Timestamp) async throws(QueryError) -> Bool
}
