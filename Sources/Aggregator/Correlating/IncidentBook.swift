import Telemetry

/// Alerts of one host that overlap in time, with what else happened there.
struct IncidentEntry: Sendable, Hashable {
    var id: UUID
    var host: String
    var openedAt: Timestamp
    var closedAt: Timestamp?
    /// In the order in which they joined; at most ``CorrelatingLimits/alertsPerIncidentMax``.
    var alerts: [Alert]
    /// Fingerprints of those that fire.
    var firing: Set<UInt64>
    /// Oldest first; at most ``CorrelatingLimits/evidenceMax``.
    var evidence: [Event]
    /// The log is still to be searched for what happened before the opening.
    var isEvidenceWanted: Bool

    var isOpen: Bool { closedAt == nil }

    /// Events between these moments are evidence. A host may write any moment as an alert's start: the ends are clamped, never wrapped.
    var window: ClosedRange<Timestamp> {
        let (before, after) = (CorrelatingLimits.evidenceBefore.wholeNanoseconds, CorrelatingLimits.evidenceAfter.wholeNanoseconds)
        let (lower, underflow) = openedAt.nanoseconds.subtractingReportingOverflow(before)
        let (upper, overflow) = openedAt.nanoseconds.addingReportingOverflow(after)
        return (underflow ? .distantPast : Timestamp(nanoseconds: lower))...(overflow ? .distantFuture : Timestamp(nanoseconds: upper))
    }

    var incident: Incident {
        Incident(id: id, hosts: [host], openedAt: openedAt, closedAt: closedAt, alerts: alerts, evidence: evidence)
    }
}

/// Which alerts belong together. Pure; identifiers come from the closure given at `init`.
///
/// An alert joins the host's incident that its own time touches; while one is open, every new alert of that host joins it. An incident
/// closes with its last alert, and opens again when an alert turns up late that was firing before that moment and still fires.
struct IncidentBook: Sendable {
    private(set) var entries: [UUID: IncidentEntry] = [:]
    /// At most one of a host is open.
    private var openByHost: [String: UUID] = [:]
    /// Closed ones in memory, in the order of closing.
    private var closed: [UUID] = []
    private var changed: Set<UUID> = []
    private let makeID: @Sendable (Timestamp) -> UUID

    init(makeID: @escaping @Sendable (Timestamp) -> UUID, restoring stored: [IncidentEntry] = []) {
        self.makeID = makeID
        for entry in stored.sorted(by: { ($0.closedAt ?? .distantFuture) < ($1.closedAt ?? .distantFuture) }) {
            entries[entry.id] = entry
            if entry.isOpen { openByHost[entry.host] = entry.id } else { closed.append(entry.id) }
        }
    }

    /// An alert began to fire.
    mutating func fired(_ alert: Alert, of host: String) -> UUID {
        if let id = openByHost[host] { return join(id, alert, isFiring: true) }
        // Still firing and begun before that one closed: they overlapped, and it is not over.
        let touched = closed.compactMap { entries[$0] }.filter { $0.host == host && ($0.closedAt ?? .distantPast) >= alert.startsAt }
        if let latest = touched.max(by: { ($0.closedAt ?? .distantPast) < ($1.closedAt ?? .distantPast) }) {
            return join(latest.id, alert, isFiring: true)
        }
        return open(alert, of: host, isFiring: true)
    }

    /// An alert ended that had been told as firing.
    mutating func resolved(_ alert: Alert, of host: String, incident: UUID?) -> UUID {
        if let incident, entries[incident] != nil { return join(incident, alert, isFiring: false) }
        return past(alert, of: host)
    }

    /// An alert fired and ended before it arrived.
    mutating func past(_ alert: Alert, of host: String) -> UUID {
        let endsAt = alert.endsAt ?? alert.updatedAt
        let touched = entries.values.filter {
            $0.host == host && $0.openedAt <= endsAt && ($0.closedAt ?? .distantFuture) >= alert.startsAt
        }
        if let entry = touched.min(by: { $0.openedAt < $1.openedAt }) { return join(entry.id, alert, isFiring: false) }
        return open(alert, of: host, isFiring: false)
    }

    /// The alert goes on firing, as part of another incident: this one does not wait for its end.
    mutating func leave(_ id: UUID, _ alert: Alert, now: Timestamp) {
        guard var entry = entries[id], entry.isOpen, entry.firing.remove(alert.fingerprint) != nil else { return }
        if entry.firing.isEmpty {
            entry.closedAt = max(entry.alerts.compactMap(\.endsAt).max() ?? now, entry.openedAt)
            openByHost[entry.host] = nil
            closed.append(id)
        }
        entries[id] = entry
        changed.insert(id)
        trim()
    }

