import Telemetry

/// Which alerts and events belong together. Pure; identifiers come from the closure given at `init`.
///
/// What comes brings keys (``IncidentKey``), the closest first: it joins the open incident of the first key that has one, or the one of such a key that closed
/// less than ``window`` before it began; otherwise it opens one, which all its keys then lead to. An incident closes with its last alert, and opens again
/// when an alert turns up late that was firing before that moment and still fires. One without alerts closes when all that belongs to it has arrived.
struct IncidentBook: Sendable {
    var entries: [UUID: IncidentEntry] = [:]
    var openByKey: [IncidentKey: UUID] = [:]
    private var openIDs: Set<UUID> = []
    /// Closed ones in memory, in the order of closing.
    private var closed: [UUID] = []
    var changed: Set<UUID> = []
    private var evicted: [UUID] = []
    /// Since the last `takeMerges()`.
    var merges: [IncidentMerge] = []
    private let makeID: @Sendable (Timestamp) -> UUID
    var window: Duration

    init(makeID: @escaping @Sendable (Timestamp) -> UUID, window: Duration = .zero, restoring stored: [IncidentEntry] = []) {
        (self.makeID, self.window) = (makeID, window)
        for entry in stored.sorted(by: { ($0.closedAt ?? .distantFuture) < ($1.closedAt ?? .distantFuture) }) {
            entries[entry.id] = entry
            if entry.isOpen { index(entry) } else { closed.append(entry.id) }
        }
    }

    // MARK: Alerts

    /// An alert began to fire.
    mutating func fired(_ alert: Alert, of host: String, keys: [IncidentKey]? = nil, now: Timestamp? = nil) -> UUID {
        let (keys, now) = (keys ?? [IncidentKey(.host, host)], now ?? alert.updatedAt)
        unite(keys, now: now)
        // Still firing and begun before that one closed, or soon after: it is not over.
        if let id = open(for: keys) ?? touched(by: alert.startsAt, keys) { return join(id, alert, of: host, keys, isFiring: true) }
        return open(alert, of: host, keys, isFiring: true, now: now)
    }

    /// An alert that makes part of an incident which is known.
    mutating func fired(_ alert: Alert, of host: String, in id: UUID, keys: [IncidentKey] = [], now: Timestamp? = nil) -> UUID {
        unite(keys, with: id, now: now ?? alert.updatedAt)
        return join(survivor(of: id), alert, of: host, [], isFiring: true)
    }

    /// An alert ended that had been told as firing.
    mutating func resolved(_ alert: Alert, of host: String, incident: UUID?, keys: [IncidentKey]? = nil, now: Timestamp? = nil) -> UUID {
        if let incident = incident.map({ survivor(of: $0) }), entries[incident] != nil { return join(incident, alert, of: host, [], isFiring: false) }
        return past(alert, of: host, keys: keys, now: now)
    }

    /// An alert fired and ended before it arrived.
    mutating func past(_ alert: Alert, of host: String, keys: [IncidentKey]? = nil, now: Timestamp? = nil) -> UUID {
        let (keys, now) = (keys ?? [IncidentKey(.host, host)], now ?? alert.updatedAt)
        let endsAt = alert.endsAt ?? alert.updatedAt
        let known = entries.values.filter { entry in
            entry.mergedInto == nil && entry.openedAt <= endsAt && (entry.closedAt ?? .distantFuture) >= alert.startsAt
                && keys.contains { entry.keys.contains($0) }
        }
        if let entry = known.min(by: { $0.openedAt < $1.openedAt }) { return join(entry.id, alert, of: host, [], isFiring: false) }
        return open(alert, of: host, keys, isFiring: false, now: now)
    }

    /// The alert goes on firing, as part of another incident: this one does not wait for its end.
    mutating func leave(_ id: UUID, _ alert: Alert, now: Timestamp) {
        guard var entry = entries[survivor(of: id)], entry.isOpen, entry.firing.remove(alert.fingerprint) != nil else { return }
        if entry.firing.isEmpty { close(&entry, .resolved, at: entry.alerts.compactMap(\.endsAt).max() ?? now) }
        keep(entry)
    }

    // MARK: Patterns

    /// Events that say something together. `keys` begin with the pattern's own; `from` is when the first of them was, which may be one that is
    /// known: what belongs together is one incident, in whatever order it arrives.
    mutating func matched(
        _ name: String,
        keys: [IncidentKey],
        hosts: [String],
        events: [Event],
        from: Timestamp,
        at: Timestamp,
        isOld: Bool,
        now: Timestamp
    ) -> UUID {
        unite(keys, now: now)
        let id: UUID
        let opening = min(from, at)
        if let known = open(for: keys) ?? touched(by: opening, keys) {
            id = known
            if var entry = entries[id] {
                if !isOld { entry.openedAt = min(entry.openedAt, opening) }
                entry.learn(keys, hosts: hosts)
                entries[id] = entry
                if entry.isOpen { index(entry) }
            }
        } else {
            id = makeID(opening)
            var entry = newEntry(id, name, openedAt: opening, now: now)
            entry.learn(keys, hosts: hosts)
            if isOld { (entry.closedAt, entry.closing) = (max(at, opening), .complete) }
            add(entry)
        }
        if var entry = entries[id] {
            entry.evidence = IncidentEntry.best(entry.evidence + events, around: entry.openedAt)
            keep(entry)
        }
        trim()
        return id
    }

