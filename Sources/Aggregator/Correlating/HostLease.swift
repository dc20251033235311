import Telemetry

/// What is known of one host, and how long its last word holds.
struct HostLease: Sendable, Hashable {
    /// An agent's last word before it stopped by order.
    struct Goodbye: Sendable, Hashable {
        var kind: AgentNotice.Absence
        /// By the host's clock.
        var saidAt: Timestamp
        /// Until then its silence is as planned, by our clock.
        var until: Timestamp
    }

    var record: HostRecord
    /// What the last block held.
    var lastKind: BlockKind
    /// The latest timestamp in it, by the host's clock.
    var lastDataAt: Timestamp
    /// The latest sample of the last sample block, by the host's clock.
    var samplesAt: Timestamp
    /// Sample blocks so far.
    var collections: UInt64
    /// Kept while the host is planned, and while it is down because it did not come back in time.
    var goodbye: Goodbye?
    /// The site whose alert stands for this host's, while it is down.
    var foldedInto: String?
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

/// An agent's word about itself.
enum HostNotice: Sendable, Hashable {
    case stopped(AgentNotice.Absence, at: Timestamp)
    case started(at: Timestamp)

    /// Nil for other events.
    init?(_ event: Event) {
        guard event.source == Event.ownSource else { return nil }
        switch event.type {
        case AgentNotice.started, AgentNotice.booted: self = .started(at: event.timestamp)
        case AgentNotice.stopped:
            // A kind of a newer agent is an absence all the same.
            let word = (try? JSONText.member("kind", of: event.data)) ?? ""
            self = .stopped(AgentNotice.Absence(rawValue: word) ?? .stop, at: event.timestamp)
        default: return nil
        }
    }
}

/// What became of a host or of a site, when people must know it.
enum HostVerdict: Sendable, Hashable {
    /// Silent since `lease.record.lastContact`; the alert starts at `startsAt`.
    case down(HostLease, startsAt: Timestamp)
    /// As ``down(_:startsAt:)``, but an alert of its site stands for it: shown, not told.
    case folded(HostLease, startsAt: Timestamp)
    /// Its site can be reached again and the host is still silent: now it is told.
    case unfolded(HostLease, startsAt: Timestamp)
    case back(HostLease)
    /// - Parameter by: the operator who said so; nil: it was silent for too long.
    case forgotten(HostLease, by: String?)
    case siteUnreachable(SiteOutage)
    /// Hosts were added to an outage that was told, or have come back.
    case siteChanged(SiteOutage)
    case siteReachable(SiteOutage)

    /// Nil for a site.
    var host: String? {
        switch self {
        case .down(let lease, _), .folded(let lease, _), .unfolded(let lease, _), .back(let lease), .forgotten(let lease, _): lease.record.host
        case .siteUnreachable, .siteChanged, .siteReachable: nil
        }
    }
}
