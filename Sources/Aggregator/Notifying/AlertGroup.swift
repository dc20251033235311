import Telemetry

/// Why a channel is told now: a fixed word for logs, metrics and the record.
enum NotifyReason: String, Sendable, Hashable {
    /// The group fires and the channel has not been told, or was told that all is over.
    case first
    /// An alert fires that the channel has not been told of.
    case newAlerts = "new_alerts"
    /// Some of what the channel was told of is over.
    case someResolved = "some_resolved"
    /// All that the channel was told of is over.
    case allResolved = "all_resolved"
    /// It still fires, and `repeat_interval` has passed.
    case repeatElapsed = "repeat_interval"
    /// Several groups that were over the rate limit, in one.
    case digest
    /// Nobody had acknowledged it: the next receiver is told.
    case escalated
    /// Somebody takes care of what the channel was told of.
    case acknowledged
    /// Somebody else has the duty now, and it still fires.
    case handedOver = "handed_over"
    /// What waited for a channel that was down, in one.
    case outageDigest = "outage_digest"
    /// Another channel has not taken it.
    case fallback
    /// An operator asked whether the channel works.
    case test
}

/// Alerts of one route that share the values of `group_by`, and what its channels were told of them (Alertmanager's notification log).
struct AlertGroup: Sendable {
    /// What a channel was last told.
    struct Told: Sendable, Hashable {
        /// Alerts it was told of as firing and not yet as resolved.
        var firing: Set<UInt64>
        var at: Timestamp
    }

    /// What is to be said to a channel.
    struct Decision: Sendable {
        var channel: Channel
        var reason: NotifyReason
        /// Firing ones first.
        var alerts: [Alert]
    }

    /// The group's alerts as the outside may see them.
    struct Standing: Sendable {
        /// Firing, neither inhibited nor silenced.
        var firing: [Alert] = []
        var muted: Set<UInt64> = []
        var resolved: [Alert] = []
        /// Of those that fire: somebody takes care of them.
        var acknowledged: Set<UInt64> = []

        /// Whether something fires of which nobody takes care.
        var isUnattended: Bool { firing.contains { !acknowledged.contains($0.fingerprint) } }
    }

    let key: String
    let route: Route
    let labels: Labels
    /// Firing ones, and resolved ones that some channel has not been told of yet.
    var alerts: [UInt64: Alert] = [:]
    var nextFlush: Timestamp
    /// When it came into being; nil for one of a version before the first release.
    var openedAt: Timestamp?
    var hasFlushed = false
    /// Over the rate limit: waits for a digest.
    var isHeld = false
    /// By channel key.
    var told: [String: Told] = [:]
    /// Nil while nobody waits for an acknowledgement.
    var escalation: Escalation?
    /// Why each alert was not told when the group was looked at last, and channels that had no room: what changes is explained, once. Not stored.
    var muted: [UInt64: Dispatcher.Muting] = [:]
    var fullChannels: Set<String> = []

    init(key: String, route: Route, labels: Labels, nextFlush: Timestamp) {
        (self.key, self.route, self.labels, self.nextFlush) = (key, route, labels, nextFlush)
    }

    /// When the next step of the escalation is due; nil: there is none.
    var nextEscalation: Timestamp? { escalation?.next(of: route.escalation) }

    /// Alertmanager's dedup stage, with two differences. Of what somebody takes care, nobody is told again. And whoever was told that an alert fires is told that it ended, even when it was silenced
    /// or inhibited meanwhile. Nil: nothing to say.
    func decision(for channel: Channel, standing: Standing, at now: Timestamp) -> Decision? {
        let told = told[channel.key]
        let known = told?.firing ?? []
        let over = channel.sendsResolved ? standing.resolved.filter { known.contains($0.fingerprint) } : []
        let reason: NotifyReason
        if standing.firing.contains(where: { !known.contains($0.fingerprint) && !standing.acknowledged.contains($0.fingerprint) }) {
            reason = known.isEmpty ? .first : .newAlerts
        } else if !over.isEmpty {
            reason = standing.firing.isEmpty && known.isDisjoint(with: standing.muted) ? .allResolved : .someResolved
        } else if standing.isUnattended, let told, told.at.advanced(by: route.repeatInterval) <= now {
            reason = .repeatElapsed
        } else {
            return nil
        }
        return Decision(channel: channel, reason: reason, alerts: standing.firing + over)
    }

    /// For a channel that is not asked any more: that what it was told of is over.
    func ending(for channel: Channel, standing: Standing) -> Decision? {
        let known = told[channel.key]?.firing ?? []
        let over = channel.sendsResolved ? standing.resolved.filter { known.contains($0.fingerprint) } : []
        guard !over.isEmpty else { return nil }
        let left = standing.firing.filter { known.contains($0.fingerprint) }
        let isAll = left.isEmpty && known.isDisjoint(with: standing.muted)
        return Decision(channel: channel, reason: isAll ? .allResolved : .someResolved, alerts: left + over)
    }

    /// Writes down that the channel was told, or that it had nothing to be told of. True when the record changed.
    mutating func settle(_ channel: Channel, wasTold: Bool, standing: Standing, at now: Timestamp) -> Bool {
        let before = told[channel.key]
        var firing = before?.firing ?? []
        if wasTold { firing = Set(standing.firing.map(\.fingerprint)).union(firing.intersection(standing.muted)) }
        firing.subtract(standing.resolved.map(\.fingerprint))
        let after = firing.isEmpty ? nil : Told(firing: firing, at: wasTold ? now : (before?.at ?? now))
        told[channel.key] = after
        return before != after
    }
}

/// A rate limit's bucket in wall-clock time, so that it lives on through a restart, and the groups that wait for its next token.
struct RateBucket: Sendable, Hashable {
    let count: Int
    let window: Duration
    private(set) var tokens: Double
    private(set) var updatedAt: Timestamp
    var held: Set<String> = []

    init(count: Int, window: Duration, tokens: Double? = nil, updatedAt: Timestamp) {
        (self.count, self.window, self.updatedAt) = (count, window, updatedAt)
        self.tokens = min(tokens ?? Double(count), Double(count))
    }

    private var perSecond: Double { Double(count) / window.inSeconds }

    /// Whether there is a token now.
    mutating func hasToken(at now: Timestamp) -> Bool {
        refill(at: now)
        return tokens >= 1 - 1e-6
    }

    mutating func take(at now: Timestamp) -> Bool {
        guard hasToken(at: now) else { return false }
        tokens -= 1
        return true
    }

    /// When the next token will be there.
    var nextToken: Timestamp {
        let seconds = max(0, 1 - tokens) / perSecond
        return updatedAt.advanced(by: .nanoseconds(Int64((seconds * 1e9).rounded(.up))))
    }

    private mutating func refill(at now: Timestamp) {
        // A clock that was set back must not stop the flow for ever.
        let elapsed = max(0, now.duration(since: updatedAt).inSeconds)
        tokens = min(Double(count), tokens + elapsed * perSecond)
        updatedAt = now
    }
}
