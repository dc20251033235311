import HeapModule
import Telemetry

/// What time brings: groups that are due, digests for which there is a token again.
extension Dispatcher {
    /// When something is to be done next; nil: nothing is.
    var nextDeadline: Timestamp? {
        let tokens = limits.values.filter { !$0.held.isEmpty }.map(\.nextToken)
        return (tokens + [timers.min?.at].compactMap { $0 }).min()
    }

    /// All that is due.
    /// - Parameter pending: undelivered notifications by channel key; channels at their limit are told later.
    mutating func flush(at now: Timestamp, pending: [String: Int]) -> [Notification] {
        var pending = pending
        var notifications = takeNotices(&pending, at: now)
        while let timer = timers.min, timer.at <= now {
            timers.removeMin()
            if let due = groups[timer.group]?.nextEscalation, due <= now {
                escalate(timer.group, at: now, pending: &pending, into: &notifications)
            }
            guard groups[timer.group]?.nextFlush == timer.at else { continue }
            flush(timer.group, at: now, pending: &pending, into: &notifications)
        }
        for key in limits.keys.sorted() { release(key, at: now, pending: &pending, into: &notifications) }
        return notifications
    }

    private mutating func flush(_ key: String, at now: Timestamp, pending: inout [String: Int], into notifications: inout [Notification]) {
        guard let group = groups[key] else { return }
        if !group.hasFlushed { changes.groups.insert(key) }
        groups[key]?.hasFlushed = true
        groups[key]?.nextFlush = now.advanced(by: group.route.groupInterval)
        setTimer(key)
        let standing = standing(of: group, at: now)
        noteMuting(in: key, at: now)
        guard config.pause(of: group.route, at: now) == nil else { return rest(key, standing: standing) }
        let decisions = decisions(for: group, standing: standing, at: now)
        if !decisions.isEmpty {
            let keys = limitKeys(of: group.route, at: now)
            // Whoever waits for a token already goes first.
            if let empty = keys.first(where: { limits[$0]?.held.isEmpty == false || limits[$0]?.hasToken(at: now) == false }) {
                limits[empty]?.held.insert(key)
                changes.limits.insert(empty)
                if !group.isHeld { noteLimit(standing.firing, empty, at: now) }
                groups[key]?.isHeld = true
                changes.groups.insert(key)
                return
            }
            for key in keys { take(from: key, at: now) }
            if group.isHeld { unhold(key) }
        }
        settle(key, standing: standing, decisions: decisions, at: now, pending: &pending) { decision in
            notifications.append(
                Notification(
                    channel: decision.channel,
                    groupKey: key,
                    groupLabels: group.labels,
                    reason: decision.reason,
                    alerts: decision.alerts,
                    openedAt: group.openedAt
                )
            )
        }
    }

    /// Who had the duty had a limit, and who has it now need not wait for it.
    private mutating func unhold(_ key: String) {
        for limit in limits.keys { limits[limit]?.held.remove(key) }
        groups[key]?.isHeld = false
        changes.groups.insert(key)
    }

    private mutating func take(from limit: String, at now: Timestamp) {
        _ = limits[limit]?.take(at: now)
        changes.limits.insert(limit)
    }

    /// A route that tells nobody now: what somebody was told of stays until it may be told that it is over; the rest that is over is nobody's
    /// news.
    private mutating func rest(_ key: String, standing: AlertGroup.Standing) {
        let known = Set(groups[key]?.told.values.flatMap(\.firing) ?? [])
        for alert in standing.resolved where !known.contains(alert.fingerprint) { letGo(alert.fingerprint, from: key) }
        dropIfEmpty(key)
    }

    private mutating func dropIfEmpty(_ key: String) {
        guard groups[key]?.alerts.isEmpty == true else { return }
        groups[key] = nil
        changes.groups.insert(key)
    }

    /// Groups that need not, or cannot, wait for this limit any longer: those of a route that tells nobody now, and those whose other limit
    /// is the one without a token.
    private mutating func moveOn(_ held: [AlertGroup], from limit: String, at now: Timestamp) -> [AlertGroup] {
        held.filter { group in
            let isPaused = config.pause(of: group.route, at: now) != nil
            let other = limitKeys(of: group.route, at: now).first { $0 != limit && limits[$0]?.hasToken(at: now) == false }
            guard isPaused || other != nil else { return true }
            limits[limit]?.held.remove(group.key)
            if isPaused { groups[group.key]?.isHeld = false } else if let other { limits[other]?.held.insert(group.key) }
            changes.groups.insert(group.key)
            return false
        }
    }

