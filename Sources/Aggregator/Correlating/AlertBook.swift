import Telemetry

/// Identifies an alert among all hosts: the host that judged, and the label set.
struct AlertKey: Sendable, Hashable {
    var host: String
    var fingerprint: UInt64
}

/// What is known of one alert, and what people were told of it.
struct AlertEntry: Sendable, Hashable {
    enum Phase: Int64, Sendable {
        /// Shown, not told.
        case pending = 0
        /// Fires, but the row came late: its end may be on the way. Exits: firing (nothing came), resolved (history only).
        case held = 1
        /// Fires, and people were told.
        case firing = 2
        case resolved = 3
    }

    var host: String
    var alert: Alert
    var phase: Phase
    /// Where the last row stood that was taken in; nil for an alert that the aggregator itself makes.
    var place: RowOrigin?
    /// When that row was taken in, by our clock.
    var heardAt: Timestamp
    /// While held: when people are told unless the end arrives.
    var heldUntil: Timestamp?
    /// The host's count of sample blocks when a repeat was first missed; nil while none is. Not stored: a restart begins to count anew.
    var missedSince: UInt64?
    var incident: UUID?

    var key: AlertKey { AlertKey(host: host, fingerprint: alert.fingerprint) }
    var isLive: Bool { phase != .resolved }
}

/// Why a transition is told; the words are metric labels and never change.
enum TransitionReason: String, Sendable, CaseIterable {
    case fired
    /// It fired while the host could not reach us, and still does.
    case firedLate = "fired_late"
    case resolved
    /// It fired and was resolved before it arrived.
    case history
    /// Its agent no longer repeats it.
    case expired
    case hostDown = "host_down"
    case hostBack = "host_back"
    /// The host was down for so long that it is taken as retired.
    case hostForgotten = "host_forgotten"
}

/// The book's word on one alert: to be numbered, stored and told.
struct AlertDecision: Sendable, Hashable {
    var key: AlertKey
    var alert: Alert
    var previous: AlertState?
    var reason: TransitionReason
    var isHistoryOnly = false
}

/// What the book must know of a host before it lets an alert expire.
struct HostCondition: Sendable, Hashable {
    var isUp: Bool
    /// The latest sample of the latest sample block, by the host's clock.
    var dataAt: Timestamp
    var collections: UInt64
}

/// Alert rows of blocks in, transitions out. Pure: no clock, no disk, no await.
///
/// Agents send an alert when it begins to fire, every minute while it fires, and when it is resolved; rows may arrive again, late, or in
/// another order. Two rules keep that from paging twice or getting stuck:
/// 1. A row counts only if it is later than the last one that counted: by its place in the agent's lane, or by the host's clock when the
///    agent has a new id.
/// 2. A firing that is old when it is read is held for a moment, and longer while the host is catching up: if its end arrives, both are
///    history; if not, people are told, with its own `startsAt`.
struct AlertBook: Sendable {
    private let expireAfter: Duration
    private(set) var entries: [AlertKey: AlertEntry] = [:]
    /// Keys of entries that are not resolved.
    private(set) var live: Set<AlertKey> = []
    private var held: Set<AlertKey> = []
    private var countByHost: [String: Int] = [:]
    private var drains: [String: Drain] = [:]
    /// Since the last `takeChanges()`.
    private var changed: Set<AlertKey> = []
    private(set) var refusedOverLimit = 0
    private(set) var ignoredLate = 0

    /// Whether a host is catching up after an outage: its rows' times run faster than time.
    private struct Drain: Sendable {
        var updatedAt: Timestamp
        var readAt: Timestamp
        /// When it is taken as done, unless it goes on.
        var doneAt: Timestamp
    }

    init(expireAfter: Duration, restoring stored: [AlertEntry] = []) {
        self.expireAfter = expireAfter
        for entry in stored { keep(entry) }
        changed = []
    }

    // MARK: Rows of agents

