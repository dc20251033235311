import HeapModule
import Telemetry

/// Who hears of a group besides its route's receiver: those to whom it was escalated, whoever has the duty now, and those who were told and
/// hear only that it is over.
extension Dispatcher {
    struct Listener: Sendable {
        var channel: Channel
        /// Was told before and is not asked any more: hears only of ends.
        var isFormer = false
        /// Why it is told for the first time, where that is not the usual reason.
        var reason: NotifyReason?
    }

    /// The channels of a receiver, or of the person who has the duty now.
    func channels(of receiver: String, at now: Timestamp) -> [Channel] {
        self.receiver(named: receiver, at: now).flatMap { channels[$0] } ?? []
    }

    /// The name itself, or that of the person who has the duty now; nil: there is no such rota.
    func receiver(named name: String, at now: Timestamp) -> String? {
        guard name.hasPrefix(OnCallSchedule.prefix) else { return name }
        let rota = name.dropFirst(OnCallSchedule.prefix.count)
        return config.onCall.first { $0.name == rota }?.person(at: now)
    }

    func listeners(of group: AlertGroup, at now: Timestamp) -> [Listener] {
        let own = channels(of: group.route.receiver, at: now)
        let isHandedOver = group.route.receiver.hasPrefix(OnCallSchedule.prefix) && !group.told.isEmpty
        var listeners = own.map { Listener(channel: $0, reason: isHandedOver ? .handedOver : nil) }
        var known = Set(own.map(\.key))
        for step in group.route.escalation.prefix(group.escalation?.step ?? 0) {
            for channel in channels(of: step.receiver, at: now) where known.insert(channel.key).inserted {
                listeners.append(Listener(channel: channel, reason: .escalated))
            }
        }
        for key in group.told.keys.sorted() where !known.contains(key) {
            if let channel = channelsByKey[key] { listeners.append(Listener(channel: channel, isFormer: true)) }
        }
        return listeners
    }

    func decision(for listener: Listener, of group: AlertGroup, standing: AlertGroup.Standing, at now: Timestamp) -> AlertGroup.Decision? {
        if listener.isFormer { return group.ending(for: listener.channel, standing: standing) }
        var decision = group.decision(for: listener.channel, standing: standing, at: now)
        if decision?.reason == .first, let reason = listener.reason { decision?.reason = reason }
        return decision
    }

    // MARK: Escalation

    /// After a group was told: the clock of its escalation begins with the first alert that nobody takes care of, and ends with the last.
    mutating func watchEscalation(of key: String, standing: AlertGroup.Standing, at now: Timestamp) {
        guard let group = groups[key] else { return }
        guard standing.isUnattended, !group.route.escalation.isEmpty else { return endEscalation(of: key) }
        let told = Set(group.told.values.flatMap(\.firing))
        let waits = standing.firing.contains { told.contains($0.fingerprint) && !standing.acknowledged.contains($0.fingerprint) }
        guard group.escalation == nil, waits else { return }
        groups[key]?.escalation = Escalation(since: now)
        changes.groups.insert(key)
        setEscalationTimer(key)
    }

    mutating func endEscalation(of key: String) {
        guard groups[key]?.escalation != nil else { return }
        groups[key]?.escalation = nil
        changes.groups.insert(key)
    }

    mutating func setEscalationTimer(_ key: String) {
        guard let moment = groups[key]?.nextEscalation else { return }
        timers.insert(Timer(at: moment, group: key))
    }

    /// The next step of a group whose time has come: its receiver is told of all that fires, also when it was told before.
    mutating func escalate(_ key: String, at now: Timestamp, pending: inout [String: Int], into notifications: inout [Notification]) {
        guard let group = groups[key], let escalation = group.escalation, escalation.step < group.route.escalation.count else { return }
        let standing = standing(of: group, at: now)
        guard standing.isUnattended else { return endEscalation(of: key) }
        // A route that tells nobody now escalates when it is looked at after that, with its group.
        guard config.pause(of: group.route, at: now) == nil else { return }
        let step = group.route.escalation[escalation.step]
        groups[key]?.escalation?.step += 1
        changes.groups.insert(key)
        setEscalationTimer(key)
        let listening = channels(of: step.receiver, at: now)
        let person = listening.first.map { $0.receiver == step.receiver ? step.receiver : "\(step.receiver) (\($0.receiver))" } ?? step.receiver
        let details: Labels = ["step": "\(escalation.step + 1)", "after": "\(Int(step.after.inSeconds))s", "receiver": person]
        for alert in standing.firing where !standing.acknowledged.contains(alert.fingerprint) {
            note(.escalated, of: alert, details: details, at: now)
        }
        for channel in listening {
            guard pending[channel.key, default: 0] < NotifyingLimits.pendingPerChannelMax else {
                noteFull(channel, group: key, standing.firing, at: now)
                continue
            }
            pending[channel.key, default: 0] += 1
            notifications.append(
                Notification(
                    channel: channel,
                    groupKey: key,
                    groupLabels: group.labels,
                    reason: .escalated,
                    alerts: standing.firing,
                    openedAt: group.openedAt
                )
            )
            _ = groups[key]?.settle(channel, wasTold: true, standing: standing, at: now)
        }
    }
}