    // MARK: Opening, joining, closing

    private func open(for keys: [IncidentKey]) -> UUID? {
        for key in keys { if let id = openByKey[key], entries[id]?.isOpen == true { return id } }
        return nil
    }

    private func touched(by start: Timestamp, _ keys: [IncidentKey]) -> UUID? {
        closed.compactMap { entries[$0] }.filter { entry in
            guard let closedAt = entry.closedAt, entry.closing != .limit, entry.mergedInto == nil else { return false }
            return closedAt.advanced(by: window) >= start && keys.contains { entry.keys.contains($0) }
        }.max { ($0.closedAt ?? .distantPast) < ($1.closedAt ?? .distantPast) }?.id
    }

    private func newEntry(_ id: UUID, _ name: String, openedAt: Timestamp, now: Timestamp) -> IncidentEntry {
        IncidentEntry(id: id, name: name, keys: [], hosts: [], openedAt: openedAt, madeAt: now, alerts: [], firing: [])
    }

    private mutating func open(_ alert: Alert, of host: String, _ keys: [IncidentKey], isFiring: Bool, now: Timestamp) -> UUID {
        let id = makeID(alert.startsAt)
        var entry = newEntry(id, alert.name, openedAt: alert.startsAt, now: now)
        entry.learn(keys, hosts: [host])
        (entry.alerts, entry.firing) = ([alert], isFiring ? [alert.fingerprint] : [])
        if !isFiring { (entry.closedAt, entry.closing) = (max(alert.endsAt ?? alert.updatedAt, alert.startsAt), .resolved) }
        add(entry)
        trim()
        return id
    }

    private mutating func add(_ entry: IncidentEntry) {
        entries[entry.id] = entry
        changed.insert(entry.id)
        if entry.isOpen { index(entry) } else { closed.append(entry.id) }
    }

    private mutating func join(_ id: UUID, _ alert: Alert, of host: String, _ keys: [IncidentKey], isFiring: Bool) -> UUID {
        guard var entry = entries[id] else { return id }
        if let index = entry.alerts.firstIndex(where: { $0.fingerprint == alert.fingerprint }) {
            entry.alerts[index] = alert
        } else if entry.alerts.count < CorrelatingLimits.alertsPerIncidentMax {
            entry.alerts.append(alert)
        }
        entry.learn(keys, hosts: [host])
        if isFiring { entry.firing.insert(alert.fingerprint) } else { entry.firing.remove(alert.fingerprint) }
        entry.openedAt = min(entry.openedAt, alert.startsAt)
        if isFiring, entry.closedAt != nil {
            (entry.closedAt, entry.closing) = (nil, nil)
            closed.removeAll { $0 == id }
        } else if !entry.firing.isEmpty {
            // Others fire still.
        } else if entry.isOpen {
            close(&entry, .resolved, at: IncidentEntry.end(entry, alert))
        } else {
            entry.closedAt = IncidentEntry.end(entry, alert)
        }
        if entry.isOpen { index(entry) }
        keep(entry)
        trim()
        return id
    }

    mutating func close(_ entry: inout IncidentEntry, _ closing: Incident.Closing, at moment: Timestamp) {
        // Hosts' clocks may disagree with ours: an incident never ends before it began.
        (entry.closedAt, entry.closing) = (max(moment, entry.openedAt), closing)
        for key in entry.keys where openByKey[key] == entry.id { openByKey[key] = nil }
        openIDs.remove(entry.id)
        closed.append(entry.id)
    }

    /// A key that leads to another open incident goes on doing so.
    mutating func index(_ entry: IncidentEntry) {
        openIDs.insert(entry.id)
        for key in entry.keys where openByKey[key].map({ entries[$0]?.isOpen != true }) ?? true { openByKey[key] = entry.id }
    }

    mutating func keep(_ entry: IncidentEntry) {
        entries[entry.id] = entry
        changed.insert(entry.id)
    }

    /// Only memory is bounded here; the file keeps what its own limits allow.
    private mutating func trim() {
        if openIDs.count > CorrelatingLimits.openIncidentsMax, var oldest = openIDs.compactMap({ entries[$0] }).min(by: { $0.madeAt < $1.madeAt }) {
            close(&oldest, .limit, at: oldest.madeAt)
            oldest.firing = []
            keep(oldest)
        }
        while closed.count > CorrelatingLimits.closedIncidentsInMemory {
            let id = closed.removeFirst()
            // Not written yet: it leaves with the next transaction.
            if changed.contains(id) { evicted.append(id) } else { entries[id] = nil }
        }
    }

    // MARK: What has arrived

    /// An incident's collecting is over: what did not arrive is named. One without an alert that fires closes with it.
    mutating func collected(_ id: UUID, missing: [String], isTimeout: Bool, now: Timestamp) {
        guard var entry = entries[id], entry.collection == .collecting else { return }
        (entry.collection, entry.missing) = (isTimeout ? .timeout : .complete, missing)
        if entry.isOpen, entry.firing.isEmpty { close(&entry, isTimeout ? .timeout : .complete, at: now) }
        keep(entry)
        trim()
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

extension IncidentEntry {
    fileprivate static func end(_ entry: IncidentEntry, _ alert: Alert) -> Timestamp {
        let ends = entry.alerts.compactMap(\.endsAt) + [alert.endsAt ?? alert.updatedAt]
        return max(ends.max() ?? entry.openedAt, entry.openedAt)
    }
}
