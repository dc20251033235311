import Telemetry

/// What a block of the log says to this room: its header, and the alerts in it.
struct BlockFacts: Sendable {
    var contact: Contact
    var origin: RowOrigin
    /// By row; empty for other kinds.
    var alerts: [Alert]
    /// What the host's agent says about itself.
    var notices: [HostNotice] = []
    /// What patterns are about.
    var hits: [PatternHit] = []
}

/// The decisions of this room, all of them, without a clock, a disk or an await: blocks and moments in, numbered transitions out.
struct Correlation: Sendable {
    var alerts: AlertBook
    var leases: HostLeases
    var incidents: IncidentBook
    var patterns: PatternBook
    var flaps: FlapBook
    private(set) var search: PatternSearch
    private(set) var incidentsConfig: IncidentsConfig
    private(set) var nextSequence: UInt64

    init(config: CorrelatingConfig, restoring state: StoredCorrelation, makeID: @escaping @Sendable (Timestamp) -> UUID) {
        alerts = AlertBook(expireAfter: config.expireAlertsAfter, restoring: state.alerts)
        leases = HostLeases(config.hostDown, restoring: state.leases, outages: state.outages)
        incidents = IncidentBook(makeID: makeID, window: config.incidents.window, restoring: state.incidents)
        patterns = PatternBook(config.incidents.patterns, restoring: state.patterns)
        flaps = FlapBook(config.flapping, restoring: state.flaps)
        (search, incidentsConfig) = (PatternSearch(patterns: config.incidents.patterns), config.incidents)
        nextSequence = state.nextSequence
    }

    /// Another configuration, for what is known as for what comes.
    mutating func adopt(_ config: CorrelatingConfig, now: Timestamp) {
        alerts.expireAfter = config.expireAlertsAfter
        leases.adopt(config.hostDown, now: now)
        incidents.window = config.incidents.window
        patterns.adopt(config.incidents.patterns)
        flaps.adopt(config.flapping)
        (search, incidentsConfig) = (PatternSearch(patterns: config.incidents.patterns), config.incidents)
    }

    /// Takes in one block. Blocks of clients (no host) renew no lease; alerts in them are those of other systems.
    mutating func take(_ block: BlockFacts, now: Timestamp) -> [AlertTransition] {
        let host = block.contact.host
        guard !host.isEmpty else {
            let others = block.alerts.compactMap { alerts.takeOther($0, at: block.origin, now: now) }
            return tell(others, now: now) + take(block.hits, now: now) + tellMerges(now: now)
        }
        var decisions: [AlertDecision] = []
        if let verdict = leases.renew(block.contact, now: now) { decisions += decide(verdict, now: now) }
        for notice in block.notices { leases.take(notice, of: host, receivedAt: block.contact.receivedAt, now: now) }
        for (row, alert) in block.alerts.enumerated() {
            var place = block.origin
            place.row &+= UInt32(truncatingIfNeeded: row)
            if let decision = alerts.take(alert, at: place, of: host, now: now) { decisions.append(decision) }
        }
        return tell(decisions, now: now) + take(block.hits, now: now) + tellMerges(now: now)
    }

    /// The aggregator begins to listen, now or again.
    mutating func resume(at now: Timestamp) {
        leases.resume(at: now)
        alerts.resumeOthers(at: now)
    }

    /// What time alone decides; to be called only when everything that the log holds was read.
    /// - Parameter mayBlameHosts: false while the aggregator itself cannot take data: nobody is called down for that.
    mutating func judge(now: Timestamp, mayBlameHosts: Bool) -> [AlertTransition] {
        if !mayBlameHosts { resume(at: now) }
        var decisions = leases.judge(now: now).flatMap { decide($0, now: now) }
        let leases = leases
        decisions += alerts.judge(now: now) { leases.condition(of: $0) } + alerts.expireOthers(now: now)
        return tell(decisions, now: now) + judgePatterns(now: now) + letGoSteady(now: now) + tellMerges(now: now)
    }

    /// What the aggregator's own rules say.
    mutating func take(_ ruled: RuledAlerts, now: Timestamp) -> [AlertTransition] {
        tell(alerts.setRuled(ruled, now: now), now: now) + tellMerges(now: now)
    }

    func nextDeadline(now: Timestamp) -> Timestamp {
        let others = [
            alerts.nextDeadline(now: now), alerts.nextExpiry, patterns.nextDeadline, flaps.nextDeadline(),
            incidents.nextCollection(now: now, timeout: incidentsConfig.timeout),
        ]
        return others.compactMap { $0 }.reduce(leases.nextDeadline(now: now), min)
    }

    /// When the next held alert is to be told, another system's is over, or a pattern has something to say; nil when there is none of these.
    var nextRelease: Timestamp? { [alerts.nextRelease, alerts.nextExpiry, patterns.nextDeadline].compactMap { $0 }.min() }

    /// An operator's word that a host is gone for good; nil when there is none of this name.
    mutating func forget(host: String, by author: String, now: Timestamp) -> [AlertTransition]? {
        guard let verdict = leases.forget(host, by: author) else { return nil }
        return tell(decide(verdict, now: now), now: now) + tellMerges(now: now)
    }

    // MARK: Numbers and incidents

    /// Numbers decisions; what patterns make of them follows each.
    private mutating func tell(_ decisions: [AlertDecision], now: Timestamp) -> [AlertTransition] {
        decisions.flatMap { decision -> [AlertTransition] in
            guard let transition = number(decision, now: now) else { return [] }
            return [transition] + findPatterns(in: decision, transition, now: now)
        }
    }

