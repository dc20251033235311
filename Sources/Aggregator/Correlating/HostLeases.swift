import Telemetry

/// A lease per host: renewed by the moment at which any of its blocks was received, never by the times in the data, so that nine days of old
/// data delivered now say "up", and a wrong clock changes nothing. Pure.
///
/// ```
/// up ──after/2──▶ late ──after──▶ down ──a block──▶ up
///  │╲ the aggregator was away ╱▶ unknown ──grace──▶ down
///  ╰─ its agent said goodbye ─▶ planned ──planned_for──▶ down
/// ```
/// The aggregator must not blame hosts for its own absence: after a start, a stall or a jump of its clock, nobody is called down until
/// `after` has passed again, and agents that wait longer and longer between attempts have had time for one.
///
/// Hosts of one site that vanish together are one outage (HostLeases+Sites).
struct HostLeases: Sendable {
    private(set) var config: HostDownConfig
    var leases: [String: HostLease] = [:]
    /// By site; see HostLeases+Sites.
    var outages: [String: SiteOutage] = [:]
    private(set) var graceUntil: Timestamp = .distantPast
    /// The grace goes on while hosts still come back, but not beyond this.
    private var graceAtMost: Timestamp = .distantPast
    private var lastJudged: Timestamp?
    /// Until the next judgement, which was arranged by another configuration: how long it may take to come without our having been away.
    private var awayAfterBefore = Duration.zero
    var changed: Set<String> = []
    var changedSites: Set<String> = []
    private(set) var refusedOverLimit = 0

    var after: Duration { config.after }

    init(_ config: HostDownConfig, restoring stored: [HostLease] = [], outages: [SiteOutage] = []) {
        self.config = config
        for lease in stored { leases[lease.record.host] = lease }
        for outage in outages { self.outages[outage.site] = outage }
    }

    /// Between two judgements of an aggregator that is well: more than this and it was away.
    private var awayAfter: Duration { min(.seconds(30), max(after / 2, .seconds(1))) }

    /// Leases go on from the last contact, by the new lengths.
    mutating func adopt(_ config: HostDownConfig, now: Timestamp) {
        awayAfterBefore = awayAfter
        self.config = config
        // What was planned lasts from the goodbye, and no longer than is allowed now.
        for (host, lease) in leases {
            guard let until = lease.goodbye?.until, until > now.advanced(by: config.plannedFor) else { continue }
            leases[host]?.goodbye?.until = now.advanced(by: config.plannedFor)
            changed.insert(host)
        }
    }

    // MARK: Blocks

    /// Renews a lease. A host that was down is back when the contact is recent; a block that was received long ago and is only read now
    /// says nothing about the present. What an agent had collected before its goodbye does not take the goodbye back.
    mutating func renew(_ contact: Contact, now: Timestamp) -> HostVerdict? {
        let isCurrent = contact.receivedAt.advanced(by: after) > now
        guard var lease = leases[contact.host] else {
            guard leases.count < CorrelatingLimits.hostsMax else {
                refusedOverLimit += 1
                return nil
            }
            let record = HostRecord(
                host: contact.host,
                agent: contact.agent,
                tags: Array(contact.tags.prefix(CorrelatingLimits.tagsMax)),
                state: isCurrent ? .up : .unknown,
                firstContact: contact.receivedAt,
                lastContact: contact.receivedAt,
                since: contact.receivedAt
            )
            var lease = HostLease(
                record: record,
                lastKind: contact.kind,
                lastDataAt: contact.dataAt,
                samplesAt: .distantPast,
                collections: 0
            )
            note(contact, in: &lease)
            keep(lease)
            return nil
        }
        note(contact, in: &lease)
        var verdict: HostVerdict?
        let wasSaidBefore = lease.goodbye.map { contact.dataAt <= $0.saidAt.advanced(by: CorrelatingLimits.goodbyeOutrunBy) } ?? false
        if isCurrent, lease.record.state != .up, lease.record.state != .planned || !wasSaidBefore {
            if lease.record.state == .down { verdict = .back(lease) }
            // We were away, and they come back one after the other: whoever is still silent may be next.
            if lease.record.state == .unknown, now < graceUntil {
                graceUntil = max(graceUntil, min(now.advanced(by: CorrelatingLimits.agentsReturnPause), graceAtMost))
            }
            (lease.record.state, lease.record.since) = (.up, now)
            (lease.goodbye, lease.foldedInto) = (nil, nil)
        }
        keep(lease)
        return verdict
    }

