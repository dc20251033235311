import Telemetry

// Alerts of our own.
extension AlertBook {
    /// An alert that the aggregator itself makes (HostDown): it fires or is resolved at its word and never expires.
    mutating func setOwn(_ alert: Alert, of host: String, reason: TransitionReason, now: Timestamp) -> AlertDecision? {
        let key = AlertKey(host: host, fingerprint: alert.fingerprint)
        let known = entries[key]
        let wasFiring = known?.phase == .firing
        guard wasFiring != (alert.state == .firing) else { return nil }
        keep(
            AlertEntry(
                host: host,
                alert: alert,
                phase: alert.state == .firing ? .firing : .resolved,
                place: nil,
                heardAt: now,
                heldUntil: nil,
                incident: wasFiring ? known?.incident : nil
            )
        )
        return AlertDecision(key: key, alert: alert, previous: known?.alert.state, reason: reason)
    }
}
