import Telemetry

/// What is known of one host, and how long its last word holds.
struct HostLease: Sendable, Hashable {
    var record: HostRecord
    /// What the last block held.
    var lastKind: BlockKind
    /// The latest timestamp in it, by the host's clock.
    var lastDataAt: Timestamp
    /// The latest sample of the last sample block, by the host's clock.
    var samplesAt: Timestamp
    /// Sample blocks so far.
    var collections: UInt64
}

/// One block of an agent, as far as a lease is concerned.
struct Contact: Sendable, Hashable {
    var host: String
    var agent: UUID
    var tags: [String]
    var kind: BlockKind
    var dataAt: Timestamp
    var receivedAt: Timestamp
}

/// What became of a host, when people must know it.
enum HostVerdict: Sendable, Hashable {
    /// Silent since `lease.record.lastContact`; the alert starts at `startsAt`.
    case down(HostLease, startsAt: Timestamp)
    case back(HostLease)
    case forgotten(HostLease)
}

/// A lease per host: renewed by the moment at which any of its blocks was received, never by the times in the data, so that nine days of old
/// data delivered now say "up", and a wrong clock changes nothing. Pure.
///
/// ```
/// up ──after/2──▶ late ──after──▶ down ──a block──▶ up
///   ╲ the aggregator was away ╱▶ unknown ──grace──▶ down
/// ```
/// The aggregator must not blame hosts for its own absence: after a start, a stall or a jump of its clock, nobody is called down until
/// `after` has passed again, and agents that wait longer and longer between attempts have had time for one.
struct HostLeases: Sendable {
    private let after: Duration
    private let forgetAfter: Duration
    private(set) var leases: [String: HostLease] = [:]
    private(set) var graceUntil: Timestamp = .distantPast
    private var lastJudged: Timestamp?
    private var changed: Set<String> = []
    private(set) var refusedOverLimit = 0

    init(after: Duration, forgetAfter: Duration, restoring stored: [HostLease] = []) {
        (self.after, self.forgetAfter) = (after, forgetAfter)
        for lease in stored { leases[lease.record.host] = lease }
    }

    /// Between two judgements of an aggregator that is well: more than this and it was away.
    private var awayAfter: Duration { min(.seconds(30), max(after / 2, .seconds(1))) }

    /// Renews a lease. A host that was down is back when the contact is recent; a block that was received long ago and is only read now
    /// says nothing about the present.
    mutating func renew(_ contact: Contact, now: Timestamp) -> HostVerdict? {
        var verdict: HostVerdict?
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
        if isCurrent, lease.record.state != .up {
            if lease.record.state == .down { verdict = .back(lease) }
            (lease.record.state, lease.record.since) = (.up, now)
        }
        keep(lease)
        return verdict
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

    /// The aggregator begins to listen, now or again: hosts get a whole period to show themselves.
    mutating func resume(at now: Timestamp) {
        let lastHeard = leases.values.map(\.record.lastContact).max() ?? now
        let away = max(.zero, now.duration(since: lastHeard))
        graceUntil = now.advanced(by: max(after, min(away * 2 + .seconds(5), CorrelatingLimits.agentsReturnWithin)))
        lastJudged = now
        for (host, var lease) in leases {
            guard lease.record.state != .down else { continue }
            // Our clock was set back: a contact in the future would hold the lease for ever.
            if lease.record.lastContact > now { lease.record.lastContact = now }
            if lease.record.lastContact.advanced(by: after) <= now, lease.record.state != .unknown {
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
            if passed > awayAfter || passed < .seconds(-1) { resume(at: now) }
        } else {
            resume(at: now)
        }
        lastJudged = now
        var verdicts: [HostVerdict] = []
        for (host, var lease) in leases {
            let silent = now.duration(since: lease.record.lastContact)
            let state = lease.record.state
            if state == .down {
                guard silent >= forgetAfter else { continue }
                leases[host] = nil
                changed.insert(host)
                verdicts.append(.forgotten(lease))
                continue
            }
            let next: HostRecord.State =
                if silent >= after { now < graceUntil ? .unknown : .down } else if silent >= after / 2 { .late } else {
                    state == .unknown ? .unknown : .up
                }
            guard next != state else { continue }
            (lease.record.state, lease.record.since) = (next, now)
            keep(lease)
            if next == .down {
                verdicts.append(.down(lease, startsAt: max(lease.record.lastContact.advanced(by: after), graceUntil)))
            }
        }
        return verdicts.sorted { $0.host < $1.host }
    }

    /// When `judge` should be called next: at the end of the next lease, and often enough to notice that we were away.
    func nextDeadline(now: Timestamp) -> Timestamp {
        var next = now.advanced(by: awayAfter / 2)
        for lease in leases.values where lease.record.state != .down {
            let half = lease.record.lastContact.advanced(by: after / 2)
            let end = max(lease.record.lastContact.advanced(by: after), graceUntil)
            for moment in [half, end] where moment > now && moment < next { next = moment }
        }
        return next
    }

    func condition(of host: String) -> HostCondition? {
        guard let lease = leases[host] else { return nil }
        let isUp = lease.record.state == .up || lease.record.state == .late
        return HostCondition(isUp: isUp, dataAt: lease.samplesAt, collections: lease.collections)
    }

    private mutating func keep(_ lease: HostLease) {
        leases[lease.record.host] = lease
        changed.insert(lease.record.host)
    }

    /// What must be written: the lease, or nil where it was forgotten.
    mutating func takeChanges() -> [String: HostLease?] {
        defer { changed = [] }
        var changes: [String: HostLease?] = [:]
        for host in changed { changes[host] = .some(leases[host]) }
        return changes
    }
}

extension HostVerdict {
    var host: String {
        switch self {
        case .down(let lease, _), .back(let lease), .forgotten(let lease): lease.record.host
        }
    }
}
