import Telemetry

/// Alert rows of blocks in, transitions out. Pure: no clock, no disk, no await.
///
/// Agents send an alert when it begins to fire, every minute while it fires, and when it is resolved; rows may arrive again, late, or in
/// another order. Two rules keep that from paging twice or getting stuck:
/// 1. A row counts only if it is later than the last one that counted: by its place in the agent's lane, or by the host's clock when the
///    agent has a new id.
/// 2. A firing that is old when it is read is held for a moment, and longer while the host is catching up: if its end arrives, both are
///    history; if not, people are told, with its own `startsAt`.
struct AlertBook: Sendable {
    var expireAfter: Duration
    var entries: [AlertKey: AlertEntry] = [:]
    /// Keys of entries that are not resolved.
    var live: Set<AlertKey> = []
    var held: Set<AlertKey> = []
    var countByHost: [String: Int] = [:]
    /// Of all other systems together.
    private(set) var otherCount = 0
    /// Who says that an alert of these labels fires; more than one where an agent, a rule and another system say the same.
    private var voices: [UInt64: [AlertKey]] = [:]
    var drains: [String: Drain] = [:]
    /// Since the last `takeChanges()`.
    var changed: Set<AlertKey> = []
    /// What was decided since the last `takeDecisions()`, for the explanation.
    private var noted: [Decision] = []
    var refusedOverLimit = 0
    var ignoredLate = 0
    /// Since when we listen again, after our own absence.
    var resumedAt = Timestamp.distantPast
    /// When alerts of other systems are to be looked at again.
    var othersDue = Timestamp.distantFuture

    /// Whether a host is catching up after an outage: its rows' times run faster than time.
    struct Drain: Sendable {
        var updatedAt: Timestamp
        var readAt: Timestamp
        /// When it is taken as done, unless it goes on.
        var doneAt: Timestamp
    }

    init(expireAfter: Duration, restoring stored: [AlertEntry] = []) {
        self.expireAfter = expireAfter
        for entry in stored { keep(entry) }
        // What is stored was told.
        for entry in stored.sorted(by: { ($0.alert.startsAt, $0.host) < ($1.alert.startsAt, $1.host) }) where entry.phase == .firing {
            setVoice(entry.key, isFiring: true)
        }
        changed = []
    }

    // MARK: The book itself

    mutating func setIncident(_ incident: UUID, of key: AlertKey) {
        guard var entry = entries[key] else { return }
        entry.incident = incident
        keep(entry)
    }

    mutating func keep(_ entry: AlertEntry) {
        let key = entry.key
        if entries.updateValue(entry, forKey: key) == nil {
            countByHost[key.host, default: 0] += 1
            if AlertBook.isOthers(key.host) { otherCount += 1 }
        }
        if entry.isLive { live.insert(key) } else { live.remove(key) }
        if entry.phase == .held { held.insert(key) } else { held.remove(key) }
        if AlertBook.isOthers(key.host), entry.phase == .firing, let end = entry.heldUntil { othersDue = min(othersDue, end) }
        changed.insert(key)
    }

    mutating func remove(_ key: AlertKey) {
        guard entries.removeValue(forKey: key) != nil else { return }
        live.remove(key)
        held.remove(key)
        setVoice(key, isFiring: false)
        let count = countByHost[key.host, default: 1] - 1
        countByHost[key.host] = count > 0 ? count : nil
        if AlertBook.isOthers(key.host) { otherCount -= 1 }
        changed.insert(key)
    }

    /// To be called when it is told, not when it is decided: what several say in the same moment is told once, and not nobody's news.
    mutating func setVoice(_ key: AlertKey, isFiring: Bool) {
        let known = voices[key.fingerprint] ?? []
        guard known.contains(key) != isFiring else { return }
        let left = isFiring ? known + [key] : known.filter { $0 != key }
        voices[key.fingerprint] = left.isEmpty ? nil : left
    }

    /// All that say that an alert of these labels fires, as far as it is told; in the order in which they began.
    func voices(of fingerprint: UInt64, besides key: AlertKey? = nil) -> [AlertEntry] {
        (voices[fingerprint] ?? []).filter { $0 != key }.compactMap { entries[$0] }.filter { !$0.alert.isToldLocally && $0.alert.foldedInto == nil }
    }

    mutating func setTold(_ voice: AlertEntry.Voice?, of key: AlertKey) {
        guard var entry = entries[key], entry.told != voice else { return }
        entry.told = voice
        keep(entry)
    }

    /// What is told when somebody asks why: goes into the transaction that holds the entries.
    mutating func note(_ kind: Decision.Kind, of alert: Alert, reason: String = "", details: Labels = .empty, at now: Timestamp) {
        noted.append(Decision(kind, of: alert, reason: reason, details: details, at: now))
    }

    mutating func takeDecisions() -> [Decision] {
        defer { noted = [] }
        return noted
    }

    /// What must be written: the entry, or nil where it was removed.
    mutating func takeChanges() -> [AlertKey: AlertEntry?] {
        defer { changed = [] }
        var changes: [AlertKey: AlertEntry?] = [:]
        for key in changed { changes[key] = .some(entries[key]) }
        return changes
    }

    var hasChanges: Bool { !changed.isEmpty }
}