    /// Takes in one row of an alert block.
    /// - Parameter now: our clock when the block is read, which may be long after it was received.
    mutating func take(_ received: Alert, at place: RowOrigin, of host: String, now: Timestamp) -> AlertDecision? {
        guard let alert = AlertBook.bounded(received) else {
            refusedOverLimit += 1
            return nil
        }
        noteProgress(of: host, alert, now: now)
        let key = AlertKey(host: host, fingerprint: alert.fingerprint)
        guard var entry = entries[key] else {
            guard countByHost[host, default: 0] < CorrelatingLimits.alertsPerHostMax else {
                refusedOverLimit += 1
                return nil
            }
            let entry = AlertEntry(
                host: host,
                alert: alert,
                phase: .resolved,
                place: place,
                heardAt: now,
                heldUntil: nil,
                incident: nil
            )
            return begin(entry, alert, previous: nil, now: now)
        }
        // Our own alert of the same labels: an agent does not speak for it.
        guard let known = entry.place else { return nil }
        guard isLater(alert, at: place, than: entry, known, now: now) else {
            ignoredLate += 1
            return nil
        }
        let before = entry
        (entry.place, entry.heardAt, entry.missedSince) = (place, now, nil)
        switch (before.phase, alert.state) {
        case (.pending, _), (.resolved, .firing), (.resolved, .pending):
            return begin(entry, alert, previous: before.phase == .pending ? .pending : .resolved, now: now)
        case (.held, .firing):
            adopt(alert, into: &entry)
            guard isFresh(alert, now: now) else {
                keep(entry)
                return nil
            }
            (entry.phase, entry.heldUntil) = (.firing, nil)
            keep(entry)
            return AlertDecision(key: key, alert: entry.alert, previous: nil, reason: .firedLate)
        case (.held, .resolved):
            finish(&entry, with: alert)
            return AlertDecision(key: key, alert: entry.alert, previous: nil, reason: .history, isHistoryOnly: true)
        case (.firing, .firing):
            // Another `startsAt` under our feet means that an end was lost (a new spool): people know already that it fires.
            adopt(alert, into: &entry)
            keep(entry)
            return nil
        case (.firing, .resolved):
            finish(&entry, with: alert)
            return AlertDecision(key: key, alert: entry.alert, previous: .firing, reason: .resolved)
        case (.held, .pending), (.firing, .pending):
            // An agent that lost its state and begins anew. It will fire again or fall silent; until then the last word stands.
            return nil
        case (.resolved, .resolved):
            guard alert.startsAt > before.alert.startsAt else {
                keep(entry)
                return nil
            }
            entry.alert = alert
            keep(entry)
            return AlertDecision(key: key, alert: alert, previous: .resolved, reason: .history, isHistoryOnly: true)
        }
    }

    /// An alert that nobody was told of, or no longer: the row begins an episode.
    private mutating func begin(_ entry: AlertEntry, _ alert: Alert, previous: AlertState?, now: Timestamp) -> AlertDecision? {
        var entry = entry
        entry.alert = alert
        entry.incident = nil
        entry.heldUntil = nil
        defer { keep(entry) }
        switch alert.state {
        case .pending:
            entry.phase = .pending
            return nil
        case .resolved:
            entry.phase = .resolved
            return AlertDecision(key: entry.key, alert: alert, previous: previous, reason: .history, isHistoryOnly: true)
        case .firing where isFresh(alert, now: now):
            entry.phase = .firing
            return AlertDecision(key: entry.key, alert: alert, previous: previous, reason: .fired)
        case .firing:
            entry.phase = .held
            entry.heldUntil = now.advanced(by: AlertBook.settle(for: alert, now: now))
            return nil
        }
    }

    /// The newest word on an alert that goes on firing; it began when it first began.
    private func adopt(_ alert: Alert, into entry: inout AlertEntry) {
        let startsAt = min(entry.alert.startsAt, alert.startsAt)
        let activeAt = min(entry.alert.activeAt, alert.activeAt)
        entry.alert = alert
        (entry.alert.startsAt, entry.alert.activeAt) = (startsAt, activeAt)
    }

    private mutating func finish(_ entry: inout AlertEntry, with alert: Alert) {
        adopt(alert, into: &entry)
        entry.alert.state = .resolved
        entry.alert.endsAt = max(alert.endsAt ?? alert.updatedAt, entry.alert.startsAt)
        (entry.phase, entry.heldUntil) = (.resolved, nil)
        keep(entry)
    }

