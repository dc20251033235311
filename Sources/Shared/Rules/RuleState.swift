import Expressions
package import Telemetry

/// The life of one rule's alerts, as Prometheus's `AlertingRule.Eval` has it:
///
///     (none) ─ expression holds ─▶ pending ─ for `for` ─▶ firing ─ holds no more (for `keep_firing_for`) ─▶ resolved ─ 15 min ─▶ (none)
///                                     └─ holds no more ─▶ (none)                                              └─ holds ─▶ pending
///
/// Pure: it is told what was observed and when, and answers what changed.
package struct RuleState: Sendable {
    /// What happened to an alert, with the word for logs and metrics.
    package struct Change: Sendable, Hashable {
        package enum Kind: String, Sendable, Hashable {
            /// Begins to wait for `for`.
            case pending
            /// Waited in vain: the expression holds no more.
            case cancelled
            case fired
            case resolved
        }

        package let kind: Kind
        package let alert: Alert
    }

    private struct Entry {
        var alert: Alert
        /// When the expression stopped to hold, while `keep_firing_for` runs.
        var keepFiringSince: Timestamp?
        /// Found again after a restart, and not seen since.
        var restored: Restored?
    }

    /// Until when the absence of an alert that was found again proves nothing.
    private struct Restored {
        /// The ranges that the rule looks at are not full before.
        var rangesFullAt: Timestamp
        /// Where the rule's series are not there again (a slow collector, a recording rule with an interval), nobody waits for longer.
        var givenUpAt: Timestamp
    }

    private let holdDuration: Duration
    private let keepFiringFor: Duration
    private let expression: String
    private var entries: [Labels: Entry] = [:]
    /// Grows with each change that is no ``Change`` and has to survive a restart all the same.
    package private(set) var revision: UInt64 = 0

    package init(of rule: AlertingRule) {
        (holdDuration, keepFiringFor, expression) = (rule.holdDuration, rule.keepFiringFor, rule.expression.text)
    }

    /// Goes on with alerts from before a restart or a reload. A pending one that nobody looked at for longer than ``RuleLimits/restoreGrace``
    /// begins its `for` anew; times that lie ahead of a clock set back are pulled to now. A firing one whose `endsAt` is set goes on waiting
    /// for `keep_firing_for` from there, see ``stored``.
    /// - Parameter heldFor: how long the absence of a restored alert means nothing: the rule's ``AlertingRule/longestRange``.
    package init(of rule: AlertingRule, restoring alerts: [Alert], at now: Timestamp, heldFor: Duration) {
        self.init(of: rule)
        for var alert in alerts where alert.state != .resolved {
            if alert.state == .pending, alert.updatedAt.advanced(by: RuleLimits.restoreGrace) < now { alert.activeAt = now }
            alert.activeAt = min(alert.activeAt, now)
            alert.startsAt = alert.state == .pending ? alert.activeAt : min(alert.startsAt, now)
            alert.expression = expression
            let keepFiringSince = alert.state == .firing ? alert.endsAt.map { min($0, now) } : nil
            alert.endsAt = nil
            entries[alert.labels] = Entry(
                alert: alert,
                keepFiringSince: keepFiringSince,
                restored: Restored(
                    rangesFullAt: now.advanced(by: heldFor),
                    givenUpAt: now.advanced(by: max(heldFor, RuleLimits.absentSeriesGrace))
                )
            )
        }
    }

    /// Pending, firing and lately resolved alerts, by labels.
    package var alerts: [Alert] { entries.values.map(\.alert).sorted { $0.labels.pairs.lexicographicallyPrecedes($1.labels.pairs) } }

    /// What must be found again after a restart: pending and firing alerts. `endsAt` of a firing one is when its expression ceased to hold, while
    /// `keep_firing_for` runs.
    package var stored: [Alert] {
        alerts.filter { $0.state != .resolved }.map { alert in
            var alert = alert
            alert.endsAt = entries[alert.labels]?.keepFiringSince
            return alert
        }
    }

    package func count(_ state: AlertState) -> Int { entries.isEmpty ? 0 : entries.values.count { $0.alert.state == state } }

    /// Whether an alert found again after a restart was not seen since.
    package var hasUnseen: Bool { entries.values.contains { $0.restored != nil } }

    /// Takes one evaluation's observations, each label set once.
    /// - Parameter isComplete: whether the series that the rule reads are there; false: the absence of a restored alert proves nothing yet.
    package mutating func advance(to observations: [AlertingRule.Observation], at now: Timestamp, isComplete: Bool = true) -> [Change] {
        // Nearly always, nearly all rules.
        if observations.isEmpty, entries.isEmpty { return [] }
        let holdDuration = self.holdDuration
        var changes: [Change] = []
        var seen = Set<Labels>(minimumCapacity: observations.count)
        var holdsAgain = false
        for observation in observations {
            seen.insert(observation.labels)
            if entries[observation.labels] == nil || entries[observation.labels]?.alert.state == .resolved {
                entries[observation.labels] = Entry(
                    alert: Alert(
                        labels: observation.labels,
                        annotations: observation.annotations,
                        state: .pending,
                        activeAt: now,
                        startsAt: now,
                        value: observation.value,
                        updatedAt: now,
                        expression: expression
                    )
                )
                if holdDuration > .zero, let alert = entries[observation.labels]?.alert { changes.append(Change(kind: .pending, alert: alert)) }
            }
            change(observation.labels) { entry in
                (entry.alert.value, entry.alert.annotations, entry.alert.updatedAt) = (observation.value, observation.annotations, now)
                if entry.keepFiringSince != nil { holdsAgain = true }
                (entry.keepFiringSince, entry.restored) = (nil, nil)
                guard entry.alert.state == .pending, now.duration(since: entry.alert.activeAt) >= holdDuration else { return }
                (entry.alert.state, entry.alert.startsAt) = (.firing, now)
                changes.append(Change(kind: .fired, alert: entry.alert))
            }
        }
        if holdsAgain { revision += 1 }
        for labels in entries.keys.sorted(by: { $0.pairs.lexicographicallyPrecedes($1.pairs) }) where !seen.contains(labels) {
            if let change = miss(labels, at: now, isComplete: isComplete) { changes.append(change) }
        }
        return changes
    }

    /// The expression does not hold for these labels.
    private mutating func miss(_ labels: Labels, at now: Timestamp, isComplete: Bool) -> Change? {
        guard var entry = entries[labels] else { return nil }
        if let restored = entry.restored, entry.alert.state != .resolved {
            if now < restored.rangesFullAt || !isComplete && now < restored.givenUpAt { return nil }
        }
        switch entry.alert.state {
        case .pending:
            entries[labels] = nil
            return Change(kind: .cancelled, alert: entry.alert)
        case .firing:
            if keepFiringFor > .zero {
                if entry.keepFiringSince == nil { revision += 1 }
                let since = entry.keepFiringSince ?? now
                entry.keepFiringSince = since
                if now.duration(since: since) < keepFiringFor {
                    entries[labels] = entry
                    return nil
                }
            }
            (entry.alert.state, entry.alert.endsAt, entry.alert.updatedAt) = (.resolved, now, now)
            entry.restored = nil
            entries[labels] = entry
            return Change(kind: .resolved, alert: entry.alert)
        case .resolved:
            if let ended = entry.alert.endsAt, now.duration(since: ended) > RuleLimits.resolvedRetention { entries[labels] = nil }
            return nil
        }
    }

    /// The wall clock was set: what is measured by it goes on as if it had always been so. What was told already keeps its times.
    package mutating func shiftClock(by jump: Duration) {
        for labels in Array(entries.keys) {
            change(labels) { entry in
                if entry.alert.state == .pending {
                    entry.alert.activeAt = entry.alert.activeAt.advanced(by: jump)
                    entry.alert.startsAt = entry.alert.activeAt
                }
                if entry.alert.state == .resolved { entry.alert.endsAt = entry.alert.endsAt?.advanced(by: jump) }
                entry.alert.updatedAt = entry.alert.updatedAt.advanced(by: jump)
                entry.keepFiringSince = entry.keepFiringSince?.advanced(by: jump)
                entry.restored = entry.restored.map {
                    Restored(rangesFullAt: $0.rangesFullAt.advanced(by: jump), givenUpAt: $0.givenUpAt.advanced(by: jump))
                }
            }
        }
    }

    /// Ends everything that fires, because the rule is gone; what was pending is forgotten.
    package static func resolved(_ alerts: [Alert], at now: Timestamp) -> [Alert] {
        alerts.filter { $0.state == .firing }.map { alert in
            var alert = alert
            (alert.state, alert.endsAt, alert.updatedAt) = (.resolved, max(now, alert.startsAt), now)
            return alert
        }
    }

    private mutating func change(_ labels: Labels, _ body: (inout Entry) -> Void) {
        guard var entry = entries[labels] else { return }
        body(&entry)
        entries[labels] = entry
    }
}