    /// - Parameter given: the incident it belongs to, where that is known.
    /// - Returns: nil where it changes nothing for people (``asOneVoice(_:now:)``).
    mutating func number(_ decision: AlertDecision, in given: UUID? = nil, now: Timestamp) -> AlertTransition? {
        guard let decision = asOneVoice(decision, now: now) else { return nil }
        let alert = decision.alert
        let host = decision.incidentHost
        let keys = IncidentKey.keys(of: alert, on: host, groupBy: incidentsConfig.groupBy)
        let known = alerts.entries[decision.key]?.incident
        let incident: UUID
        if let given {
            incident = incidents.fired(alert, of: host, in: given, keys: keys, now: now)
        } else if decision.isHistoryOnly {
            incident = incidents.past(alert, of: host, keys: keys, now: now)
        } else if alert.state == .firing {
            // It fires already and changes places: the one that it leaves does not wait for its end.
            if let known { incidents.leave(known, alert, now: now) }
            incident = incidents.fired(alert, of: host, keys: keys, now: now)
        } else {
            incident = incidents.resolved(alert, of: host, incident: known, keys: keys, now: now)
        }
        alerts.setIncident(incident, of: decision.key)
        return transition(heldIfFlapping(decision, now: now), in: incident, now: now)
    }

    /// - Parameter incident: that it belongs to.
    mutating func transition(_ decision: AlertDecision, in incident: UUID, now: Timestamp) -> AlertTransition {
        defer { nextSequence += 1 }
        let transition = AlertTransition(
            sequence: nextSequence,
            alert: decision.alert,
            previous: decision.previous,
            reason: decision.reason.rawValue,
            incident: incident,
            // Its host could not reach us and told somebody itself: shown here, and paged there.
            // Another alert stands for it: shown, and paged there.
            isHistoryOnly: decision.isHistoryOnly || decision.alert.foldedInto != nil
                || decision.alert.state == .firing && decision.alert.isToldLocally
        )
        note(transition, of: decision.key, isToldLocally: !decision.isHistoryOnly && decision.alert.foldedInto == nil, now: now)
        return transition
    }

    private mutating func note(_ transition: AlertTransition, of key: AlertKey, isToldLocally: Bool, now: Timestamp) {
        let alert = transition.alert
        let flapping = flaps.flapping(flapKey(of: key))
        let details: Labels = [
            "value": "\(alert.value)", "expression": alert.expression, "starts_at": alert.startsAt.rfc3339, "ends_at": alert.endsAt?.rfc3339 ?? "",
            "updated_at": alert.updatedAt.rfc3339, "incident": "\(transition.incident)",
            "changes": flapping.map { "\($0.changes)" } ?? "",
            "window": flapping.map { "\(Int(now.duration(since: $0.since).inSeconds.rounded(.up))) s" } ?? "",
        ]
        let kind: Decision.Kind
        switch TransitionReason(rawValue: transition.reason) {
        case .flapping: kind = .flapping
        case .steady: kind = .steady
        default: kind = transition.isHistoryOnly ? .history : alert.state == .resolved ? .resolved : .firing
        }
        let reason = kind == .history && isToldLocally ? "told_locally" : transition.reason
        alerts.note(kind, of: alert, reason: reason, details: details, at: now)
    }

    /// Incidents that turned out to be one: alerts of the younger are of the older now, and the log says so once.
    private mutating func tellMerges(now: Timestamp) -> [AlertTransition] {
        incidents.takeMerges().map { merge in
            for key in alerts.live {
                guard let entry = alerts.entries[key], entry.incident == merge.from else { continue }
                alerts.setIncident(merge.into, of: key)
                alerts.note(.incidentMerged, of: entry.alert, details: ["incident": "\(merge.from)", "into": "\(merge.into)"], at: now)
            }
            defer { nextSequence += 1 }
            return AlertTransition(
                sequence: nextSequence,
                alert: OwnEvents.words(of: merge, at: now),
                previous: nil,
                reason: TransitionReason.incidentsMerged.rawValue,
                incident: merge.into,
                isHistoryOnly: true
            )
        }
    }

    // MARK: Writing

    /// Everything that changed since the last call: to be written in one transaction with the cursor.
    mutating func takeChanges() -> CorrelationChanges {
        CorrelationChanges(
            alerts: alerts.takeChanges(),
            leases: leases.takeChanges(),
            outages: leases.takeSiteChanges(),
            incidents: incidents.takeChanges(),
            patterns: patterns.takeChanges(),
            flaps: flaps.takeChanges(),
            decisions: alerts.takeDecisions(),
            nextSequence: nextSequence
        )
    }

    /// Whether there is more to write than a cursor and renewed leases.
    var hasEffects: Bool { alerts.hasChanges || incidents.hasChanges || flaps.hasChanges }
}

/// What the file gives back at the start.
struct StoredCorrelation: Sendable {
    var cursor: LogPosition = 0
    var nextSequence: UInt64
    var alerts: [AlertEntry] = []
    var leases: [HostLease] = []
    var outages: [SiteOutage] = []
    /// Open ones and the latest closed ones.
    var incidents: [IncidentEntry] = []
    var patterns: [PatternState] = []
    /// Alerts that changed lately.
    var flaps: [AlertKey: FlapEntry] = [:]
}

struct CorrelationChanges: Sendable {
    var alerts: [AlertKey: AlertEntry?]
    var leases: [String: HostLease?]
    var outages: [String: SiteOutage?]
    var incidents: [IncidentEntry]
    var patterns: [PatternState.Key: PatternState?]
    var flaps: [AlertKey: FlapEntry?] = [:]
    var decisions: [Decision] = []
    var nextSequence: UInt64
}