    /// The alert with what is too long of its texts cut; nil when its labels are over the limit.
    private static func bounded(_ alert: Alert) -> Alert? {
        let labels = alert.labels.pairs
        guard labels.count <= CorrelatingLimits.labelsMax,
            labels.reduce(0, { $0 + $1.name.utf8.count + $1.value.utf8.count }) <= CorrelatingLimits.labelBytesMax
        else { return nil }
        var alert = alert
        let limit = CorrelatingLimits.annotationTextMax
        if alert.expression.utf8.count > limit { alert.expression = String(alert.expression.prefix(limit)) + "…" }
        let annotations = alert.annotations.pairs
        let isLong = annotations.contains { $0.value.utf8.count > limit || $0.name.utf8.count > limit }
        guard isLong || annotations.count > CorrelatingLimits.annotationsMax else { return alert }
        let cut = annotations.prefix(CorrelatingLimits.annotationsMax).filter { $0.name.utf8.count <= limit }.map { pair in
            pair.value.utf8.count > limit ? Label(pair.name, String(pair.value.prefix(limit)) + "…") : pair
        }
        alert.annotations = Labels(cut)
        return alert
    }

    private func isFresh(_ alert: Alert, now: Timestamp) -> Bool {
        now.duration(since: alert.updatedAt) <= CorrelatingLimits.freshFor
    }

    private static func settle(for alert: Alert, now: Timestamp) -> Duration {
        min(max(now.duration(since: alert.updatedAt) / 10, CorrelatingLimits.settleMin), CorrelatingLimits.settleMax)
    }

    private func isLater(_ alert: Alert, at place: RowOrigin, than entry: AlertEntry, _ known: RowOrigin, now: Timestamp) -> Bool {
        if place.agent == known.agent {
            return (place.sequence, place.block, place.row) > (known.sequence, known.block, known.row)
        }
        // A new agent id counts from 1 again, and may repeat what the old one sent: only the host's clock can say. If that clock was set
        // back, rows would be passed over for as long, so an entry that nobody refreshes gives way; but not to its own past.
        if alert.updatedAt >= entry.alert.updatedAt { return true }
        if entry.phase == .resolved, alert.startsAt == entry.alert.startsAt { return false }
        return now.duration(since: entry.heardAt) >= expireAfter
    }

    private mutating func noteProgress(of host: String, _ alert: Alert, now: Timestamp) {
        guard let drain = drains[host] else {
            drains[host] = Drain(updatedAt: alert.updatedAt, readAt: now, doneAt: .distantPast)
            return
        }
        guard alert.updatedAt > drain.updatedAt else { return }
        // While a host catches up, its rows' times advance much faster than ours; a host whose clock is wrong advances as we do.
        let advanced = alert.updatedAt.duration(since: drain.updatedAt)
        let passed = now.duration(since: drain.readAt)
        let isCatchingUp = !isFresh(alert, now: now) && advanced > passed * 2 + .seconds(1)
        let doneAt = isCatchingUp ? now.advanced(by: AlertBook.settle(for: alert, now: now)) : drain.doneAt
        drains[host] = Drain(updatedAt: alert.updatedAt, readAt: now, doneAt: doneAt)
    }

    // MARK: Alerts of our own

    /// An alert that the aggregator itself makes (HostDown): it fires or is resolved at its word and never expires.
    mutating func setOwn(_ alert: Alert, of host: String, reason: TransitionReason, now: Timestamp) -> AlertDecision? {
        let key = AlertKey(host: host, fingerprint: alert.fingerprint)
        let known = entries[key]
        let wasFiring = known?.phase == .firing
        guard wasFiring != (alert.state == .firing) else { return nil }
        keep(
            AlertEntry(
                host: host,
                alert: alert,
                phase: alert.state == .firing ? .firing : .resolved,
                place: nil,
                heardAt: now,
                heldUntil: nil,
                incident: wasFiring ? known?.incident : nil
            )
        )
        return AlertDecision(key: key, alert: alert, previous: known?.alert.state, reason: reason)
    }

    // MARK: Time

