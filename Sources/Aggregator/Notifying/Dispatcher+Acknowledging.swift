import Telemetry

/// Who takes care of what: an acknowledgement holds for one episode of an alert.
extension Dispatcher {
    /// Of those among these that fire. Returns how many do.
    mutating func acknowledge(_ fingerprints: [UInt64], _ acknowledgement: AlertAcknowledgement, at now: Timestamp) -> Int {
        var count = 0
        for fingerprint in Set(fingerprints) {
            guard let alert = alerts[fingerprint], alert.state == .firing else { continue }
            count += 1
            acknowledged[fingerprint] = acknowledgement
            changes.acknowledgements[alert.episode] = .some(acknowledgement)
            let details: Labels = ["by": acknowledgement.by, "comment": acknowledgement.comment, "via": acknowledgement.via]
            note(.acknowledged, of: alert, details: details, at: now)
        }
        // Nobody need be called for a group of which somebody takes care.
        for (key, group) in groups where group.escalation != nil && !standing(of: group, at: now).isUnattended { endEscalation(of: key) }
        return count
    }

    /// False when it was not acknowledged.
    mutating func unacknowledge(_ fingerprint: UInt64, by: String, at now: Timestamp) -> Bool {
        guard acknowledged.removeValue(forKey: fingerprint) != nil, let alert = alerts[fingerprint] else { return false }
        changes.acknowledgements[alert.episode] = .some(nil)
        note(.unacknowledged, of: alert, details: ["by": by], at: now)
        return true
    }
}
