import Telemetry

// Between what is decided of an alert and what people are told.
extension Correlation {
    static let flappingAnnotation = "flapping"

    /// The decision as it is told: as it is; as the word that the alert flaps, once; or held.
    mutating func heldIfFlapping(_ decision: AlertDecision, now: Timestamp) -> AlertDecision {
        // What nobody is told anyway does not count.
        guard !decision.isHistoryOnly, decision.alert.foldedInto == nil else { return decision }
        var told = decision
        switch flaps.take(flapKey(of: decision.key), now: now) {
        case .tell: break
        case .say(let flapping):
            // While it flaps people know the alert as firing, with how often it changed.
            (told.alert.state, told.alert.endsAt) = (.firing, nil)
            let words = flaps.words(flapping, now: now)
            told.alert.annotations = decision.alert.annotations.setting(Self.flappingAnnotation, to: words)
            told.reason = .flapping
        case .hold: (told.reason, told.isHistoryOnly) = (.heldFlapping, true)
        }
        return told
    }

    /// Alerts that flapped and have been steady: people hear how they stand.
    mutating func letGoSteady(now: Timestamp) -> [AlertTransition] {
        flaps.judge(now: now).compactMap { key in
            guard let entry = alerts.voices(of: key.fingerprint).first ?? alerts.entries[key] else { return nil }
            var alert = entry.toldAlert
            if entry.phase != .firing { (alert.state, alert.endsAt) = (.resolved, alert.endsAt ?? now) }
            let decision = AlertDecision(key: entry.key, alert: alert, previous: .firing, reason: .steady)
            return transition(decision, in: entry.incident ?? incidentOfPast(decision, now: now), now: now)
        }
    }

    /// One that waits again already has left its incident.
    private mutating func incidentOfPast(_ decision: AlertDecision, now: Timestamp) -> UUID {
        let keys = IncidentKey.keys(of: decision.alert, on: decision.incidentHost, groupBy: incidentsConfig.groupBy)
        return incidents.past(decision.alert, of: decision.incidentHost, keys: keys, now: now)
    }

    func flapping(_ key: AlertKey) -> Flapping? { flaps.flapping(key) }
}
