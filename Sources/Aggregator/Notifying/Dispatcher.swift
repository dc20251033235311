import HeapModule
import Telemetry

/// Decides who is told what and when: transitions and the time go in, notifications come out. No clock, no file, no network; what must be
/// kept is named in ``takeChanges()``.
struct Dispatcher: Sendable {
    /// What changed since it was last asked, by name: the store writes exactly this.
    struct Changes: Sendable {
        var alerts: Set<UInt64> = []
        var groups: Set<String> = []
        var limits: Set<String> = []
        /// In the order in which they were made.
        var decisions: [Decision] = []
        /// Nil: taken back.
        var acknowledgements: [EpisodeKey: AlertAcknowledgement?] = [:]

        var isEmpty: Bool { alerts.isEmpty && groups.isEmpty && limits.isEmpty && decisions.isEmpty && acknowledgements.isEmpty }
    }

    /// What the store gives back after a restart.
    struct Stored: Sendable {
        struct Group: Sendable {
            var key: String
            var nextFlush: Timestamp
            var hasFlushed: Bool
            var isHeld: Bool
            var told: [String: AlertGroup.Told]
            var escalation: Escalation?
            var openedAt: Timestamp?
        }

        struct Limit: Sendable {
            var key: String
            var tokens: Double
            var updatedAt: Timestamp
        }

        var alerts: [Alert] = []
        var groups: [Group] = []
        var limits: [Limit] = []
        var silences: [Silence] = []
        var acknowledgements: [EpisodeKey: AlertAcknowledgement] = [:]
    }

    struct Timer: Comparable {
        var at: Timestamp
        var group: String

        static func < (a: Timer, b: Timer) -> Bool { (a.at.nanoseconds, a.group) < (b.at.nanoseconds, b.group) }
    }

    let config: NotifyingConfig
    /// By receiver's name.
    let channels: [String: [Channel]]
    let channelsByKey: [String: Channel]
    var silences: SilenceBook
    var groups: [String: AlertGroup] = [:]
    /// Every alert that fires or that a group still holds.
    private(set) var alerts: [UInt64: Alert] = [:]
    /// Of alerts that fire.
    var acknowledged: [UInt64: AlertAcknowledgement] = [:]
    /// How many groups hold an alert.
    private var holders: [UInt64: Int] = [:]
    var limits: [String: RateBucket] = [:]
    var inhibitor: Inhibitor
    /// May hold timers that were moved; those are passed over.
    var timers = Heap<Timer>()
    var changes = Changes()
    /// That somebody takes care: goes out with what is flushed next, in the transaction that holds the acknowledgement.
    var notices: [Notification] = []
    /// Alerts that were not taken because there are too many; since the start.
    private(set) var refused = 0

    init(config: NotifyingConfig, stored: Stored = Stored(), at now: Timestamp) {
        self.config = config
        channels = Dictionary(config.receivers.map { ($0.name, $0.channels) }) { first, _ in first }
        channelsByKey = Dictionary(channels.values.joined().map { ($0.key, $0) }) { first, _ in first }
        inhibitor = Inhibitor(rules: config.inhibitRules)
        silences = SilenceBook(stored.silences)
        let known = Dictionary(stored.limits.map { ($0.key, $0) }) { first, _ in first }
        let own = config.receivers.compactMap(\.limit)
        for (key, count, window) in config.route.all.compactMap(\.limit) + own {
            limits[key] = RateBucket(count: count, window: window, tokens: known[key]?.tokens, updatedAt: known[key]?.updatedAt ?? now)
        }
        restore(stored, at: now)
    }

