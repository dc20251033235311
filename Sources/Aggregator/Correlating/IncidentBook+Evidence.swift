import Telemetry

/// What an incident holds besides its alerts, and whether all of it is there.
extension IncidentBook {
    /// The hosts and times for which events are evidence now: a quick look before a block is decoded.
    func wantsEvidence(of host: String, from: Timestamp, to: Timestamp) -> Bool {
        entries.values.contains { entry in
            entry.mergedInto == nil && entry.window.lowerBound <= to && entry.window.upperBound >= from
                && (host.isEmpty || entry.hosts.contains(host))
        }
    }

    mutating func add(_ events: [Event], of host: String) {
        for entry in entries.values where entry.mergedInto == nil && entry.hosts.contains(host) { add(events, to: entry) }
    }

    private mutating func add(_ events: [Event], to entry: IncidentEntry) {
        let known = Set(entry.evidence.compactMap(\.id))
        let fitting = events.filter { entry.window.contains($0.timestamp) && $0.id.map { !known.contains($0) } ?? true }
        guard !fitting.isEmpty else { return }
        var updated = entry
        updated.evidence = IncidentEntry.best(entry.evidence + fitting, around: entry.openedAt)
        if updated.evidence != entry.evidence { keep(updated) }
    }

    /// Incidents whose surroundings were not searched yet, oldest first.
    var awaitingEvidence: [IncidentEntry] { entries.values.filter(\.isEvidenceWanted).sorted { $0.openedAt < $1.openedAt } }

    /// What a search found.
    mutating func gathered(_ found: Gathered, for id: UUID) {
        guard var entry = entries[id] else { return }
        entry.isEvidenceWanted = false
        entry.changes = IncidentEntry.earliest(entry.changes + found.changes)
        if !found.metrics.isEmpty { entry.metrics = found.metrics }
        keep(entry)
        // By correlation id an event belongs to it whenever it was.
        let known = Set(entry.evidence.compactMap(\.id))
        let related = found.related.filter { $0.id.map { !known.contains($0) } ?? true }
        if !related.isEmpty {
            entry.evidence = IncidentEntry.best(entry.evidence + related, around: entry.openedAt)
            keep(entry)
        }
        add(found.evidence, to: entry)
    }

    /// Incidents whose collecting is over now, with the hosts that did not deliver, the oldest first.
    /// - Parameter arrived: up to when a host's metrics are here, by its clock; nil: it is no host that sends metrics.
    func collections(now: Timestamp, timeout: Duration, arrived: (String) -> Timestamp?) -> [DueCollection] {
        var due: [DueCollection] = []
        for entry in entries.values where entry.collection == .collecting && !entry.isEvidenceWanted {
            let end = entry.window.upperBound
            let isLate = now >= entry.madeAt.advanced(by: timeout)
            // A host's clock may be far ahead: its time never comes, ours does.
            guard now >= end || isLate else { continue }
            let missing = entry.hosts.filter { host in arrived(host).map { $0 < end } ?? false }
            let isTimeout = !missing.isEmpty && isLate
            if missing.isEmpty || isTimeout { due.append(DueCollection(entry: entry, missing: missing, isTimeout: isTimeout)) }
        }
        return due.sorted { $0.entry.madeAt < $1.entry.madeAt }
    }

    /// When the next collecting may be over; nil when none goes on.
    func nextCollection(now: Timestamp, timeout: Duration) -> Timestamp? {
        entries.values.filter { $0.collection == .collecting }.map { entry -> Timestamp in
            let next = now < entry.window.upperBound ? entry.window.upperBound : now.advanced(by: CorrelatingLimits.collectionCheckEvery)
            // What is due is at work, or waits for the end of a pause.
            return max(min(next, entry.madeAt.advanced(by: timeout)), now.advanced(by: .seconds(1)))
        }.min()
    }
}

/// An incident whose collecting is over.
struct DueCollection: Sendable, Hashable {
    var entry: IncidentEntry
    /// Hosts whose metrics did not arrive.
    var missing: [String]
    var isTimeout: Bool
}

/// What a search for an incident's surroundings found.
struct Gathered: Sendable {
    /// Warnings and worse of its hosts.
    var evidence: [Event] = []
    /// Events with one of its correlation ids.
    var related: [Event] = []
    var changes: [Event] = []
    var metrics: [MetricPoints] = []
}

extension IncidentEntry {
    /// Keeps what matters most, the worst, then the nearest to the opening; in the order of time, each once.
    static func best(_ events: [Event], around opening: Timestamp) -> [Event] {
        guard events.count > CorrelatingLimits.evidenceMax else { return unique(events.sorted { $0.timestamp < $1.timestamp }) }
        func distance(_ event: Event) -> Duration {
            let distance = event.timestamp.duration(since: opening)
            return distance < .zero ? .zero - distance : distance
        }
        let ranked = unique(events).sorted { a, b in a.severity != b.severity ? a.severity > b.severity : distance(a) < distance(b) }
        return ranked.prefix(CorrelatingLimits.evidenceMax).sorted { $0.timestamp < $1.timestamp }
    }

    /// What changed, oldest first; of too many the latest stay.
    static func earliest(_ events: [Event]) -> [Event] {
        Array(unique(events.sorted { $0.timestamp < $1.timestamp }).suffix(CorrelatingLimits.changesMax))
    }

    private static func unique(_ events: [Event]) -> [Event] {
        var seen: Set<Event> = []
        var ids: Set<UUID> = []
        return events.filter { event in event.id.map { ids.insert($0).inserted } ?? seen.insert(event).inserted }
    }
}