    private mutating func open(_ alert: Alert, of host: String, isFiring: Bool) -> UUID {
        let id = makeID(alert.startsAt)
        let entry = IncidentEntry(
            id: id,
            host: host,
            openedAt: alert.startsAt,
            closedAt: isFiring ? nil : max(alert.endsAt ?? alert.updatedAt, alert.startsAt),
            alerts: [alert],
            firing: isFiring ? [alert.fingerprint] : [],
            evidence: [],
            isEvidenceWanted: true
        )
        entries[id] = entry
        changed.insert(id)
        if isFiring { openByHost[host] = id } else { closed.append(id) }
        trim()
        return id
    }

    private mutating func join(_ id: UUID, _ alert: Alert, isFiring: Bool) -> UUID {
        guard var entry = entries[id] else { return id }
        let wasOpen = entry.isOpen
        if let index = entry.alerts.firstIndex(where: { $0.fingerprint == alert.fingerprint }) {
            entry.alerts[index] = alert
        } else if entry.alerts.count < CorrelatingLimits.alertsPerIncidentMax {
            entry.alerts.append(alert)
        }
        if isFiring { entry.firing.insert(alert.fingerprint) } else { entry.firing.remove(alert.fingerprint) }
        entry.openedAt = min(entry.openedAt, alert.startsAt)
        if !entry.firing.isEmpty {
            entry.closedAt = nil
        } else {
            // Hosts' clocks may disagree with ours: an incident never ends before it began.
            let ends = entry.alerts.compactMap(\.endsAt) + [alert.endsAt ?? alert.updatedAt]
            entry.closedAt = max(ends.max() ?? entry.openedAt, entry.openedAt)
        }
        entries[id] = entry
        changed.insert(id)
        switch (wasOpen, entry.isOpen) {
        case (true, false):
            openByHost[entry.host] = nil
            closed.append(id)
        case (false, true):
            openByHost[entry.host] = id
            closed.removeAll { $0 == id }
        case (true, true), (false, false): break
        }
        trim()
        return id
    }

    /// Only memory is bounded here; the file keeps what its own limits allow.
    private mutating func trim() {
        while closed.count > CorrelatingLimits.closedIncidentsInMemory {
            let id = closed.removeFirst()
            // Not written yet: it leaves with the next transaction.
            if changed.contains(id) {
                evicted.append(id)
            } else {
                entries[id] = nil
            }
        }
    }

    private var evicted: [UUID] = []

    // MARK: Evidence

    /// The hosts and times for which events are evidence now: a quick look before a block is decoded.
    func wantsEvidence(of host: String, from: Timestamp, to: Timestamp) -> Bool {
        entries.values.contains { (host.isEmpty || $0.host == host) && $0.window.lowerBound <= to && $0.window.upperBound >= from }
    }

    /// Keeps what matters most: the worst, then the nearest to the opening.
    mutating func add(_ events: [Event], of host: String) {
        for entry in entries.values where entry.host == host {
            let fitting = events.filter { event in entry.window.contains(event.timestamp) && !entry.evidence.contains { $0.id == event.id } }
            guard !fitting.isEmpty else { continue }
            var updated = entry
            let ranked = (entry.evidence + fitting).sorted { a, b in
                if a.severity != b.severity { return a.severity > b.severity }
                return distance(a, entry) < distance(b, entry)
            }
            updated.evidence = ranked.prefix(CorrelatingLimits.evidenceMax).sorted { $0.timestamp < $1.timestamp }
            guard updated.evidence != entry.evidence else { continue }
            entries[entry.id] = updated
            changed.insert(entry.id)
        }
    }

    private func distance(_ event: Event, _ entry: IncidentEntry) -> Duration {
        let distance = event.timestamp.duration(since: entry.openedAt)
        return distance < .zero ? .zero - distance : distance
    }

    /// Incidents whose surroundings were not searched yet, oldest first.
    var awaitingEvidence: [IncidentEntry] { entries.values.filter(\.isEvidenceWanted).sorted { $0.openedAt < $1.openedAt } }

    mutating func evidenceWasSearched(_ id: UUID) {
        guard entries[id]?.isEvidenceWanted == true else { return }
        entries[id]?.isEvidenceWanted = false
        changed.insert(id)
    }

    /// What must be written.
    mutating func takeChanges() -> [IncidentEntry] {
        let changes = changed.compactMap { entries[$0] }
        changed = []
        for id in evicted where entries[id]?.isOpen == false { entries[id] = nil }
        evicted = []
        return changes
    }

    var hasChanges: Bool { !changed.isEmpty }
}