    /// What the agent says about itself, behind the contact that brought it.
    mutating func take(_ notice: HostNotice, of host: String, receivedAt: Timestamp, now: Timestamp) {
        guard var lease = leases[host] else { return }
        switch notice {
        case .stopped(let kind, let saidAt):
            guard lease.record.state != .down else { return }
            lease.goodbye = HostLease.Goodbye(kind: kind, saidAt: saidAt, until: receivedAt.advanced(by: config.plannedFor))
            if lease.record.state != .planned { (lease.record.state, lease.record.since) = (.planned, now) }
        case .started:
            guard lease.record.state == .planned else { return }
            lease.goodbye = nil
            (lease.record.state, lease.record.since) = (.up, now)
        }
        keep(lease)
    }

    private func note(_ contact: Contact, in lease: inout HostLease) {
        lease.record.lastContact = max(lease.record.lastContact, contact.receivedAt)
        (lease.lastKind, lease.lastDataAt) = (contact.kind, contact.dataAt)
        if contact.kind == .samples {
            lease.samplesAt = contact.dataAt
            lease.collections += 1
        }
        if lease.record.agent != contact.agent { lease.record.agent = contact.agent }
        let tags = Array(contact.tags.prefix(CorrelatingLimits.tagsMax))
        if lease.record.tags != tags { lease.record.tags = tags }
    }

    // MARK: Time

    /// The aggregator begins to listen, now or again: hosts get a whole period to show themselves.
    mutating func resume(at now: Timestamp) {
        let lastHeard = leases.values.map(\.record.lastContact).max() ?? now
        let away = max(.zero, now.duration(since: lastHeard))
        graceUntil = now.advanced(by: max(after, min(away * 2 + .seconds(5), CorrelatingLimits.agentsReturnWithin)))
        graceAtMost = max(graceUntil, now.advanced(by: CorrelatingLimits.agentsReturnAtMost))
        lastJudged = now
        for (host, var lease) in leases {
            guard lease.record.state != .down else { continue }
            // Our clock was set back: a contact in the future would hold the lease for ever.
            if lease.record.lastContact > now { lease.record.lastContact = now }
            if let until = lease.goodbye?.until { lease.goodbye?.until = min(until, now.advanced(by: config.plannedFor)) }
            if lease.record.lastContact.advanced(by: after) <= now, lease.record.state != .unknown, lease.record.state != .planned {
                (lease.record.state, lease.record.since) = (.unknown, now)
            }
            leases[host] = lease
            changed.insert(host)
        }
    }

    /// Looks at every lease. To be called only when everything that the log holds was read.
    mutating func judge(now: Timestamp) -> [HostVerdict] {
        if let lastJudged {
            let passed = now.duration(since: lastJudged)
            if passed > max(awayAfter, awayAfterBefore) || passed < .seconds(-1) { resume(at: now) }
        } else {
            resume(at: now)
        }
        (lastJudged, awayAfterBefore) = (now, .zero)
        var verdicts: [HostVerdict] = []
        var ended: [HostLease] = []
        for (host, var lease) in leases {
            let silent = now.duration(since: lease.record.lastContact)
            let state = lease.record.state
            if state == .down {
                guard silent >= config.forgetAfter else { continue }
                remove(host)
                verdicts.append(.forgotten(lease, by: nil))
                continue
            }
            let next = self.state(after: silent, of: lease, now: now)
            if next == .down {
                ended.append(lease)
            } else if next != state {
                (lease.record.state, lease.record.since) = (next, now)
                keep(lease)
            }
        }
        verdicts += judgeSites(ended, now: now)
        return verdicts.sorted { $0.order < $1.order }
    }

