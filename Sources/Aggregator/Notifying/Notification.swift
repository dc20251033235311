import Telemetry

/// What one channel is to be told, before it is written out for that channel.
struct Notification: Sendable, Hashable {
    var channel: Channel
    var groupKey: String
    var groupLabels: Labels
    var reason: NotifyReason
    /// Firing ones first; never empty.
    var alerts: [Alert]
    /// Where people say that they take care of it; nil when nothing fires, or when messages hold no links.
    var acknowledgeURL: String?
    /// When the group came into being: what is told from then until all of it is over is one conversation, and one thread of mails.
    var openedAt: Timestamp?
    /// Of a digest: what it stands for.
    var parts: [Part] = []
    /// Why it comes this way, for people: a fallback names the channel that did not take it.
    var remark: String?
    /// That it tells: somebody takes care of its alerts. Nil for all others.
    var acknowledgement: Acknowledged?

    struct Acknowledged: Sendable, Hashable {
        var acknowledgement: AlertAcknowledgement
        /// Nothing of the conversation is left of which nobody takes care.
        var isWhole: Bool

        /// `acknowledged by ann: I am on it`, in one line.
        var words: String {
            let note = acknowledgement.comment.isEmpty ? "" : ": \(acknowledgement.comment)"
            return OneLine.of("acknowledged by \(acknowledgement.by)\(note)", charactersMax: 1_000)
        }
    }

    /// One of the notifications that a digest stands for.
    struct Part: Sendable, Hashable {
        /// Its delivery; nil for one that was never made, because a rate limit held it.
        var id: UUID?
        var groupKey: String
        var groupLabels: Labels
        var status: String
        var alertCount: Int
        var createdAt: Timestamp

        init(id: UUID? = nil, groupKey: String, groupLabels: Labels, status: String, alertCount: Int, createdAt: Timestamp) {
            (self.id, self.groupKey, self.groupLabels) = (id, groupKey, groupLabels)
            (self.status, self.alertCount, self.createdAt) = (status, alertCount, createdAt)
        }

        /// Of a group that was held back.
        init(_ group: AlertGroup, _ alerts: [Alert], at now: Timestamp) {
            let status = alerts.contains { $0.state != .resolved } ? "firing" : "resolved"
            self.init(groupKey: group.key, groupLabels: group.labels, status: status, alertCount: alerts.count, createdAt: now)
        }
    }

    var firing: [Alert] { alerts.filter { $0.state != .resolved } }
    var resolved: [Alert] { alerts.filter { $0.state == .resolved } }

    /// `firing` while one fires, else `resolved`.
    var status: String { alerts.contains { $0.state != .resolved } ? "firing" : "resolved" }

    /// What the record says of it; `acknowledged` is no page.
    var recordStatus: String { acknowledgement == nil ? status : "acknowledged" }

    /// The labels that all alerts share.
    var commonLabels: Labels { Notification.common(alerts.map(\.labels)) }
    var commonAnnotations: Labels { Notification.common(alerts.map(\.annotations)) }

    /// What a digest's title says of it; nil when it is none.
    var digestTitle: String? {
        switch reason {
        case .digest: "digest of \(alerts.count) alerts over the rate limit"
        case .outageDigest: "digest of \(parts.count) notifications after an outage"
        default: parts.isEmpty ? nil : "digest of \(parts.count) notifications"
        }
    }

    /// Whether it stands for several groups: what comes after it must wait for it.
    static func isDigest(_ reason: NotifyReason, groupKey: String) -> Bool { reason == .digest || groupKey.hasPrefix(digestKey) }

    static let digestKey = "digest:"

    /// Names the conversation for providers that keep one: the same for all that is told of a group from its beginning to its end.
    var conversation: String { openedAt.map { "\(groupKey)@\($0.nanoseconds)" } ?? groupKey }

    static func common(_ sets: [Labels]) -> Labels {
        guard let first = sets.first else { return .empty }
        return Labels(first.pairs.filter { pair in sets.dropFirst().allSatisfy { $0[pair.name] == pair.value } })
    }
}
