import Expressions
import Rules
import Telemetry

/// Everything that a judgement changes and the spool must store with it: drafted on a copy, and kept only when the next room has it on disk. Pure.
struct Judgement: Sendable {
    struct RuleSlot: Sendable {
        let rule: Rule
        /// Of alerting rules.
        var state: RuleState?
        var lastError: String?
        /// Whether it reads pattern counters: then it is judged at once when a line matched.
        let readsPatterns: Bool
        /// Whether it reads nothing else: then it can be judged before the first collection.
        let readsOnlyPatterns: Bool
    }

    struct GroupSlot: Sendable {
        let group: RuleGroup
        var rules: [RuleSlot]
        /// Of groups with an interval.
        var nextDue: Timestamp?
    }

    /// What one judgement brought.
    struct Outcome {
        var alerts: [Alert] = []
        var recorded: [Sample] = []
        var changes: [RuleState.Change] = []
        var failures: [(rule: String, group: String, error: EvaluationError)] = []
        var evaluations = 0
        /// Whether the stored state is out of date.
        var isChanged = false
    }

    enum Occasion: Equatable {
        case collection
        case match(isBeforeFirstCollection: Bool)
    }

    private(set) var groups: [GroupSlot]
    var patternMatches: [String: UInt64]
    /// Alerts whose rules are gone; resolved with the next judgement.
    private var orphans: [Alert]
    private var lastSent: [Labels: Timestamp] = [:]
    private var lastStored: Timestamp?

    /// - Parameter alerts: pending and firing ones from before, handed to the rules that can own them.
    init(_ groups: [RuleGroup], restoring alerts: [Alert], patternMatches: [String: UInt64], at now: Timestamp) {
        self.patternMatches = patternMatches
        var rest = alerts
        // A rule whose expression is the same has the first claim; then one with the same name and labels, whose expression was changed.
        var claims: [RuleKey: [Alert]] = [:]
        for requiresExpression in [true, false] {
            for (groupIndex, group) in groups.enumerated() {
                for (ruleIndex, rule) in group.rules.enumerated() {
                    guard case .alerting(let alerting) = rule else { continue }
                    let mine = rest.filter { alerting.mayOwn($0) && (!requiresExpression || $0.expression == alerting.expression.text) }
                    guard !mine.isEmpty else { continue }
                    let labels = Set(mine.map(\.labels))
                    rest.removeAll { labels.contains($0.labels) }
                    claims[RuleKey(group: groupIndex, rule: ruleIndex), default: []] += mine
                }
            }
        }
        orphans = rest
        self.groups = groups.enumerated().map { groupIndex, group in
            GroupSlot(
                group: group,
                rules: group.rules.enumerated().map { ruleIndex, rule in
                    let names = rule.expression.selectors().map(\.metricName)
                    var state: RuleState?
                    if case .alerting(let alerting) = rule {
                        let mine = claims[RuleKey(group: groupIndex, rule: ruleIndex)] ?? []
                        state = RuleState(of: alerting, restoring: mine, at: now, heldFor: min(alerting.longestRange, JudgingLimits.heldMax))
                    }
                    return RuleSlot(
                        rule: rule,
                        state: state,
                        readsPatterns: names.contains { $0 == nil || $0 == LogPattern.metricName },
                        readsOnlyPatterns: !names.isEmpty && names.allSatisfy { $0 == LogPattern.metricName }
                    )
                }
            )
        }
    }

    private struct RuleKey: Hashable {
        let group: Int
        let rule: Int
    }

    /// Pending and firing alerts of all rules.
    var alerts: [Alert] { groups.flatMap { $0.rules.flatMap { $0.state?.alerts ?? [] } }.filter { $0.state != .resolved } }

    /// Alerts of all rules that are in this state.
    func count(_ state: AlertState) -> Int {
        // By place, here and below: a rule that is taken out of its list is copied with all that it holds, and each collection looks at all of them.
        var count = 0
        for group in groups.indices {
            for rule in groups[group].rules.indices { count += groups[group].rules[rule].state?.count(state) ?? 0 }
        }
        return count
    }

    var stored: JudgementState {
        JudgementState(alerts: groups.flatMap { $0.rules.flatMap { $0.state?.stored ?? [] } } + orphans, patternMatches: patternMatches)
    }

    mutating func shiftClock(by jump: Duration) {
        for group in groups.indices {
            groups[group].nextDue = groups[group].nextDue?.advanced(by: jump)
            for rule in groups[group].rules.indices { groups[group].rules[rule].state?.shiftClock(by: jump) }
        }
        lastSent = lastSent.mapValues { $0.advanced(by: jump) }
        lastStored = lastStored?.advanced(by: jump)
    }

