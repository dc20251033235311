import Operating
import Telemetry

/// What this room counts about itself. Groups are told apart as in Prometheus: `rule_group="file;name"`.
struct RulingMetrics: Sendable {
    let failures: Counter
    private let registry: MetricsRegistry

    init(_ registry: MetricsRegistry) {
        self.registry = registry
        failures = registry.counter("tocsin_ruling_failures_total", help: "Times that the state of rules could not be stored or handed over.")
    }

    private static func labels(_ id: GroupID) -> [Label] { [Label("rule_group", id.text)] }

    /// The counters are there, at 0, before anything happens.
    func seed(_ ids: [GroupID]) {
        for id in ids {
            evaluated(id, by: 0)
            failed(id, by: 0)
            missed(id, by: 0)
        }
    }

    func evaluated(_ id: GroupID, by count: Int) {
        registry.counter("tocsin_rule_evaluations_total", help: "Evaluations of rules.", labels: Self.labels(id)).increment(by: count)
    }

    func failed(_ id: GroupID, by count: Int) {
        let help = "Evaluations of rules without a result; the rule's alerts stay as they are."
        registry.counter("tocsin_rule_evaluation_failures_total", help: help, labels: Self.labels(id)).increment(by: count)
    }

    func missed(_ id: GroupID, by count: Int) {
        let help = "Evaluations of a group that were left out, because the one before had not ended or the aggregator was held up."
        registry.counter("tocsin_rule_group_iterations_missed_total", help: help, labels: Self.labels(id)).increment(by: count)
    }

    func took(_ id: GroupID, _ duration: Duration) {
        let help = "How long the last evaluation of a group took."
        registry.gauge("tocsin_rule_group_last_duration_seconds", help: help, labels: Self.labels(id)).set(duration.inSeconds)
    }
}
