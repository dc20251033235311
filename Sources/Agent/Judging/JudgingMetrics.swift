import Operating
import Rules
import Telemetry

/// The room's own numbers.
struct JudgingMetrics: Sendable {
    let evaluations: Counter
    let failures: Counter
    let fired: Counter
    let resolved: Counter
    let refused: Counter
    let clockJumps: Counter
    private let seconds: Gauge
    private let series: Gauge
    private let points: Gauge
    private let refusedSeries: Gauge
    private let droppedPoints: Gauge
    private let pendingAlerts: Gauge
    private let firingAlerts: Gauge

    init(_ registry: MetricsRegistry) {
        evaluations = registry.counter("tocsin_judging_evaluations_total", help: "Evaluations of rules.")
        failures = registry.counter("tocsin_judging_evaluation_failures_total", help: "Evaluations of rules that ended in an error.")
        let transitions = "Alerts that began to fire, and that were resolved."
        fired = registry.counter("tocsin_judging_transitions_total", help: transitions, labels: [Label("to", "firing")])
        resolved = registry.counter("tocsin_judging_transitions_total", help: transitions, labels: [Label("to", "resolved")])
        refused = registry.counter("tocsin_judging_refused_total", help: "Judgements that the next room did not store; they were made again.")
        clockJumps = registry.counter("tocsin_judging_clock_jumps_total", help: "Times that the wall clock was found to have been set.")
        seconds = registry.gauge("tocsin_judging_seconds", help: "Time that the last judgement took, without storing it.")
        series = registry.gauge("tocsin_judging_series", help: "Series kept for rules.")
        points = registry.gauge("tocsin_judging_points", help: "Points kept for rules.")
        refusedSeries = registry.gauge("tocsin_judging_refused_series", help: "Series not judged because there are too many.")
        droppedPoints = registry.gauge("tocsin_judging_dropped_points", help: "Points given up before rules were done with them, for want of room.")
        let alerts = "Alerts of this host."
        pendingAlerts = registry.gauge("tocsin_alerts", help: alerts, labels: [Label("state", "pending")])
        firingAlerts = registry.gauge("tocsin_alerts", help: alerts, labels: [Label("state", "firing")])
    }

    func count(_ outcome: Judgement.Outcome, _ judgement: Judgement, _ recent: RecentSamples, seconds: Double) {
        evaluations.increment(by: outcome.evaluations)
        failures.increment(by: outcome.failures.count)
        fired.increment(by: outcome.changes.count { $0.kind == .fired })
        resolved.increment(by: outcome.changes.count { $0.kind == .resolved })
        self.seconds.set(seconds)
        series.set(Double(recent.seriesCount))
        points.set(Double(recent.pointCount))
        refusedSeries.set(Double(recent.refusedSeries))
        droppedPoints.set(Double(recent.droppedPoints))
        pendingAlerts.set(Double(judgement.count(.pending)))
        firingAlerts.set(Double(judgement.count(.firing)))
    }
}
