package import Expressions
package import Rules
package import Telemetry

/// Rule groups played over a ``History``, moment after moment, with nobody told: what would have been pending, firing and resolved, and when.
///
/// As in Prometheus, rules of a group are evaluated in their order and see what those before them recorded; alerts leave the series `ALERTS` and
/// `ALERTS_FOR_STATE`; a recorded series that is not given any more ends with a staleness marker.
package struct Rehearsal {
    /// One thing that happened to an alert.
    package struct Step: Sendable, Hashable {
        package let at: Timestamp
        package let group: String
        package let rule: String
        package let change: RuleState.Change.Kind
        package let alert: Alert
    }

    /// A rule that could not be evaluated, with its first error.
    package struct Failure: Sendable, Hashable {
        package let group: String
        package let rule: String
        package let first: String
        package let at: Timestamp
        package var count: Int
    }

    private struct Player {
        let group: RuleGroup
        var states: [RuleState?]
        /// By rule: the series that its last evaluation gave.
        var given: [Set<Labels>]
        var next = Timestamp.distantPast
    }

    package var history: History
    package private(set) var failures: [Failure] = []
    private var players: [Player]
    private let outer: Labels
    private let options: EvaluationOptions

    /// - Parameter outer: labels that every alert has unless its own say otherwise.
    package init(_ groups: [RuleGroup], over history: History = History(), outer: Labels = .empty, options: EvaluationOptions = EvaluationOptions()) {
        (self.history, self.outer, self.options) = (history, outer, options)
        players = groups.map { group in
            let states = group.rules.map { rule -> RuleState? in if case .alerting(let rule) = rule { RuleState(of: rule) } else { nil } }
            return Player(group: group, states: states, given: [Set<Labels>](repeating: [], count: group.rules.count))
        }
    }

    /// How far back the rules look from a moment, at the most: points older than that are not needed any more.
    package var reach: Duration {
        players.flatMap { $0.group.rules.flatMap { $0.expression.selectors(options: options).map(\.reach) } }.max() ?? .zero
    }

    /// Alerts as they stand, of one rule's name or of all: pending, firing and lately resolved.
    package func alerts(named name: String? = nil) -> [Alert] {
        players.flatMap { player in
            zip(player.group.rules, player.states).flatMap { rule, state in name == nil || rule.name == name ? state?.alerts ?? [] : [] }
        }
    }

    /// Evaluates at `now`, which lies after the moment before: each group whose interval has passed.
    package mutating func evaluate(at now: Timestamp) -> [Step] {
        var steps = [Step]()
        for index in players.indices where now >= players[index].next {
            players[index].next = players[index].group.interval.map { now.advanced(by: $0) } ?? now
            for rule in players[index].group.rules.indices {
                do throws(EvaluationError) { steps += try evaluate(rule, of: index, at: now) } catch { fail(rule, of: index, at: now, error) }
            }
        }
        return steps
    }

    private mutating func evaluate(_ index: Int, of player: Int, at now: Timestamp) throws(EvaluationError) -> [Step] {
        let group = players[player].group
        let value = try group.rules[index].expression.evaluate(at: now, over: history, options: options)
        switch group.rules[index] {
        case .recording(let rule):
            record(try rule.samples(from: value, at: now, limit: group.limit), by: index, of: player, at: now)
            return []
        case .alerting(let rule):
            let observations = try rule.observations(from: value, at: now, outer: outer, limit: group.limit)
            guard var state = players[player].states[index] else { return [] }
            let changes = state.advance(to: observations, at: now)
            players[player].states[index] = state
            record(state.alerts.filter { $0.state != .resolved }.flatMap { Rehearsal.series(of: $0, at: now) }, by: index, of: player, at: now)
            return changes.map { Step(at: now, group: group.name, rule: rule.name, change: $0.kind, alert: $0.alert) }
        }
    }

    private mutating func record(_ samples: [Sample], by index: Int, of player: Int, at now: Timestamp) {
        for sample in samples { history.append(Point(now, sample.value), to: sample.series) }
        let series = Set(samples.map(\.series))
        for ended in players[player].given[index].subtracting(series) { history.append(Point(now, Staleness.marker), to: ended) }
        players[player].given[index] = series
    }

    /// What Prometheus writes of an alert that is pending or fires.
    private static func series(of alert: Alert, at now: Timestamp) -> [Sample] {
        let state = alert.labels.setting("alertstate", to: alert.state.rawValue).setting(Labels.metricName, to: "ALERTS")
        let since = alert.labels.setting(Labels.metricName, to: "ALERTS_FOR_STATE")
        return [
            Sample(series: state, timestamp: now, value: 1), Sample(series: since, timestamp: now, value: alert.activeAt.seconds.rounded(.down)),
        ]
    }

    private mutating func fail(_ index: Int, of player: Int, at now: Timestamp, _ error: EvaluationError) {
        let (group, rule) = (players[player].group.name, players[player].group.rules[index].name)
        if let known = failures.firstIndex(where: { $0.group == group && $0.rule == rule }) {
            failures[known].count += 1
        } else {
            failures.append(Failure(group: group, rule: rule, first: "\(error)", at: now, count: 1))
        }
    }
}
