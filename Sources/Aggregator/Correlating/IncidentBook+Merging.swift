import Telemetry

/// Two open incidents that turned out to be one.
struct IncidentMerge: Sendable, Hashable {
    /// The younger one, and what it was called.
    var from: UUID
    var name: String
    /// The older one, which goes on.
    var into: UUID
    /// By what both are known.
    var keys: [IncidentKey]
}

/// Alerts and events open incidents before anybody can know that they belong together; what comes later says so: one alert with the correlation id of
/// one and the group labels of another.
///
/// The rule: what carries telling keys (``IncidentKey/Kind/isTelling``) of several open incidents makes one of them. The one that opened first goes on, with all
/// that the others hold; they close, and name it.
extension IncidentBook {
    /// - Parameter known: an incident that the keys belong to as well.
    mutating func unite(_ keys: [IncidentKey], with known: UUID? = nil, now: Timestamp) {
        var meant: [UUID: [IncidentKey]] = [:]
        if let known, entries[known]?.isOpen == true { meant[known] = [] }
        for key in keys where key.kind.isTelling {
            if let id = openByKey[key], entries[id]?.isOpen == true { meant[id, default: []].append(key) }
        }
        guard meant.count > 1 else { return }
        let order = meant.keys.compactMap { entries[$0] }.sorted { a, b in
            (a.openedAt, a.madeAt, a.id.description) < (b.openedAt, b.madeAt, b.id.description)
        }
        let between = keys.filter(\.kind.isTelling)
        for younger in order.dropFirst() { merge(younger, into: order[0].id, over: between, now: now) }
    }

    private mutating func merge(_ entry: IncidentEntry, into id: UUID, over keys: [IncidentKey], now: Timestamp) {
        guard var older = entries[id] else { return }
        var younger = entry
        older.absorb(younger)
        close(&younger, .merged, at: now)
        (younger.firing, younger.mergedInto, younger.isEvidenceWanted) = ([], id, false)
        if younger.collection == .collecting { younger.collection = .complete }
        keep(younger)
        keep(older)
        index(older)
        merges.append(IncidentMerge(from: younger.id, name: younger.name, into: id, keys: keys))
    }

    /// The incident that goes on in the place of one that was merged; the same where it was not.
    func survivor(of id: UUID) -> UUID {
        var id = id
        // One is merged into an older one each time: it ends.
        while let next = entries[id]?.mergedInto { id = next }
        return id
    }

    mutating func takeMerges() -> [IncidentMerge] {
        defer { merges = [] }
        return merges
    }
}

extension IncidentEntry {
    /// Takes in all that another one holds.
    fileprivate mutating func absorb(_ other: IncidentEntry) {
        openedAt = min(openedAt, other.openedAt)
        learn(other.keys, hosts: other.hosts)
        let known = Set(alerts.map(\.fingerprint))
        let room = max(0, CorrelatingLimits.alertsPerIncidentMax - alerts.count)
        alerts += other.alerts.filter { !known.contains($0.fingerprint) }.prefix(room)
        firing.formUnion(other.firing)
        evidence = IncidentEntry.best(evidence + other.evidence, around: openedAt)
        changes = IncidentEntry.earliest(changes + other.changes)
        let shown = Set(metrics.map(\.labels))
        metrics = Array((metrics + other.metrics.filter { !shown.contains($0.labels) }).prefix(CorrelatingLimits.metricsMax))
        missing += other.missing.filter { !missing.contains($0) }
        // It has more hosts now: what surrounds it is looked for once more.
        isEvidenceWanted = true
        if other.collection == .collecting { collection = .collecting }
        mergedFrom = (mergedFrom + other.mergedFrom + [other.id]).suffix(CorrelatingLimits.mergedPerIncidentMax)
    }
}
