import Telemetry

// Rows of agents.
extension AlertBook {
    /// Takes in one row of an alert block.
    /// - Parameter now: our clock when the block is read, which may be long after it was received.
    mutating func take(_ received: Alert, at place: RowOrigin, of host: String, now: Timestamp) -> AlertDecision? {
        guard let alert = AlertBook.bounded(received) else {
            refusedOverLimit += 1
            return nil
        }
        noteProgress(of: host, alert, now: now)
        let key = AlertKey(host: host, fingerprint: alert.fingerprint)
        guard var entry = entries[key] else {
            guard countByHost[host, default: 0] < CorrelatingLimits.alertsPerHostMax else {
                refusedOverLimit += 1
                return nil
            }
            let entry = AlertEntry(
                host: host,
                alert: alert,
                phase: .resolved,
                place: place,
                heardAt: now,
                heldUntil: nil,
                incident: nil
            )
            return begin(entry, alert, previous: nil, now: now)
        }
        // Our own alert of the same labels: an agent does not speak for it.
        guard let known = entry.place else { return nil }
        guard isLater(alert, at: place, than: entry, known, now: now) else {
            ignoredLate += 1
            return nil
        }
        let before = entry
        (entry.place, entry.heardAt, entry.missedSince) = (place, now, nil)
        switch (before.phase, alert.state) {
        case (.pending, _), (.resolved, .firing), (.resolved, .pending):
            return begin(entry, alert, previous: before.phase == .pending ? .pending : .resolved, now: now)
        case (.held, .firing):
            adopt(alert, into: &entry)
            guard isFresh(alert, now: now) else {
                keep(entry)
                return nil
            }
            (entry.phase, entry.heldUntil) = (.firing, nil)
            keep(entry)
            return AlertDecision(key: key, alert: entry.alert, previous: nil, reason: .firedLate)
        case (.held, .resolved):
            finish(&entry, with: alert)
            return AlertDecision(key: key, alert: entry.alert, previous: nil, reason: .history, isHistoryOnly: true)
        case (.firing, .firing):
            // Another `startsAt` under our feet means that an end was lost (a new spool): people know already that it fires.
            adopt(alert, into: &entry)
            keep(entry)
            return nil
        case (.firing, .resolved):
            finish(&entry, with: alert)
            return AlertDecision(key: key, alert: entry.alert, previous: .firing, reason: .resolved)
        case (.held, .pending), (.firing, .pending):
            // An agent that lost its state and begins anew. It will fire again or fall silent; until then the last word stands.
            return nil
        case (.resolved, .resolved):
            guard alert.startsAt > before.alert.startsAt else {
                keep(entry)
                return nil
            }
            entry.alert = alert
            keep(entry)
            return AlertDecision(key: key, alert: alert, previous: .resolved, reason: .history, isHistoryOnly: true)
        }
    }

    /// An alert that nobody was told of, or no longer: the row begins an episode.
    mutating func begin(_ entry: AlertEntry, _ alert: Alert, previous: AlertState?, now: Timestamp) -> AlertDecision? {
        var entry = entry
        let wasPending = entry.phase == .pending
        entry.alert = alert
        entry.incident = nil
        entry.heldUntil = nil
        defer { keep(entry) }
        switch alert.state {
        case .pending:
            entry.phase = .pending
            if !wasPending { note(.pending, of: alert, details: ["value": "\(alert.value)", "expression": alert.expression], at: now) }
            return nil
        case .resolved:
            entry.phase = .resolved
            return AlertDecision(key: entry.key, alert: alert, previous: previous, reason: .history, isHistoryOnly: true)
        case .firing where isFresh(alert, now: now):
            entry.phase = .firing
            return AlertDecision(key: entry.key, alert: alert, previous: previous, reason: .fired)
        case .firing:
            entry.phase = .held
            let until = now.advanced(by: AlertBook.settle(for: alert, now: now))
            entry.heldUntil = until
            note(.late, of: alert, details: ["until": until.rfc3339, "updated_at": alert.updatedAt.rfc3339], at: now)
            return nil
        }
    }

