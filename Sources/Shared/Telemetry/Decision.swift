/// One time that an alert fired: the label set, and when its expression first held (`activeAt`, the same while it is pending, firing and
/// resolved).
package struct EpisodeKey: Sendable, Hashable {
    package var fingerprint: UInt64
    package var activeAt: Timestamp

    package init(fingerprint: UInt64, activeAt: Timestamp) { (self.fingerprint, self.activeAt) = (fingerprint, activeAt) }
}

extension Alert {
    package var episode: EpisodeKey { EpisodeKey(fingerprint: fingerprint, activeAt: activeAt) }
}

/// One decision on the way from a rule's value to a person, with its reason. Rooms store theirs in the transaction that holds the effect;
/// `agentctl alerts explain` tells them in order.
package struct Decision: Sendable, Hashable {
    /// What was decided on: an alert, or a notification (which may be about many alerts, so that its attempts are stored once).
    package enum Subject: Sendable, Hashable {
        case alert(EpisodeKey)
        case delivery(UUID)
    }

    /// The words are stored and shown in the API: they never change their meaning. In brackets the details that go with them.
    package enum Kind: String, Sendable, Hashable, CaseIterable {
        // The state of the alert (Correlating).
        /// The expression holds, `for` is not over [value, expression].
        case pending
        /// It held no longer before `for` was over.
        case withdrawn
        /// It fires and is handed on [value, expression, incident].
        case firing
        /// It fires, but its row came late: its end may be on the way [until, age].
        case late
        /// It fired and ended before it arrived, or its host told people itself: shown, nobody is told.
        case history
        /// It changes state so often that it is held [changes, window].
        case flapping
        /// It has been steady for long enough: let go.
        case steady
        /// It ended [value, reason].
        case resolved
        /// Another says the same: for people it is one alert, which they know [origin, by].
        case seconded
        /// One that said it says that it is over; another goes on [origin, by].
        case stillSaid = "still_said"
        /// Its incident turned out to be part of another [incident, into].
        case incidentMerged = "incident_merged"
        /// Too many alerts: it is not told.
        case refused

        // Who is to be told (Notifying).
        /// A route took it [route, receiver].
        case routed
        /// It joined a group [group, until].
        case grouped
        /// Not told, because another alert fires [source].
        case inhibited
        /// Not told, because of a silence [silence, author, comment, until].
        case silenced
        /// Not told, because of a time interval [interval].
        case muted
        /// Over the rate limit: waits for a digest [limit, until].
        case limited
        /// The channel has as many undelivered notifications as it may [channel].
        case held
        /// What kept it back is over.
        case released
        /// The group's next receiver is told, because nobody acknowledged [step, after, receiver].
        case escalated
        /// Somebody takes care of it: no repeats, no escalation [by, comment, via].
        case acknowledged
        /// That was taken back [by].
        case unacknowledged

        // One notification (Notifying).
        /// It lies in the outbox [channel, status, alerts, group].
        case queued
        /// An attempt failed and is repeated [attempt, reply, until].
        case attempted
        /// The provider took it [attempt, reply].
        case delivered
        /// It will not be delivered [attempt, reply].
        case failed
        /// Another channel is tried in its place [channel].
        case diverted
        /// An operator sends it again.
        case resent
        /// A digest tells it, after an outage of its channel [digest].
        case digested
    }

    package var at: Timestamp
    package var subject: Subject
    package var kind: Kind
    /// Why: a fixed word, such as `fired_late`; empty where the kind says it all.
    package var reason: String
    /// Names and values that the sentence needs; values are cut at ``detailBytesMax``.
    package var details: Labels

    package init(_ kind: Kind, of subject: Subject, reason: String = "", details: Labels = .empty, at: Timestamp) {
        (self.kind, self.subject, self.reason, self.details, self.at) = (kind, subject, reason, details, at)
    }

    /// About an alert.
    package init(_ kind: Kind, of alert: Alert, reason: String = "", details: Labels = .empty, at: Timestamp) {
        self.init(kind, of: .alert(alert.episode), reason: reason, details: details, at: at)
    }

    /// Bytes of one detail that are stored: a provider's reply may be a whole page.
    package static let detailBytesMax = 1_000
}
