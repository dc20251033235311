import Telemetry

// Alerts of our own: no agent speaks for them, and they never expire.
extension AlertBook {
    /// In place of a host, for alerts of the aggregator's own rules: they may name any host, or none. No host is called so.
    static let ruledHost = "\u{1}rules"

    /// An alert that the aggregator itself makes (HostDown): it fires or is resolved at its word.
    mutating func setOwn(_ alert: Alert, of host: String, reason: TransitionReason, now: Timestamp) -> AlertDecision? {
        let key = AlertKey(host: host, fingerprint: alert.fingerprint)
        let known = entries[key]
        let wasFiring = known?.phase == .firing
        guard wasFiring != (alert.state == .firing) else { return nil }
        keepOwn(alert, key, alert.state == .firing ? .firing : .resolved, incident: wasFiring ? known?.incident : nil, now: now)
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

    /// All that the aggregator's own rules say. The state is compared with what is known, so that hearing it again, or after a crash, changes nothing.
    mutating func setRuled(_ ruled: RuledAlerts, now: Timestamp) -> [AlertDecision] {
        var decisions: [AlertDecision] = []
        var seen: Set<AlertKey> = []
        for received in ruled.alerts {
            guard let alert = AlertBook.bounded(received) else {
                refusedOverLimit += 1
                continue
            }
            let key = AlertKey(host: AlertBook.ruledHost, fingerprint: alert.fingerprint)
            seen.insert(key)
            if let decision = setRuled(alert, key, now: now) { decisions.append(decision) }
        }
        guard ruled.isWhole else { return decisions }
        // Their rules are gone.
        for key in live where key.host == AlertBook.ruledHost && !seen.contains(key) {
            guard let entry = entries[key] else { continue }
            guard entry.phase == .firing else {
                // What waited in vain is no longer told of at all; so is a rule that is gone.
                note(.withdrawn, of: entry.alert, at: now)
                remove(key)
                continue
            }
            var alert = entry.alert
            (alert.state, alert.endsAt, alert.updatedAt) = (.resolved, max(now, alert.startsAt), now)
            keepOwn(alert, key, .resolved, incident: entry.incident, now: now)
            decisions.append(AlertDecision(key: key, alert: alert, previous: .firing, reason: .resolved))
        }
        return decisions.sorted { ($0.alert.startsAt, $0.key.fingerprint) < ($1.alert.startsAt, $1.key.fingerprint) }
    }

    private mutating func setRuled(_ alert: Alert, _ key: AlertKey, now: Timestamp) -> AlertDecision? {
        let known = entries[key]
        if known == nil, countByHost[key.host, default: 0] >= CorrelatingLimits.ruledAlertsMax {
            refusedOverLimit += 1
            return nil
        }
        switch (known?.phase ?? .resolved, alert.state) {
        case (.firing, .firing), (.held, .firing):
            guard var entry = known else { return nil }
            adopt(alert, into: &entry)
            // Most of what is heard again is nothing new, and a write less.
            if entry.alert != known?.alert { keepOwn(entry.alert, key, .firing, incident: entry.incident, now: now) }
            return nil
        case (.firing, .pending), (.held, .pending):
            // Ruling lost its state: it will fire again or be over, until then the last word stands.
            return nil
        case (.firing, .resolved), (.held, .resolved):
            guard var entry = known else { return nil }
            entry.heardAt = now
            finish(&entry, with: alert)
            return AlertDecision(key: key, alert: entry.alert, previous: .firing, reason: .resolved)
        case (.pending, .firing), (.resolved, .firing):
            keepOwn(alert, key, .firing, incident: nil, now: now)
            return AlertDecision(key: key, alert: alert, previous: known?.alert.state, reason: .fired)
        case (.pending, .pending), (.resolved, .pending):
            if known?.phase != .pending { note(.pending, of: alert, details: ["value": "\(alert.value)", "expression": alert.expression], at: now) }
            if alert != known?.alert { keepOwn(alert, key, .pending, incident: nil, now: now) }
            return nil
        case (.pending, .resolved):
            note(.withdrawn, of: alert, at: now)
            remove(key)
            return nil
        case (.resolved, .resolved): return nil
        }
    }

    private mutating func keepOwn(_ alert: Alert, _ key: AlertKey, _ phase: AlertEntry.Phase, incident: UUID?, now: Timestamp) {
        var entry = AlertEntry(host: key.host, alert: alert, phase: phase, place: nil, heardAt: now, heldUntil: nil, incident: incident)
        entry.told = entries[key]?.told
        keep(entry)
    }
}
