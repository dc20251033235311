import Telemetry

/// What a block of the log says to this room: its header, and the alerts in it.
struct BlockFacts: Sendable {
    var contact: Contact
    var origin: RowOrigin
    /// By row; empty for other kinds.
    var alerts: [Alert]
}

/// The decisions of this room, all of them, without a clock, a disk or an await: blocks and moments in, numbered transitions out.
struct Correlation: Sendable {
    private(set) var alerts: AlertBook
    private(set) var leases: HostLeases
    private(set) var incidents: IncidentBook
    private(set) var nextSequence: UInt64
    private let hostDownAfter: Duration

    init(config: CorrelatingConfig, restoring state: StoredCorrelation, makeID: @escaping @Sendable (Timestamp) -> UUID) {
        alerts = AlertBook(expireAfter: config.expireAlertsAfter, restoring: state.alerts)
        leases = HostLeases(after: config.hostDownAfter, forgetAfter: config.forgetHostsAfter, restoring: state.leases)
        incidents = IncidentBook(makeID: makeID, restoring: state.incidents)
        nextSequence = state.nextSequence
        hostDownAfter = config.hostDownAfter
    }

    /// Takes in one block. Blocks of clients (no host) renew no lease.
    mutating func take(_ block: BlockFacts, now: Timestamp) -> [AlertTransition] {
        let host = block.contact.host
        guard !host.isEmpty else { return [] }
        var decisions: [AlertDecision] = []
        if let verdict = leases.renew(block.contact, now: now) { decisions += decide(verdict, now: now) }
        for (row, alert) in block.alerts.enumerated() {
            var place = block.origin
            place.row &+= UInt32(truncatingIfNeeded: row)
            if let decision = alerts.take(alert, at: place, of: host, now: now) { decisions.append(decision) }
        }
        return decisions.map { number($0, now: now) }
    }

    /// The aggregator begins to listen, now or again.
    mutating func resume(at now: Timestamp) { leases.resume(at: now) }

    /// What time alone decides; to be called only when everything that the log holds was read.
    /// - Parameter mayBlameHosts: false while the aggregator itself cannot take data: nobody is called down for that.
    mutating func judge(now: Timestamp, mayBlameHosts: Bool) -> [AlertTransition] {
        if !mayBlameHosts { leases.resume(at: now) }
        var decisions = leases.judge(now: now).flatMap { decide($0, now: now) }
        let leases = leases
        decisions += alerts.judge(now: now) { leases.condition(of: $0) }
        return decisions.map { number($0, now: now) }
    }

    func nextDeadline(now: Timestamp) -> Timestamp {
        min(leases.nextDeadline(now: now), alerts.nextDeadline(now: now) ?? .distantFuture)
    }

    /// When the next held alert is to be told; nil when none is held.
    var nextRelease: Timestamp? { alerts.nextRelease }

    // MARK: Hosts

    private mutating func decide(_ verdict: HostVerdict, now: Timestamp) -> [AlertDecision] {
        switch verdict {
        case .down(let lease, let startsAt):
            let firing = alerts.live.filter { $0.host == lease.record.host }.compactMap { alerts.entries[$0]?.alert }.filter { $0.state == .firing }
            let alert = HostDown.alert(for: lease, firing: firing, after: hostDownAfter, startsAt: startsAt, now: now)
            return alerts.setOwn(alert, of: lease.record.host, reason: .hostDown, now: now).map { [$0] } ?? []
        case .back(let lease):
            return endHostDown(lease, reason: .hostBack, now: now)
        case .forgotten(let lease):
            return endHostDown(lease, reason: .hostForgotten, now: now) + alerts.forget(host: lease.record.host, now: now)
        }
    }

    private mutating func endHostDown(_ lease: HostLease, reason: TransitionReason, now: Timestamp) -> [AlertDecision] {
        let key = AlertKey(host: lease.record.host, fingerprint: HostDown.labels(of: lease.record.host).fingerprint)
        guard let known = alerts.entries[key] else { return [] }
        let alert = HostDown.ended(known.alert, lease: lease, reason: reason, now: now)
        return alerts.setOwn(alert, of: lease.record.host, reason: reason, now: now).map { [$0] } ?? []
    }

    // MARK: Numbers and incidents

    private mutating func number(_ decision: AlertDecision, now: Timestamp) -> AlertTransition {
        let host = decision.key.host
        let incident: UUID
        if decision.isHistoryOnly {
            incident = incidents.past(decision.alert, of: host)
        } else if decision.alert.state == .firing {
            incident = incidents.fired(decision.alert, of: host)
        } else {
            incident = incidents.resolved(decision.alert, of: host, incident: alerts.entries[decision.key]?.incident)
        }
        alerts.setIncident(incident, of: decision.key)
        defer { nextSequence += 1 }
        let transition = AlertTransition(
            sequence: nextSequence,
            alert: decision.alert,
            previous: decision.previous,
            reason: decision.reason.rawValue,
            incident: incident,
            // Its host could not reach us and told somebody itself: shown here, and paged there.
            isHistoryOnly: decision.isHistoryOnly || decision.alert.state == .firing && decision.alert.isToldLocally
        )
        note(transition, isToldLocally: !decision.isHistoryOnly, now: now)
        return transition
    }

    private mutating func note(_ transition: AlertTransition, isToldLocally: Bool, now: Timestamp) {
        let alert = transition.alert
        let details: Labels = [
            "value": "\(alert.value)", "expression": alert.expression, "starts_at": alert.startsAt.rfc3339, "ends_at": alert.endsAt?.rfc3339 ?? "",
            "updated_at": alert.updatedAt.rfc3339, "incident": "\(transition.incident)",
        ]
        let kind: Decision.Kind = transition.isHistoryOnly ? .history : alert.state == .resolved ? .resolved : .firing
        let reason = kind == .history && isToldLocally ? "told_locally" : transition.reason
        alerts.note(kind, of: alert, reason: reason, details: details, at: now)
    }

    // MARK: Evidence

    func wantsEvidence(of host: String, from: Timestamp, to: Timestamp) -> Bool { incidents.wantsEvidence(of: host, from: from, to: to) }
    mutating func addEvidence(_ events: [Event], of host: String) { incidents.add(events, of: host) }
    mutating func evidenceWasSearched(_ id: UUID) { incidents.evidenceWasSearched(id) }

    // MARK: Writing

    /// Everything that changed since the last call: to be written in one transaction with the cursor.
    mutating func takeChanges() -> CorrelationChanges {
        CorrelationChanges(
            alerts: alerts.takeChanges(),
            leases: leases.takeChanges(),
            incidents: incidents.takeChanges(),
            decisions: alerts.takeDecisions(),
            nextSequence: nextSequence
        )
    }

    /// Whether there is more to write than a cursor and renewed leases.
    var hasEffects: Bool { alerts.hasChanges || incidents.hasChanges }
}

/// What the file gives back at the start.
struct StoredCorrelation: Sendable {
    var cursor: LogPosition = 0
    var nextSequence: UInt64
    var alerts: [AlertEntry] = []
    var leases: [HostLease] = []
    /// Open ones and the latest closed ones.
    var incidents: [IncidentEntry] = []
}

struct CorrelationChanges: Sendable {
    var alerts: [AlertKey: AlertEntry?]
    var leases: [String: HostLease?]
    var incidents: [IncidentEntry]
    var decisions: [Decision] = []
    var nextSequence: UInt64
}
