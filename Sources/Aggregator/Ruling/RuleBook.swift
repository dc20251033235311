import Expressions
import Rules
import Telemetry

/// A group among all files.
struct GroupID: Sendable, Hashable {
    var file: String
    var name: String

    init(_ group: RuleGroup) { (file, name) = (group.file, group.name) }
    init(file: String, name: String) { (self.file, self.name) = (file, name) }

    /// As Prometheus writes it in labels.
    var text: String { file + ";" + name }
}

/// All groups with the states of their rules: turns and values in, changes out. Pure: no clock, no disk, no await.
struct RuleBook: Sendable {
    struct RuleSlot: Sendable {
        var rule: Rule
        /// Of alerting rules.
        var state: RuleState?
        var health = EvaluatedRule.Health.unknown
        var lastError: String?
        var lastEvaluation: Timestamp?
        var evaluationTime = Duration.zero
        /// Of recording rules: what the last evaluation gave. A series that is no longer among it has ended.
        var recorded: Set<Labels> = []
    }

    struct GroupSlot: Sendable {
        var group: RuleGroup
        var rules: [RuleSlot]
        var schedule: GroupSchedule
        var isRunning = false
        var lastEvaluation: Timestamp?
        var evaluationTime = Duration.zero
        var missed: UInt64 = 0

        var id: GroupID { GroupID(group) }
    }

    /// A group's evaluation, begun.
    struct Turn: Sendable {
        var id: GroupID
        /// Of the book: what was begun before a reload belongs to rules that may be gone.
        var generation: UInt64
        var moment: Timestamp
        var missed: UInt64
        var rules: [Rule]
    }

    /// What one rule's value brought.
    struct Outcome: Sendable {
        var changes: [RuleState.Change] = []
        /// To be stored.
        var samples: [Sample] = []
        /// Why there is no result; the rule's alerts stay as they are.
        var failure: String?
        /// Whether the file is out of date.
        var isChanged = false
    }

    private(set) var groups: [GroupSlot]
    private(set) var generation: UInt64 = 0
    private let interval: Duration
    /// Whether an alert that is not here is over: not, where the state of before was lost, until every rule had a result.
    private let isStateKnown: Bool

    /// - Parameters:
    ///   - stored: pending and firing alerts from before a restart; nil: there was no state, or it was lost.
    ///   - lastMoments: when groups were evaluated last, before the restart.
    ///   - heldFor: how long the absence of a restored alert proves nothing.
    init(
        _ groups: [RuleGroup],
        interval: Duration,
        restoring stored: [StoredRuleAlert]? = nil,
        lastMoments: [GroupID: Timestamp] = [:],
        heldFor: Duration = .zero,
        at now: Timestamp
    ) {
        (self.interval, isStateKnown) = (interval, stored != nil)
        var claims = AlertClaims(stored ?? [])
        claims.settle(groups)
        self.groups = groups.map { group in
            let id = GroupID(group)
            let rules = group.rules.enumerated().map { index, rule in
                guard case .alerting(let alerting) = rule else { return RuleSlot(rule: rule) }
                let held = heldFor > .zero ? max(heldFor, min(alerting.longestRange, RulingLimits.heldMax)) : .zero
                let alerts = claims.alerts(of: id, rule: index)
                return RuleSlot(rule: rule, state: RuleState(of: alerting, restoring: alerts, at: now, heldFor: held))
            }
            // A moment ahead of a clock that was set back would stop the group until then.
            let last = lastMoments[id].flatMap { $0 <= now ? $0 : nil }
            return GroupSlot(
                group: group,
                rules: rules,
                schedule: GroupSchedule(interval: group.interval ?? interval, name: id.text, last: nil),
                lastEvaluation: last
            )
        }
    }

    /// Other rules. What is the same in the same group goes on as if nothing had been; alerts of changed rules go to those that can own them.
    func reloaded(_ fresh: [RuleGroup], interval: Duration, at now: Timestamp) -> RuleBook {
        var kept: [GroupID: [Int: RuleSlot]] = [:]
        var left: [StoredRuleAlert] = []
        let known = Dictionary(groups.map { ($0.id, $0) }) { first, _ in first }
        let wanted = Dictionary(fresh.map { (GroupID($0), $0) }) { first, _ in first }
        for group in groups {
            var unused = Array((wanted[group.id]?.rules ?? []).enumerated())
            for slot in group.rules {
                if let place = unused.firstIndex(where: { $0.element.unplaced == slot.rule.unplaced }) {
                    var slot = slot
                    slot.rule = unused[place].element
                    kept[group.id, default: [:]][unused[place].offset] = slot
                    unused.remove(at: place)
                } else {
                    left += (slot.state?.stored ?? []).map { StoredRuleAlert(group: group.id, rule: slot.rule.name, alert: $0) }
                }
            }
        }
        var book = RuleBook(fresh, interval: interval, restoring: isStateKnown || isLookedAt ? left : nil, at: now)
        book.generation = generation + 1
        for index in book.groups.indices {
            let id = book.groups[index].id
            for (rule, slot) in kept[id] ?? [:] { book.groups[index].rules[rule] = slot }
            guard let before = known[id] else { continue }
            // A group with other rules is looked at at once.
            let isSame = before.group.rules.map(\.unplaced) == book.groups[index].group.rules.map(\.unplaced)
            if isSame, before.schedule.interval == book.groups[index].schedule.interval { book.groups[index].schedule = before.schedule }
            book.groups[index].lastEvaluation = before.lastEvaluation
            (book.groups[index].evaluationTime, book.groups[index].missed) = (before.evaluationTime, before.missed)
        }
        return book
    }

