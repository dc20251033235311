import Telemetry

// What time alone decides.
extension AlertBook {
    /// What time alone decides: held firings are told, forgotten ones expire, resolved ones leave the list.
    /// - Parameter condition: of a host; nil when nothing is known of it.
    mutating func judge(now: Timestamp, condition: (String) -> HostCondition?) -> [AlertDecision] {
        var decisions: [AlertDecision] = []
        for key in live {
            guard var entry = entries[key], entry.place != nil else { continue }
            if entry.phase == .held, now >= releaseTime(of: entry) {
                (entry.phase, entry.heldUntil) = (.firing, nil)
                keep(entry)
                decisions.append(AlertDecision(key: key, alert: entry.alert, previous: nil, reason: .firedLate))
            } else if let host = condition(entry.host), isMissed(entry, by: host, now: now) {
                // A host that slept, or was away, sends its alerts as soon as it is awake: give it time for that.
                guard let since = entry.missedSince, host.collections >= since else {
                    entries[key]?.missedSince = host.collections
                    continue
                }
                guard host.collections >= since + CorrelatingLimits.collectionsBeforeExpiry else { continue }
                decisions += expire(&entry, reason: .expired, now: now)
            } else if entry.missedSince != nil {
                entries[key]?.missedSince = nil
            }
        }
        for (key, entry) in entries where entry.phase == .resolved {
            guard now.duration(since: entry.heardAt) > CorrelatingLimits.resolvedKeptFor else { continue }
            remove(key)
        }
        return decisions.sorted { ($0.alert.startsAt, $0.key.fingerprint) < ($1.alert.startsAt, $1.key.fingerprint) }
    }

    /// Everything of a host that was taken out of service.
    mutating func forget(host: String, now: Timestamp) -> [AlertDecision] {
        var decisions: [AlertDecision] = []
        for key in live where key.host == host {
            guard var entry = entries[key], entry.place != nil else { continue }
            decisions += expire(&entry, reason: .hostForgotten, now: now)
        }
        drains[host] = nil
        return decisions
    }

    mutating func expire(_ entry: inout AlertEntry, reason: TransitionReason, now: Timestamp) -> [AlertDecision] {
        let before = entry.phase
        entry.alert.state = .resolved
        // By the host's clock: when it was last known to fire.
        entry.alert.endsAt = max(entry.alert.updatedAt, entry.alert.startsAt)
        (entry.phase, entry.heldUntil) = (.resolved, nil)
        keep(entry)
        switch before {
        case .firing: return [AlertDecision(key: entry.key, alert: entry.alert, previous: .firing, reason: reason)]
        case .held: return [AlertDecision(key: entry.key, alert: entry.alert, previous: nil, reason: .history, isHistoryOnly: true)]
        case .pending:
            note(.withdrawn, of: entry.alert, reason: reason.rawValue, at: now)
            return []
        case .resolved: return []
        }
    }

    func isMissed(_ entry: AlertEntry, by host: HostCondition, now: Timestamp) -> Bool {
        guard host.isUp else { return false }
        let silent = now.duration(since: entry.heardAt)
        // An agent sends its alerts before its samples: newer samples mean that nothing about the alert is still on the way. After a
        // clock that was set back there are none for as long: that must not keep the alert for ever.
        return silent >= expireAfter && host.dataAt.duration(since: entry.alert.updatedAt) >= expireAfter
            || silent >= max(CorrelatingLimits.expireAnywayAfter, expireAfter)
    }

    func releaseTime(of entry: AlertEntry) -> Timestamp {
        max(entry.heldUntil ?? .distantPast, drains[entry.host]?.doneAt ?? .distantPast)
    }

    /// When the next held alert is to be told; nil when none is held.
    var nextRelease: Timestamp? { held.compactMap { entries[$0].map { releaseTime(of: $0) } }.min() }

    /// When `judge` should be called next; nil when nothing is open.
    func nextDeadline(now: Timestamp) -> Timestamp? {
        live.isEmpty ? nil : min(nextRelease ?? .distantFuture, now.advanced(by: CorrelatingLimits.expiryCheckEvery))
    }
}
