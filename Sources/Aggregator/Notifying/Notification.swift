import Telemetry

/// What one channel is to be told, before it is written out for that channel.
struct Notification: Sendable {
    var channel: Channel
    var groupKey: String
    var groupLabels: Labels
    var reason: NotifyReason
    /// Firing ones first; never empty.
    var alerts: [Alert]
    /// Where people say that they take care of it; nil when nothing fires, or when messages hold no links.
    var acknowledgeURL: String?

    var firing: [Alert] { alerts.filter { $0.state != .resolved } }
    var resolved: [Alert] { alerts.filter { $0.state == .resolved } }

    /// `firing` while one fires, else `resolved`.
    var status: String { alerts.contains { $0.state != .resolved } ? "firing" : "resolved" }

    /// The labels that all alerts share.
    var commonLabels: Labels { Notification.common(alerts.map(\.labels)) }
    var commonAnnotations: Labels { Notification.common(alerts.map(\.annotations)) }

    private static func common(_ sets: [Labels]) -> Labels {
        guard let first = sets.first else { return .empty }
        return Labels(first.pairs.filter { pair in sets.dropFirst().allSatisfy { $0[pair.name] == pair.value } })
    }
}