    /// Whether every alerting rule had a result since the start.
    private var isLookedAt: Bool { groups.allSatisfy { $0.rules.allSatisfy { $0.state == nil || $0.health == .ok } } }

    // MARK: Turns

    /// The groups whose time has come, as many as may run at once.
    mutating func begin(at now: Timestamp) -> [Turn] {
        var turns: [Turn] = []
        var running = groups.count(where: \.isRunning)
        for index in groups.indices where !groups[index].isRunning && running < RulingLimits.groupsAtOnce {
            guard let turn = groups[index].schedule.begin(at: now) else { continue }
            groups[index].isRunning = true
            groups[index].missed += turn.missed
            running += 1
            let group = groups[index]
            turns.append(
                Turn(id: group.id, generation: generation, moment: turn.moment, missed: turn.missed, rules: group.rules.map(\.rule))
            )
        }
        return turns
    }

    /// When ``begin(at:)`` has something next; nil: when a group that runs has ended.
    func next(at now: Timestamp) -> Timestamp? {
        guard groups.count(where: \.isRunning) < RulingLimits.groupsAtOnce else { return nil }
        return groups.filter { !$0.isRunning }.map { $0.schedule.next(at: now) }.min()
    }

    mutating func end(_ turn: Turn, took: Duration) {
        guard let index = index(of: turn) else { return }
        groups[index].isRunning = false
        (groups[index].lastEvaluation, groups[index].evaluationTime) = (turn.moment, took)
    }

    private func index(of turn: Turn) -> Int? { turn.generation == generation ? groups.firstIndex { $0.id == turn.id } : nil }

    // MARK: Values

    /// Takes what a rule's expression is worth, or why it is worth nothing.
    /// - Parameter at: the moment the expression was looked at, which recorded series bear.
    mutating func take(
        _ result: Result<ExpressionValue, EvaluationError>,
        of rule: Int,
        in turn: Turn,
        at looked: Timestamp,
        took: Duration
    ) -> Outcome {
        guard let index = index(of: turn) else { return Outcome() }
        var slot = groups[index].rules[rule]
        let limit = groups[index].group.limit
        var outcome = Outcome()
        (slot.lastEvaluation, slot.evaluationTime) = (turn.moment, took)
        do throws(EvaluationError) {
            let value = try result.get()
            switch slot.rule {
            case .alerting(let alerting):
                let observations = try alerting.observations(from: value, at: turn.moment, outer: .empty, limit: limit)
                let before = slot.state?.revision
                outcome.changes = slot.state?.advance(to: observations, at: turn.moment) ?? []
                outcome.isChanged = !outcome.changes.isEmpty || slot.state?.revision != before
            case .recording(let recording):
                let samples = try recording.samples(from: value, at: looked, limit: limit)
                let series = Set(samples.map(\.series))
                let ended = slot.recorded.subtracting(series)
                outcome.samples = samples + ended.map { Sample(series: $0, timestamp: looked, value: Staleness.marker) }
                slot.recorded = series
            }
            (slot.health, slot.lastError) = (.ok, nil)
        } catch {
            outcome.failure = Self.fail(&slot, error.description)
        }
        groups[index].rules[rule] = slot
        return outcome
    }

    /// What a rule gave could not be stored.
    mutating func fail(_ rule: Int, in turn: Turn, _ error: String) {
        guard let index = index(of: turn) else { return }
        _ = Self.fail(&groups[index].rules[rule], error)
    }

    private static func fail(_ slot: inout RuleSlot, _ error: String) -> String {
        let sentence = error.utf8.count > RulingLimits.errorBytesMax ? String(error.prefix(RulingLimits.errorBytesMax - 4)) + "…" : error
        (slot.health, slot.lastError) = (.err, sentence)
        return sentence
    }

    mutating func shiftClock(by jump: Duration) {
        for group in groups.indices {
            groups[group].schedule.shiftClock(by: jump)
            for rule in groups[group].rules.indices { groups[group].rules[rule].state?.shiftClock(by: jump) }
        }
    }

    // MARK: Outward

    /// What the next room is told.
    var ruled: RuledAlerts {
        var chosen: [Labels: Alert] = [:]
        for group in groups {
            for slot in group.rules {
                for alert in slot.state?.alerts ?? [] {
                    // Two rules may give one label set: what fires counts, whichever says so.
                    if let known = chosen[alert.labels], Self.rank(known.state) <= Self.rank(alert.state) { continue }
                    chosen[alert.labels] = alert
                }
            }
        }
        let alerts = chosen.values.sorted { $0.labels.pairs.lexicographicallyPrecedes($1.labels.pairs) }
        return RuledAlerts(alerts: alerts, isWhole: isStateKnown || isLookedAt)
    }

    private static func rank(_ state: AlertState) -> Int {
        switch state {
        case .firing: 0
        case .pending: 1
        case .resolved: 2
        }
    }

    /// What must be found again after a restart.
    func stored(of id: GroupID) -> [StoredRuleAlert] {
        groups.filter { $0.id == id }.flatMap { group in
            group.rules.flatMap { slot in (slot.state?.stored ?? []).map { StoredRuleAlert(group: id, rule: slot.rule.name, alert: $0) } }
        }
    }
}
