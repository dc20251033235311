/// Which episodes: those that fired at some moment between two, the latest beginning first.
package struct EpisodeQuery: Sendable, Hashable {
    package var start: Timestamp?
    package var end: Timestamp?
    package var host: String?
    package var alertname: String?
    package var limit: Int
    /// Behind this one: the last of the page before.
    package var after: Place?

    /// Where an episode stands in the list.
    package struct Place: Sendable, Hashable {
        package var startsAt: Timestamp
        package var ordinal: Int64

        package init(startsAt: Timestamp, ordinal: Int64) { (self.startsAt, self.ordinal) = (startsAt, ordinal) }

        /// `1767225600000000000.17`, which a client gives back as it is.
        package var text: String { "\(startsAt.nanoseconds).\(ordinal)" }

        package init?(_ text: String) {
            let parts = text.split(separator: ".", omittingEmptySubsequences: false)
            guard parts.count == 2, let nanoseconds = Int64(parts[0]), let ordinal = Int64(parts[1]) else { return nil }
            self.init(startsAt: Timestamp(nanoseconds: nanoseconds), ordinal: ordinal)
        }
    }

    package init(
        start: Timestamp? = nil,
        end: Timestamp? = nil,
        host: String? = nil,
        alertname: String? = nil,
        limit: Int,
        after: Place? = nil
    ) {
        (self.start, self.end, self.host, self.alertname, self.limit, self.after) = (start, end, host, alertname, limit, after)
    }
}

/// Which notifications: those made between two moments, the latest first.
package struct NotificationQuery: Sendable, Hashable {
    package var start: Timestamp?
    package var end: Timestamp?
    package var state: NotificationRecord.State?
    package var receiver: String?
    /// About alerts of this name.
    package var alertname: String?
    package var limit: Int
    /// Behind the one with this number.
    package var after: Int64?

    package init(
        start: Timestamp? = nil,
        end: Timestamp? = nil,
        state: NotificationRecord.State? = nil,
        receiver: String? = nil,
        alertname: String? = nil,
        limit: Int,
        after: Int64? = nil
    ) {
        (self.start, self.end, self.state, self.receiver, self.alertname) = (start, end, state, receiver, alertname)
        (self.limit, self.after) = (limit, after)
    }
}