    /// The newest word on an alert that goes on firing; it began when it first began.
    func adopt(_ alert: Alert, into entry: inout AlertEntry) {
        let startsAt = min(entry.alert.startsAt, alert.startsAt)
        let activeAt = min(entry.alert.activeAt, alert.activeAt)
        entry.alert = alert
        (entry.alert.startsAt, entry.alert.activeAt) = (startsAt, activeAt)
    }

    mutating func finish(_ entry: inout AlertEntry, with alert: Alert) {
        adopt(alert, into: &entry)
        entry.alert.state = .resolved
        entry.alert.endsAt = max(alert.endsAt ?? alert.updatedAt, entry.alert.startsAt)
        (entry.phase, entry.heldUntil) = (.resolved, nil)
        keep(entry)
    }

    /// The alert with what is too long of its texts cut; nil when its labels are over the limit.
    static func bounded(_ alert: Alert) -> Alert? {
        let labels = alert.labels.pairs
        guard labels.count <= CorrelatingLimits.labelsMax,
            labels.reduce(0, { $0 + $1.name.utf8.count + $1.value.utf8.count }) <= CorrelatingLimits.labelBytesMax
        else { return nil }
        var alert = alert
        let limit = CorrelatingLimits.annotationTextMax
        if alert.expression.utf8.count > limit { alert.expression = String(alert.expression.prefix(limit)) + "…" }
        let annotations = alert.annotations.pairs
        let isLong = annotations.contains { $0.value.utf8.count > limit || $0.name.utf8.count > limit }
        guard isLong || annotations.count > CorrelatingLimits.annotationsMax else { return alert }
        let cut = annotations.prefix(CorrelatingLimits.annotationsMax).filter { $0.name.utf8.count <= limit }.map { pair in
            pair.value.utf8.count > limit ? Label(pair.name, String(pair.value.prefix(limit)) + "…") : pair
        }
        alert.annotations = Labels(cut)
        return alert
    }

    func isFresh(_ alert: Alert, now: Timestamp) -> Bool {
        now.duration(since: alert.updatedAt) <= CorrelatingLimits.freshFor
    }

    static func settle(for alert: Alert, now: Timestamp) -> Duration {
        min(max(now.duration(since: alert.updatedAt) / 10, CorrelatingLimits.settleMin), CorrelatingLimits.settleMax)
    }

    func isLater(_ alert: Alert, at place: RowOrigin, than entry: AlertEntry, _ known: RowOrigin, now: Timestamp) -> Bool {
        if place.agent == known.agent {
            return (place.sequence, place.block, place.row) > (known.sequence, known.block, known.row)
        }
        // A new agent id counts from 1 again, and may repeat what the old one sent: only the host's clock can say. If that clock was set
        // back, rows would be passed over for as long, so an entry that nobody refreshes gives way; but not to its own past.
        if alert.updatedAt >= entry.alert.updatedAt { return true }
        if entry.phase == .resolved, alert.startsAt == entry.alert.startsAt { return false }
        return now.duration(since: entry.heardAt) >= expireAfter
    }

    mutating func noteProgress(of host: String, _ alert: Alert, now: Timestamp) {
        guard let drain = drains[host] else {
            drains[host] = Drain(updatedAt: alert.updatedAt, readAt: now, doneAt: .distantPast)
            return
        }
        guard alert.updatedAt > drain.updatedAt else { return }
        // While a host catches up, its rows' times advance much faster than ours; a host whose clock is wrong advances as we do.
        let advanced = alert.updatedAt.duration(since: drain.updatedAt)
        let passed = now.duration(since: drain.readAt)
        let isCatchingUp = !isFresh(alert, now: now) && advanced > passed * 2 + .seconds(1)
        let doneAt = isCatchingUp ? now.advanced(by: AlertBook.settle(for: alert, now: now)) : drain.doneAt
        drains[host] = Drain(updatedAt: alert.updatedAt, readAt: now, doneAt: doneAt)
    }
}