    /// Folds the groups that wait for a limit's token into one digest a receiver, while there are tokens.
    private mutating func release(_ limit: String, at now: Timestamp, pending: inout [String: Int], into notifications: inout [Notification]) {
        while let first = limits[limit]?.held.compactMap({ groups[$0] }).min(by: { $0.key < $1.key }) {
            guard limits[limit]?.hasToken(at: now) == true else { return }
            let waiting = (limits[limit]?.held ?? []).compactMap { groups[$0] }.filter { $0.route.receiver == first.route.receiver }
            let held = moveOn(waiting, from: limit, at: now)
            let standings = held.map { standing(of: $0, at: now) }
            let decided = zip(held, standings).map { decisions(for: $0, standing: $1, at: now) }
            let speaking = zip(held, decided).filter { !$0.1.isEmpty }.map(\.0)
            for key in Set(speaking.flatMap { limitKeys(of: $0.route, at: now) }) { take(from: key, at: now) }
            var (folded, parts): ([Channel: [Alert]], [Channel: [Notification.Part]]) = ([:], [:])
            for (index, group) in held.enumerated() {
                limits[limit]?.held.remove(group.key)
                groups[group.key]?.isHeld = false
                changes.groups.insert(group.key)
                settle(group.key, standing: standings[index], decisions: decided[index], at: now, pending: &pending, countsPending: false) {
                    folded[$0.channel, default: []] += $0.alerts
                    parts[$0.channel, default: []].append(Notification.Part(group, $0.alerts, at: now))
                }
            }
            let told = decided.filter { !$0.isEmpty }
            for channel in folded.keys.sorted(by: { $0.key < $1.key }) {
                pending[channel.key, default: 0] += 1
                // One group alone is told as it is.
                let alone = told.count == 1 ? held[decided.firstIndex { !$0.isEmpty } ?? 0] : nil
                let reason = told.count == 1 ? told[0].first { $0.channel == channel }?.reason : nil
                notifications.append(
                    Notification(
                        channel: channel,
                        groupKey: alone?.key ?? "\(limit):digest:\(first.route.receiver)",
                        groupLabels: alone?.labels ?? .empty,
                        reason: reason ?? .digest,
                        alerts: Dispatcher.sorted(folded[channel] ?? []),
                        openedAt: alone?.openedAt ?? now,
                        parts: alone == nil ? parts[channel] ?? [] : []
                    )
                )
            }
        }
        // Groups that are gone need no token.
        limits[limit]?.held.formIntersection(groups.keys)
    }

    private func decisions(for group: AlertGroup, standing: AlertGroup.Standing, at now: Timestamp) -> [AlertGroup.Decision] {
        listeners(of: group, at: now).compactMap { decision(for: $0, of: group, standing: standing, at: now) }
    }

    /// Tells the channels that have room, writes down what each was told, and lets go of what is over.
    private mutating func settle(
        _ key: String,
        standing: AlertGroup.Standing,
        decisions: [AlertGroup.Decision],
        at now: Timestamp,
        pending: inout [String: Int],
        countsPending: Bool = true,
        tell: (AlertGroup.Decision) -> Void
    ) {
        guard let group = groups[key] else { return }
        var isComplete = true
        for listener in listeners(of: group, at: now) {
            let channel = listener.channel
            let decision = decisions.first { $0.channel == channel }
            if let decision {
                guard pending[channel.key, default: 0] < NotifyingLimits.pendingPerChannelMax else {
                    isComplete = false
                    noteFull(channel, group: key, decision.alerts, at: now)
                    continue
                }
                groups[key]?.fullChannels.remove(channel.key)
                if countsPending { pending[channel.key, default: 0] += 1 }
                tell(decision)
            }
            // Who hears only of ends was not told of what fires.
            let wasTold = decision != nil && !listener.isFormer
            if groups[key]?.settle(channel, wasTold: wasTold, standing: standing, at: now) == true { changes.groups.insert(key) }
        }
        watchEscalation(of: key, standing: standing, at: now)
        if isComplete { for alert in standing.resolved { letGo(alert.fingerprint, from: key) } }
        dropIfEmpty(key)
    }

    func standing(of group: AlertGroup, at now: Timestamp) -> AlertGroup.Standing {
        var standing = AlertGroup.Standing()
        for (fingerprint, alert) in group.alerts {
            if alert.state == .resolved {
                standing.resolved.append(alert)
            } else if muting(of: alert, at: now) != nil {
                standing.muted.insert(fingerprint)
            } else {
                standing.firing.append(alert)
            }
        }
        standing.firing = Dispatcher.sorted(standing.firing)
        standing.acknowledged = Set(standing.firing.lazy.map(\.fingerprint).filter { acknowledged[$0] != nil })
        standing.resolved = Dispatcher.sorted(standing.resolved)
        return standing
    }

    /// Why an alert that fires is not told; nil: it is.
    enum Muting: Sendable, Hashable {
        case inhibited(by: Labels)
        case silenced(by: UUID)
        /// Its route tells nobody at this time.
        case paused(RoutePause)
    }

    func muting(of alert: Alert, at now: Timestamp) -> Muting? {
        if let source = inhibitor.source(inhibiting: alert.labels, fingerprint: alert.fingerprint) { return .inhibited(by: source) }
        return silences.silence(for: alert.labels, at: now).map { .silenced(by: $0.id) }
    }

    /// Firing first, then the oldest, then by labels: the same order each time.
    static func sorted(_ alerts: [Alert]) -> [Alert] {
        alerts.sorted { a, b in
            if (a.state == .resolved) != (b.state == .resolved) { return b.state == .resolved }
            if a.startsAt != b.startsAt { return a.startsAt < b.startsAt }
            return a.labels.pairs.lexicographicallyPrecedes(b.labels.pairs)
        }
    }
}
