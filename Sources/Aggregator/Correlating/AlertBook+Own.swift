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

    /// An own alert that goes on firing, in other words. Nobody is told.
    mutating func rewordOwn(_ alert: Alert, of host: String, now: Timestamp) {
        guard var entry = entries[AlertKey(host: host, fingerprint: alert.fingerprint)], entry.place == nil, entry.phase == .firing else { return }
        (entry.alert, entry.heardAt) = (alert, now)
        keep(entry)
    }

    /// An own alert that fires and that nobody was paged for is told now.
    mutating func tellOwn(_ alert: Alert, of host: String, reason: TransitionReason, now: Timestamp) -> AlertDecision? {
        rewordOwn(alert, of: host, now: now)
        let key = AlertKey(host: host, fingerprint: alert.fingerprint)
        guard entries[key]?.alert == alert else { return setOwn(alert, of: host, reason: reason, now: now) }
        return AlertDecision(key: key, alert: alert, previous: .firing, reason: reason)
    }
}