    /// What time alone decides: held firings are told, forgotten ones expire, resolved ones leave the list.
    /// - Parameter condition: of a host; nil when nothing is known of it.
    mutating func judge(now: Timestamp, condition: (String) -> HostCondition?) -> [AlertDecision] {
        var decisions: [AlertDecision] = []
        for key in live {
            guard var entry = entries[key], entry.place != nil else { continue }
            if entry.phase == .held, now >= releaseTime(of: entry) {
                (entry.phase, entry.heldUntil) = (.firing, nil)
                keep(entry)
                decisions.append(AlertDecision(key: key, alert: entry.alert, previous: nil, reason: .firedLate))
            } else if let host = condition(entry.host), isMissed(entry, by: host, now: now) {
                // A host that slept, or was away, sends its alerts as soon as it is awake: give it time for that.
                guard let since = entry.missedSince, host.collections >= since else {
                    entries[key]?.missedSince = host.collections
                    continue
                }
                guard host.collections >= since + CorrelatingLimits.collectionsBeforeExpiry else { continue }
                decisions += expire(&entry, reason: .expired, now: now)
            } else if entry.missedSince != nil {
                entries[key]?.missedSince = nil
            }
        }
        for (key, entry) in entries where entry.phase == .resolved {
            guard now.duration(since: entry.heardAt) > CorrelatingLimits.resolvedKeptFor else { continue }
            remove(key)
        }
        return decisions.sorted { ($0.alert.startsAt, $0.key.fingerprint) < ($1.alert.startsAt, $1.key.fingerprint) }
    }

    /// Everything of a host that was taken out of service.
    mutating func forget(host: String, now: Timestamp) -> [AlertDecision] {
        var decisions: [AlertDecision] = []
        for key in live where key.host == host {
            guard var entry = entries[key], entry.place != nil else { continue }
            decisions += expire(&entry, reason: .hostForgotten, now: now)
        }
        drains[host] = nil
        return decisions
    }

    private mutating func expire(_ entry: inout AlertEntry, reason: TransitionReason, now: Timestamp) -> [AlertDecision] {
        let before = entry.phase
        entry.alert.state = .resolved
        // By the host's clock: when it was last known to fire.
        entry.alert.endsAt = max(entry.alert.updatedAt, entry.alert.startsAt)
        (entry.phase, entry.heldUntil) = (.resolved, nil)
        keep(entry)
        switch before {
        case .firing: return [AlertDecision(key: entry.key, alert: entry.alert, previous: .firing, reason: reason)]
        case .held: return [AlertDecision(key: entry.key, alert: entry.alert, previous: nil, reason: .history, isHistoryOnly: true)]
        case .pending, .resolved: return []
        }
    }

    private func isMissed(_ entry: AlertEntry, by host: HostCondition, now: Timestamp) -> Bool {
        // An agent sends its alerts before its samples: newer samples mean that nothing about the alert is still on the way.
        host.isUp && now.duration(since: entry.heardAt) >= expireAfter
            && host.dataAt.duration(since: entry.alert.updatedAt) >= expireAfter
    }

    private func releaseTime(of entry: AlertEntry) -> Timestamp {
        max(entry.heldUntil ?? .distantPast, drains[entry.host]?.doneAt ?? .distantPast)
    }

    /// When the next held alert is to be told; nil when none is held.
    var nextRelease: Timestamp? { held.compactMap { entries[$0].map { releaseTime(of: $0) } }.min() }

    /// When `judge` should be called next; nil when nothing is open.
    func nextDeadline(now: Timestamp) -> Timestamp? {
        live.isEmpty ? nil : min(nextRelease ?? .distantFuture, now.advanced(by: CorrelatingLimits.expiryCheckEvery))
    }

    // MARK: The book itself

    mutating func setIncident(_ incident: UUID, of key: AlertKey) {
        guard var entry = entries[key] else { return }
        entry.incident = incident
        keep(entry)
    }

    private mutating func keep(_ entry: AlertEntry) {
        let key = entry.key
        if entries.updateValue(entry, forKey: key) == nil { countByHost[key.host, default: 0] += 1 }
        if entry.isLive { live.insert(key) } else { live.remove(key) }
        if entry.phase == .held { held.insert(key) } else { held.remove(key) }
        changed.insert(key)
    }

    private mutating func remove(_ key: AlertKey) {
        guard entries.removeValue(forKey: key) != nil else { return }
        live.remove(key)
        held.remove(key)
        let count = countByHost[key.host, default: 1] - 1
        countByHost[key.host] = count > 0 ? count : nil
        changed.insert(key)
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