    /// Alerts go where the routes of now send them; a group that has the key of a stored one goes on from there.
    private mutating func restore(_ stored: Stored, at now: Timestamp) {
        let known = Dictionary(stored.groups.map { ($0.key, $0) }) { first, _ in first }
        var orphans: Set<UInt64> = []
        for alert in stored.alerts {
            if alert.state == .firing { acknowledged[alert.fingerprint] = stored.acknowledgements[alert.episode] }
            for route in config.route.routes(for: alert.labels) { rejoin(alert, on: route, known: known, at: now) }
            if alert.state == .firing {
                fire(alert, at: now)
            } else if holders[alert.fingerprint] == nil {
                orphans.insert(alert.fingerprint)
            }
        }
        // The others are on disk as they are.
        changes.alerts = orphans
        // What belonged to routes that are no more.
        for group in stored.groups where groups[group.key] == nil { changes.groups.insert(group.key) }
        for limit in stored.limits where limits[limit.key] == nil { changes.limits.insert(limit.key) }
    }

    /// Puts an alert back into the stored group that it was in.
    private mutating func rejoin(_ alert: Alert, on route: Route, known: [String: Stored.Group], at now: Timestamp) {
        let own = route.groupLabels(of: alert.labels)
        for labels in [own, .empty] {
            let key = route.groupKey(labels)
            guard let group = known[key] else { continue }
            let wasTold = group.told.values.contains { $0.firing.contains(alert.fingerprint) }
            guard wasTold || (alert.state == .firing && labels == own) else { continue }
            if groups[key] == nil {
                // A clock that was set back must not make a group wait for longer than its intervals.
                let latest = now.advanced(by: max(route.groupWait, route.groupInterval))
                var restored = AlertGroup(key: key, route: route, labels: labels, nextFlush: min(group.nextFlush, latest))
                (restored.hasFlushed, restored.isHeld, restored.told, restored.openedAt) = (
                    group.hasFlushed, group.isHeld, group.told, group.openedAt
                )
                // A clock that was set back must not put a step off for longer than it says.
                restored.escalation = group.escalation.map { Escalation(since: min($0.since, now), step: $0.step) }
                groups[key] = restored
                setTimer(key)
                setEscalationTimer(key)
                if group.isHeld, let limit = limitKeys(of: route, at: now).first { limits[limit]?.held.insert(key) }
            }
            return hold(alert, in: key)
        }
    }

    // MARK: Transitions

    /// Takes a transition. What fired and was over before it arrived is nobody's news.
    mutating func accept(_ transition: AlertTransition, at now: Timestamp) {
        guard !transition.isHistoryOnly else { return }
        switch transition.alert.state {
        case .pending: break
        case .firing:
            guard alerts[transition.alert.fingerprint] != nil || alerts.count < NotifyingLimits.alertsMax else {
                refused += 1
                note(.refused, of: transition.alert, reason: "alerts_max", details: ["limit": "\(NotifyingLimits.alertsMax)"], at: now)
                return
            }
            fire(transition.alert, at: now)
            if transition.reason == AlertTransition.flappingReason { sayAgain(transition.alert.fingerprint) }
        case .resolved: resolve(transition.alert)
        }
    }

    private mutating func fire(_ alert: Alert, at now: Timestamp) {
        let fingerprint = alert.fingerprint
        inhibitor.add(alert.labels, fingerprint: fingerprint)
        // It is another time that it fires: of this one nobody has said that he takes care.
        if let known = alerts[fingerprint], known.activeAt != alert.activeAt { acknowledged[fingerprint] = nil }
        alerts[fingerprint] = alert
        changes.alerts.insert(fingerprint)
        for route in config.route.routes(for: alert.labels) {
            let (key, labels) = place(of: alert, on: route)
            // An alert that has fired for longer than group_wait (its host was offline) need not wait again, as in Alertmanager.
            let isLate = alert.startsAt.advanced(by: route.groupWait) <= now
            if let group = groups[key] {
                if isLate, !group.hasFlushed, group.nextFlush > now {
                    groups[key]?.nextFlush = now
                    setTimer(key)
                    changes.groups.insert(key)
                }
            } else {
                groups[key] = AlertGroup(key: key, route: route, labels: labels, nextFlush: isLate ? now : now.advanced(by: route.groupWait))
                groups[key]?.openedAt = now
                setTimer(key)
                changes.groups.insert(key)
            }
            if groups[key]?.alerts[fingerprint]?.state != .firing { noteJoining(alert, group: key, of: route, at: now) }
            hold(alert, in: key)
        }
    }