    private func state(after silent: Duration, of lease: HostLease, now: Timestamp) -> HostRecord.State {
        if lease.record.state == .planned {
            guard let goodbye = lease.goodbye else { return .unknown }
            return now < max(goodbye.until, graceUntil) ? .planned : .down
        }
        if silent >= after { return now < graceUntil ? .unknown : .down }
        if silent >= after / 2 { return .late }
        return lease.record.state == .unknown ? .unknown : .up
    }

    /// When a host that is down now began to be: the end of its lease, or of what was planned.
    func startOfDown(_ lease: HostLease) -> Timestamp {
        max(lease.record.lastContact.advanced(by: after), lease.goodbye?.until ?? .distantPast, graceUntil)
    }

    mutating func call(_ state: HostRecord.State, _ lease: HostLease, foldedInto site: String? = nil, now: Timestamp) -> HostLease {
        var lease = lease
        if lease.record.state != state { (lease.record.state, lease.record.since) = (state, now) }
        lease.foldedInto = site
        keep(lease)
        return lease
    }

    /// When `judge` should be called next: at the end of the next lease, and often enough to notice that we were away.
    func nextDeadline(now: Timestamp) -> Timestamp {
        var next = now.advanced(by: awayAfter / 2)
        for lease in leases.values where lease.record.state != .down {
            let half = lease.record.lastContact.advanced(by: after / 2)
            let end = max(lease.record.lastContact.advanced(by: after), graceUntil)
            let moments = lease.record.state == .planned ? [max(lease.goodbye?.until ?? now, graceUntil)] : [half, end]
            for moment in moments where moment > now && moment < next { next = moment }
        }
        for release in outages.values.compactMap(\.releaseAt) where release > now && release < next { next = release }
        return next
    }

    func condition(of host: String) -> HostCondition? {
        guard let lease = leases[host] else { return nil }
        let isUp = lease.record.state == .up || lease.record.state == .late
        return HostCondition(isUp: isUp, dataAt: lease.samplesAt, collections: lease.collections)
    }

    // MARK: Operators

    /// A host that is gone for good; nil when there is none of this name.
    mutating func forget(_ host: String, by author: String) -> HostVerdict? {
        guard let lease = leases[host] else { return nil }
        remove(host)
        return .forgotten(lease, by: author)
    }

    // MARK: Writing

    private mutating func keep(_ lease: HostLease) {
        leases[lease.record.host] = lease
        changed.insert(lease.record.host)
    }

    private mutating func remove(_ host: String) {
        leases[host] = nil
        changed.insert(host)
    }

    /// What must be written: the lease, or nil where it was forgotten.
    mutating func takeChanges() -> [String: HostLease?] {
        defer { changed = [] }
        var changes: [String: HostLease?] = [:]
        for host in changed { changes[host] = .some(leases[host]) }
        return changes
    }

    /// The outage, or nil where it is over.
    mutating func takeSiteChanges() -> [String: SiteOutage?] {
        defer { changedSites = [] }
        var changes: [String: SiteOutage?] = [:]
        for site in changedSites { changes[site] = .some(outages[site]) }
        return changes
    }
}

extension HostVerdict {
    /// Sites before their hosts, hosts by name.
    fileprivate var order: (Int, String) {
        switch self {
        case .siteUnreachable(let outage), .siteChanged(let outage): (0, outage.site)
        case .siteReachable(let outage): (1, outage.site)
        case .down, .folded, .unfolded, .back, .forgotten: (2, host ?? "")
        }
    }
}
