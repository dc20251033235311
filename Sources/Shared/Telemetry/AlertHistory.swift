/// Somebody takes care of an alert: no repeats and no escalation of it until it ends.
package struct AlertAcknowledgement: Sendable, Hashable {
    package var at: Timestamp
    /// Who said so; not proven by a link in a message, which whoever has the message may use.
    package var by: String
    package var comment: String
    /// `link` or `api`.
    package var via: String

    package init(at: Timestamp, by: String, comment: String, via: String) {
        (self.at, self.by, self.comment, self.via) = (at, by, comment, via)
    }
}

/// One time that an alert fired, as the history keeps it.
package struct AlertEpisode: Sendable, Hashable {
    /// Counts upwards: the order in which they began to be known.
    package var ordinal: Int64
    /// In its latest state.
    package var alert: Alert
    /// Of the last transition: `fired`, `resolved`, `expired`, ….
    package var reason: String
    /// Nobody was to be told: it was over before it arrived, or its host told people itself.
    package var isHistoryOnly: Bool
    package var incident: UUID
    package var acknowledgement: AlertAcknowledgement?
    /// Notifications that it was part of, and those of them that said that it fires.
    package var notifications: Int
    package var pages: Int

    package init(
        ordinal: Int64,
        alert: Alert,
        reason: String,
        isHistoryOnly: Bool,
        incident: UUID,
        acknowledgement: AlertAcknowledgement? = nil,
        notifications: Int = 0,
        pages: Int = 0
    ) {
        (self.ordinal, self.alert, self.reason, self.isHistoryOnly, self.incident) = (ordinal, alert, reason, isHistoryOnly, incident)
        (self.acknowledgement, self.notifications, self.pages) = (acknowledgement, notifications, pages)
    }
}

/// What was decided on alerts, by one room.
package protocol DecisionDirectory: Sendable {
    /// In the order in which they were made.
    /// - Parameter fingerprint: of the label set; all its episodes that began between the two moments.
    func decisions(of fingerprint: UInt64, activeFrom: Timestamp, to: Timestamp) async throws(QueryError) -> [Decision]
}

/// What Notifying remembers and Serving shows and changes: past alerts, who was told, and who takes care.
package protocol AlertHistory: DecisionDirectory {
    func episodes(_ query: EpisodeQuery) async throws(QueryError) -> [AlertEpisode]
    /// All episodes of label sets whose fingerprint lies in the range, the latest beginning first.
    func episodes(fingerprints: ClosedRange<UInt64>, limit: Int) async throws(QueryError) -> [AlertEpisode]
    /// With their numbers for the next page.
    func notifications(_ query: NotificationQuery) async throws(QueryError) -> [(ordinal: Int64, record: NotificationRecord)]
    func noise(from start: Timestamp, to end: Timestamp) async throws(QueryError) -> [RuleNoise]
    /// Of alerts that fire now, by fingerprint.
    func acknowledgements() async -> [UInt64: AlertAcknowledgement]
    /// Takes care of the alerts that fire among these; returns how many do.
    func acknowledge(_ fingerprints: [UInt64], _ acknowledgement: AlertAcknowledgement) async throws(QueryError) -> Int
    /// Takes that back; false when it was not acknowledged.
    func unacknowledge(_ fingerprint: UInt64, by: String) async throws(QueryError) -> Bool
    /// What a link in a message is about.
    func linked(by token: String) async throws(QueryError) -> LinkedAlerts
    func onCall(turns: Int) async -> [OnCallRecord]
}

/// What a link in a message is about.
package struct LinkedAlerts: Sendable, Hashable {
    /// As the history knows them now.
    package var alerts: [AlertEpisode]
    /// The receiver whose message holds the link.
    package var receiver: String
    package var expiresAt: Timestamp

    package init(alerts: [AlertEpisode], receiver: String, expiresAt: Timestamp) {
        (self.alerts, self.receiver, self.expiresAt) = (alerts, receiver, expiresAt)
    }
}