    /// People know that it fires, and are told once more what is new about it: that it flaps.
    private mutating func sayAgain(_ fingerprint: UInt64) {
        for (key, group) in groups where group.alerts[fingerprint] != nil {
            for (channel, told) in group.told where told.firing.contains(fingerprint) {
                groups[key]?.told[channel] =
                    told.firing.count > 1 ? AlertGroup.Told(firing: told.firing.subtracting([fingerprint]), at: told.at) : nil
                changes.groups.insert(key)
            }
        }
    }

    private mutating func resolve(_ alert: Alert) {
        let fingerprint = alert.fingerprint
        guard alerts[fingerprint] != nil else { return }
        inhibitor.remove(alert.labels, fingerprint: fingerprint)
        acknowledged[fingerprint] = nil
        alerts[fingerprint] = alert
        changes.alerts.insert(fingerprint)
        for route in config.route.routes(for: alert.labels) {
            let (key, _) = place(of: alert, on: route)
            if groups[key]?.alerts[fingerprint] != nil { hold(alert, in: key) }
        }
        if holders[fingerprint] == nil { alerts[fingerprint] = nil }
    }

    /// The group of an alert: by its labels, or the route's one group without labels when there are too many.
    private func place(of alert: Alert, on route: Route) -> (key: String, labels: Labels) {
        let labels = route.groupLabels(of: alert.labels)
        let key = route.groupKey(labels)
        if groups[key] != nil { return (key, labels) }
        let spare = route.groupKey(.empty)
        let isFull = groups.count >= NotifyingLimits.groupsMax
        return isFull || groups[spare]?.alerts[alert.fingerprint] != nil ? (spare, .empty) : (key, labels)
    }

    private mutating func hold(_ alert: Alert, in key: String) {
        let before = groups[key]?.alerts.updateValue(alert, forKey: alert.fingerprint)
        if before == .some(nil) { holders[alert.fingerprint, default: 0] += 1 }
        alerts[alert.fingerprint] = alert
    }

    mutating func letGo(_ fingerprint: UInt64, from key: String) {
        guard groups[key]?.alerts.removeValue(forKey: fingerprint) != nil else { return }
        let left = (holders[fingerprint] ?? 1) - 1
        holders[fingerprint] = left > 0 ? left : nil
        if left <= 0, alerts[fingerprint]?.state == .resolved {
            alerts[fingerprint] = nil
            changes.alerts.insert(fingerprint)
        }
    }

    mutating func setTimer(_ key: String) {
        guard let group = groups[key] else { return }
        timers.insert(Timer(at: group.nextFlush, group: key))
    }

    /// The limits that a route's notifications count against: its own or its parent's, and its receiver's. A rota's receiver is who has the duty now.
    func limitKeys(of route: Route, at now: Timestamp) -> [String] {
        let receiver = receiver(named: route.receiver, at: now)
        return [route.limit?.key, receiver.flatMap { config.receiver($0)?.limit?.key }].compactMap { $0 }
    }

    // MARK: The store

    /// All of it as the store would give it back, with timers that the store need not know.
    var snapshot: Stored {
        var stored = Stored()
        stored.alerts = Array(alerts.values)
        stored.groups = groups.values.map { group in
            var stored = Stored.Group(
                key: group.key,
                nextFlush: group.nextFlush,
                hasFlushed: group.hasFlushed,
                isHeld: group.isHeld,
                told: group.told
            )
            stored.escalation = group.escalation
            return stored
        }
        stored.limits = limits.map { Stored.Limit(key: $0.key, tokens: $0.value.tokens, updatedAt: $0.value.updatedAt) }
        stored.silences = silences.all
        for (fingerprint, acknowledgement) in acknowledged {
            if let alert = alerts[fingerprint] { stored.acknowledgements[alert.episode] = acknowledgement }
        }
        return stored
    }

    /// What is to be written, once.
    mutating func takeChanges() -> Changes {
        defer { changes = Changes() }
        return changes
    }
}
