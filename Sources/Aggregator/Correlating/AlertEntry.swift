import Telemetry

/// Identifies an alert among all hosts: the host that judged, and the label set.
struct AlertKey: Sendable, Hashable {
    var host: String
    var fingerprint: UInt64
}

/// What is known of one alert, and what people were told of it.
struct AlertEntry: Sendable, Hashable {
    enum Phase: Int64, Sendable {
        /// Shown, not told.
        case pending = 0
        /// Fires, but the row came late: its end may be on the way. Exits: firing (nothing came), resolved (history only).
        case held = 1
        /// Fires, and people were told.
        case firing = 2
        case resolved = 3
    }

    var host: String
    var alert: Alert
    var phase: Phase
    /// Where the last row stood that was taken in; nil for an alert that the aggregator itself makes.
    var place: RowOrigin?
    /// When that row was taken in, by our clock.
    var heardAt: Timestamp
    /// While held: when people are told unless the end arrives. Of an alert that another system sent: when it is over unless it is sent again.
    var heldUntil: Timestamp?
    /// The host's count of sample blocks when a repeat was first missed; nil while none is. Not stored: a restart begins to count anew.
    var missedSince: UInt64?
    var incident: UUID?
    /// As part of what people know it, where another said the same first; nil: as itself.
    var told: Voice?

    /// Who said an alert first, and since when people know it.
    struct Voice: Sendable, Hashable {
        var host: String
        var activeAt: Timestamp
        var startsAt: Timestamp
    }

    var voice: Voice { told ?? Voice(host: host, activeAt: alert.activeAt, startsAt: alert.startsAt) }

    /// The alert as people know it.
    var toldAlert: Alert { AlertEntry.alert(alert, as: told) }

    static func alert(_ alert: Alert, as voice: Voice?) -> Alert {
        guard let voice else { return alert }
        var told = alert
        (told.activeAt, told.startsAt) = (voice.activeAt, voice.startsAt)
        told.endsAt = alert.endsAt.map { max($0, voice.startsAt) }
        return told
    }

    /// Who says it: an agent, our own rules, ourselves, or another system.
    var origin: String {
        if let sender = AlertBook.sender(of: host) { return sender.isEmpty ? "outside" : "outside \(sender)" }
        if host == AlertBook.ruledHost { return "rules" }
        return place == nil ? "aggregator" : "agent \(host)"
    }

    var key: AlertKey { AlertKey(host: host, fingerprint: alert.fingerprint) }
    var isLive: Bool { phase != .resolved }
}
