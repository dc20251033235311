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

    var key: AlertKey { AlertKey(host: host, fingerprint: alert.fingerprint) }
    var isLive: Bool { phase != .resolved }
}
