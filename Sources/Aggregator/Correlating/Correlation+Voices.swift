import Telemetry

/// One alert for people may be said by several: an agent and the aggregator's rules, which were given the same rule, or a Prometheus beside them. Each
/// has an entry of its own in the book. People know one alert, by its labels: it fires from the first word of any of them until the last has said that
/// it is over.
extension Correlation {
    /// - Returns: the decision as people hear it; nil where they know already, or another goes on saying that it fires.
    mutating func asOneVoice(_ decision: AlertDecision, now: Timestamp) -> AlertDecision? {
        guard decision.alert.foldedInto == nil, let entry = alerts.entries[decision.key] else { return decision }
        guard !decision.isHistoryOnly else { return pastVoice(decision, of: entry, now: now) }
        alerts.setVoice(decision.key, isFiring: decision.alert.state == .firing)
        let others = alerts.voices(of: decision.key.fingerprint, besides: decision.key)
        guard let other = others.first else {
            if decision.alert.state == .firing { alerts.setTold(nil, of: decision.key) }
            var told = decision
            told.alert = AlertEntry.alert(decision.alert, as: decision.alert.state == .firing ? nil : entry.told)
            return told
        }
        if decision.alert.state == .firing {
            // It changes its place or its words, and people know it already.
            if decision.previous == .firing, entry.told == nil { return decision }
            alerts.setTold(other.voice, of: decision.key)
            if let incident = other.incident { alerts.setIncident(incident, of: decision.key) }
            alerts.note(.seconded, of: other.toldAlert, details: ["origin": entry.origin, "by": other.origin], at: now)
        } else {
            let by = others.map(\.origin).joined(separator: ", ")
            alerts.note(.stillSaid, of: entry.toldAlert, details: ["origin": entry.origin, "by": by], at: now)
            // Those that go on do so as what people know.
            for other in others where other.voice != entry.voice { alerts.setTold(entry.voice, of: other.key) }
        }
        return nil
    }

    /// What fired and ended before it arrived is no time of its own while another says that it fires.
    private mutating func pastVoice(_ decision: AlertDecision, of entry: AlertEntry, now: Timestamp) -> AlertDecision? {
        guard let other = alerts.voices(of: decision.key.fingerprint, besides: decision.key).first else { return decision }
        alerts.note(.stillSaid, of: other.toldAlert, details: ["origin": entry.origin, "by": other.origin], at: now)
        return nil
    }

    /// Under which key its changes are counted: those of all that say it are changes of one alert.
    func flapKey(of key: AlertKey) -> AlertKey {
        AlertKey(host: alerts.entries[key]?.told?.host ?? key.host, fingerprint: key.fingerprint)
    }

    // MARK: Showing

    /// Every alert once, in its true state, firing ones first.
    var shown: [ShownAlert] {
        Dictionary(grouping: alerts.entries.values) { $0.alert.fingerprint }.values.compactMap { show($0) }.sorted { a, b in
            if a.alert.state != b.alert.state { return Self.rank(a.alert.state) < Self.rank(b.alert.state) }
            return (a.alert.startsAt, a.alert.fingerprint) < (b.alert.startsAt, b.alert.fingerprint)
        }
    }

    /// - Parameter entries: of one label set.
    private func show(_ entries: [AlertEntry]) -> ShownAlert? {
        let ordered =
            entries.count == 1
            ? entries
            : entries.sorted { a, b in
                if a.phase != b.phase { return Self.rank(a.phase) < Self.rank(b.phase) }
                return (b.heardAt, a.host) < (a.heardAt, b.host)
            }
        guard let first = ordered.first else { return nil }
        let same = ordered.filter { $0.phase == first.phase }
        let silent = same.map { staleSince($0) }
        return ShownAlert(
            first.toldAlert,
            // While one of them is heard, it is of now.
            staleSince: silent.contains(nil) ? nil : silent.compactMap { $0 }.max(),
            flapping: flapping(flapKey(of: first.key)),
            saidBy: (first.isLive ? same : [first]).map(\.origin).sorted()
        )
    }

    private func staleSince(_ entry: AlertEntry) -> Timestamp? {
        let record = leases.leases[entry.host]?.record
        // What the aggregator itself says is of now.
        return entry.isLive && entry.place != nil && record?.state == .down ? record?.lastContact : nil
    }

    private static func rank(_ phase: AlertEntry.Phase) -> Int {
        switch phase {
        case .firing: 0
        case .held: 1
        case .pending: 2
        case .resolved: 3
        }
    }

    private static func rank(_ state: AlertState) -> Int {
        switch state {
        case .firing: 0
        case .pending: 1
        case .resolved: 2
        }
    }
}
