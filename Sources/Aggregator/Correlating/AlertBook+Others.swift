import Telemetry

// Alerts of other systems, which Prometheus and its like send under Alertmanager's API.
extension AlertBook {
    /// Under this name, which no host can have, their alerts are kept: never mixed with those of agents. Whoever has a token has a name of his own behind it.
    static let others = "\u{1}others"

    static func host(ofSender name: String) -> String { name.isEmpty ? others : "\(others)\u{1}\(name)" }

    static func isOthers(_ host: String) -> Bool { host.utf8.first == 1 && host.hasPrefix(others) }

    /// Nil for what no other system says; empty for one without a name.
    static func sender(of host: String) -> String? { isOthers(host) ? String(host.dropFirst(others.count + 1)) : nil }

    /// Takes in an alert that another system sent: it fires until its end, which each repeat moves ahead, or is over at its word.
    mutating func takeOther(_ received: Alert, at place: RowOrigin, now: Timestamp) -> AlertDecision? {
        let host = AlertBook.host(ofSender: received.annotations[Alert.senderAnnotation] ?? "")
        guard let alert = AlertBook.bounded(received.sent(by: nil)) else {
            refusedOverLimit += 1
            return nil
        }
        let key = AlertKey(host: host, fingerprint: alert.fingerprint)
        let known = entries[key]
        guard known != nil || otherCount < CorrelatingLimits.otherAlertsMax else {
            refusedOverLimit += 1
            return nil
        }
        var entry = known ?? AlertEntry(host: host, alert: alert, phase: .resolved, place: place, heardAt: now)
        let (wasFiring, lastStart, lastEnd) = (known?.phase == .firing, known?.alert.startsAt, entry.heldUntil)
        (entry.place, entry.heardAt) = (place, now)
        guard alert.state == .firing else {
            // It is repeated for a while after its end, and one that we never heard of is nobody's news.
            guard wasFiring else { return nil }
            finish(&entry, with: alert)
            return AlertDecision(key: key, alert: entry.alert, previous: .firing, reason: .resolved)
        }
        if wasFiring { adopt(alert, into: &entry) } else { entry.alert = alert }
        // Until told otherwise: people and lists see no end of what fires.
        entry.alert.endsAt = nil
        (entry.phase, entry.heldUntil) = (.firing, max(alert.endsAt ?? now, wasFiring ? lastEnd ?? now : now))
        keep(entry)
        guard !wasFiring else { return nil }
        return AlertDecision(key: key, alert: entry.alert, previous: lastStart == nil ? nil : .resolved, reason: .fired)
    }

    /// Those that were not repeated until their end.
    mutating func expireOthers(now: Timestamp) -> [AlertDecision] {
        guard now >= othersDue else { return [] }
        var decisions: [AlertDecision] = []
        othersDue = .distantFuture
        for key in live where AlertBook.isOthers(key.host) {
            guard var entry = entries[key], let end = entry.heldUntil else { continue }
            let expiry = expiry(of: entry, end)
            guard now >= expiry else {
                othersDue = min(othersDue, expiry)
                continue
            }
            entry.alert.state = .resolved
            entry.alert.endsAt = max(end, entry.alert.startsAt)
            (entry.phase, entry.heldUntil) = (.resolved, nil)
            keep(entry)
            decisions.append(AlertDecision(key: key, alert: entry.alert, previous: .firing, reason: .expired))
        }
        return decisions
    }

    /// We were away, or could not take data: who could not reach us gets time to say again what fires.
    mutating func resumeOthers(at now: Timestamp) { resumedAt = now }

    /// When they are to be looked at again, not after the first of their ends; nil when none fires. Kept, not sought: it is asked for with each block.
    var nextExpiry: Timestamp? { othersDue == .distantFuture ? nil : othersDue }

    private func expiry(of entry: AlertEntry, _ end: Timestamp) -> Timestamp {
        // What was heard of since we are back needs no grace.
        entry.heardAt >= resumedAt ? end : max(end, resumedAt.advanced(by: CorrelatingLimits.othersReturnWithin))
    }
}

extension AlertDecision {
    /// On which host it is; empty: on none. Of another system's alert its labels say: the host, or the instance without its port.
    var incidentHost: String {
        guard key.host.isEmpty || AlertBook.isOthers(key.host) || key.host == AlertBook.ruledHost else { return key.host }
        if let host = alert.labels["host"] { return host }
        guard AlertBook.isOthers(key.host), let instance = alert.labels["instance"] else { return "" }
        guard let colon = instance.lastIndex(of: ":"), Int(instance[instance.index(after: colon)...]) != nil else { return instance }
        return String(instance[..<colon])
    }
}
