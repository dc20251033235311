import Rules
import Telemetry

/// What patterns say, as incidents and alerts.
extension Correlation {
    /// Decisions about alerts are what patterns are about, too; those that patterns made are not: they would feed themselves.
    mutating func findPatterns(in decision: AlertDecision, _ transition: AlertTransition, now: Timestamp) -> [AlertTransition] {
        guard !search.isEmpty, !decision.isHistoryOnly, decision.reason != .patternMatched, decision.reason != .patternEnded else { return [] }
        let host = decision.incidentHost
        return take(search.hits(of: decision.alert, on: host, as: OwnEvents.event(for: transition)), now: now)
    }

    mutating func take(_ hits: [PatternHit], now: Timestamp) -> [AlertTransition] {
        var transitions: [AlertTransition] = []
        for hit in hits {
            if let verdict = patterns.take(hit, now: now) { transitions += decide(verdict, now: now) }
        }
        return transitions
    }

    mutating func judgePatterns(now: Timestamp) -> [AlertTransition] {
        let leases = leases
        let verdicts = patterns.judge(now: now) { host in
            // A host without an agent is heard by whoever speaks of it.
            leases.leases[host].map { $0.record.state == .up || $0.record.state == .late } ?? true
        }
        return verdicts.flatMap { decide($0, now: now) }
    }

    private mutating func decide(_ verdict: PatternVerdict, now: Timestamp) -> [AlertTransition] {
        switch verdict {
        case .holds(let pattern, let state, let from, let at, let isOld):
            let hosts = Set(state.events.map(\.host)).union([state.host]).subtracting([""]).sorted()
            var keys = [IncidentKey(.pattern, "\(state.key.pattern) \(state.key.values)")]
            // Our own events carry an incident's id there.
            let told = state.events.filter { !Evidence.isOwn($0) }.compactMap(\.correlationID)
            keys += Set(told).sorted().map { IncidentKey(.correlation, $0) }
            keys += hosts.count == 1 ? [IncidentKey(.host, hosts[0])] : []
            let incident = incidents.matched(
                pattern.name,
                keys: keys,
                hosts: hosts,
                events: state.events,
                from: from,
                at: at,
                isOld: isOld,
                now: now
            )
            guard let spec = pattern.alert, !isOld else { return [] }
            let alert = PatternAlert.alert(for: pattern, spec, state, from: from, at: at, now: now)
            guard let decision = alerts.setOwn(alert, of: state.host, reason: .patternMatched, now: now) else { return [] }
            return number(decision, in: incident, now: now).map { [$0] } ?? []
        case .over(let state, let at):
            let own = alerts.live.compactMap { alerts.entries[$0] }.filter { entry in
                entry.place == nil && entry.alert.annotations[PatternAlert.patternAnnotation] == "\(state.key.pattern) \(state.key.values)"
            }
            return own.compactMap { entry in
                alerts.setOwn(PatternAlert.ended(entry.alert, at: at, now: now), of: entry.host, reason: .patternEnded, now: now)
            }.compactMap { number($0, now: now) }
        }
    }

    /// Incidents whose collecting is over, with the hosts of which something is missing.
    func collectionsDue(now: Timestamp) -> [DueCollection] {
        incidents.collections(now: now, timeout: incidentsConfig.timeout) { leases.leases[$0]?.samplesAt }
    }
}

/// The alert of a pattern that has one.
enum PatternAlert {
    /// Names the pattern and its values.
    static let patternAnnotation = "tocsin_pattern"

    static func alert(
        for pattern: IncidentPattern,
        _ spec: IncidentPattern.AlertSpec,
        _ state: PatternState,
        from: Timestamp,
        at: Timestamp,
        now: Timestamp
    ) -> Alert {
        var labels = spec.labels.merged(over: state.values).setting("alertname", to: spec.name)
        if !state.host.isEmpty { labels = labels.setting("instance", to: state.host) }
        if labels["severity"] == nil { labels = labels.setting("severity", to: "warning") }
        let count = Double(state.events.count)
        var annotations = Labels(
            spec.annotations.map { name, template in
                Label(name, template.expand(labels: labels, value: count, bytesMax: CorrelatingLimits.annotationTextMax))
            }
        )
        if annotations["summary"] == nil {
            let place = state.values.isEmpty ? "" : " (" + state.values.pairs.map { "\($0.name) \($0.value)" }.joined(separator: ", ") + ")"
            annotations = annotations.setting("summary", to: "\(pattern.words)\(place)")
        }
        if annotations["description"] == nil {
            let lines = state.events.suffix(5).map { "\($0.timestamp) \($0.host) \($0.message ?? $0.type)" }
            annotations = annotations.setting("description", to: lines.joined(separator: "\n"))
        }
        return Alert(
            labels: labels,
            annotations: annotations.setting(patternAnnotation, to: "\(state.key.pattern) \(state.key.values)"),
            state: .firing,
            activeAt: min(from, at),
            startsAt: at,
            value: count,
            updatedAt: now,
            expression: pattern.words
        )
    }

    static func ended(_ alert: Alert, at: Timestamp, now: Timestamp) -> Alert {
        var ended = alert
        (ended.state, ended.endsAt, ended.updatedAt) = (.resolved, max(min(at, now), alert.startsAt), now)
        return ended
    }
}