    /// Judges what is due.
    /// - Parameter recent: recorded series are added to it, so that later rules of the same group see them.
    mutating func judge(_ occasion: Occasion, at now: Timestamp, over recent: inout RecentSamples, outer: Labels, limits: JudgingLimits) -> Outcome {
        var outcome = Outcome()
        var options = EvaluationOptions()
        options.limits = EvaluationLimits(samplesMax: limits.samplesPerRuleMax, seriesMax: limits.seriesMax)
        for group in groups.indices {
            if occasion == .collection, !isDue(group, at: now) { continue }
            for rule in groups[group].rules.indices {
                if case .match(let isEarly) = occasion {
                    let slot = groups[group].rules[rule]
                    if !slot.readsPatterns || isEarly && !slot.readsOnlyPatterns { continue }
                }
                evaluate(group, rule, at: now, over: &recent, outer: outer, options: options, into: &outcome)
            }
        }
        outcome.alerts += RuleState.resolved(orphans, at: now)
        outcome.isChanged = outcome.isChanged || !orphans.isEmpty
        orphans = []
        resend(at: now, into: &outcome)
        let hasAlerts = !lastSent.isEmpty || count(.pending) > 0
        if hasAlerts, lastStored.map({ now.duration(since: $0) >= JudgingLimits.storeInterval }) ?? true { outcome.isChanged = true }
        if outcome.isChanged { lastStored = now }
        return outcome
    }

    private mutating func isDue(_ group: Int, at now: Timestamp) -> Bool {
        guard let interval = groups[group].group.interval, interval > .zero else { return true }
        let due = groups[group].nextDue ?? now
        guard due <= now else { return false }
        // On its own grid, whatever the collections' is; what was slept through is left out.
        let missed = now.duration(since: due).wholeNanoseconds / max(1, interval.wholeNanoseconds)
        groups[group].nextDue = due.advanced(by: interval * Int(missed + 1))
        return true
    }

    private mutating func evaluate(
        _ group: Int,
        _ index: Int,
        at now: Timestamp,
        over recent: inout RecentSamples,
        outer: Labels,
        options: EvaluationOptions,
        into outcome: inout Outcome
    ) {
        let (rule, limit) = (groups[group].rules[index].rule, groups[group].group.limit)
        outcome.evaluations += 1
        do throws(EvaluationError) {
            let value = try rule.expression.evaluate(at: now, over: recent, options: options)
            switch rule {
            case .alerting(let alerting):
                let observations = try alerting.observations(from: value, at: now, outer: outer, limit: limit)
                let before = groups[group].rules[index].state?.revision
                let isComplete = groups[group].rules[index].state?.hasUnseen != true || recent.hasSeries(of: rule.expression)
                let changes = groups[group].rules[index].state?.advance(to: observations, at: now, isComplete: isComplete) ?? []
                outcome.changes += changes
                outcome.isChanged = outcome.isChanged || !changes.isEmpty || groups[group].rules[index].state?.revision != before
                for change in changes where change.kind == .fired || change.kind == .resolved {
                    outcome.alerts.append(change.alert)
                    lastSent[change.alert.labels] = change.kind == .fired ? now : nil
                }
            case .recording(let recording):
                for sample in try recording.samples(from: value, at: now, limit: limit) {
                    let full = Sample(series: outer.merged(over: sample.series), timestamp: now, value: sample.value)
                    outcome.recorded.append(full)
                    recent.append(full)
                }
            }
            groups[group].rules[index].lastError = nil
        } catch {
            // The rule's alerts stay as they are: an error proves nothing.
            groups[group].rules[index].lastError = String(error.description.prefix(JudgingLimits.errorBytesMax))
            outcome.failures.append((rule.name, groups[group].group.name, error))
        }
    }

    /// What fires and was not sent for a while is sent again, with the time of now.
    private mutating func resend(at now: Timestamp, into outcome: inout Outcome) {
        for group in groups.indices {
            for rule in groups[group].rules.indices {
                guard (groups[group].rules[rule].state?.count(.firing) ?? 0) > 0, let state = groups[group].rules[rule].state else { continue }
                for var alert in state.alerts where alert.state == .firing {
                    if let sent = lastSent[alert.labels], now.duration(since: sent) < JudgingLimits.resendInterval { continue }
                    alert.updatedAt = now
                    outcome.alerts.append(alert)
                    lastSent[alert.labels] = now
                }
            }
        }
    }
}
