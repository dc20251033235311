import Operating
import Telemetry

/// What this room counts about itself.
struct CorrelatingMetrics: Sendable {
    let failures: Counter
    let unreadable: Counter
    let gaps: Counter
    private let transitions: [String: Counter]
    private let hosts: [HostRecord.State: Gauge]
    private let firing: Gauge
    private let incidentsOpen: Gauge
    private let refused: Gauge

    init(_ registry: MetricsRegistry) {
        failures = registry.counter("tocsin_correlation_failures_total", help: "Times that correlating was held up and tried again.")
        unreadable = registry.counter("tocsin_correlation_unreadable_blocks_total", help: "Blocks of alerts that could not be read.")
        gaps = registry.counter("tocsin_correlation_gaps_total", help: "Parts of the log that were deleted before they were correlated.")
        var counters: [String: Counter] = [:]
        for reason in TransitionReason.allCases {
            counters[reason.rawValue] = registry.counter(
                "tocsin_alert_transitions_total",
                help: "Changes of alerts that were told, by reason.",
                labels: [Label("reason", reason.rawValue)]
            )
        }
        transitions = counters
        var gauges: [HostRecord.State: Gauge] = [:]
        for state in HostRecord.State.allCases {
            gauges[state] = registry.gauge("tocsin_hosts", help: "Hosts by the state of their lease.", labels: [Label("state", state.rawValue)])
        }
        hosts = gauges
        firing = registry.gauge("tocsin_alerts_firing", help: "Alerts that fire, of all hosts.")
        incidentsOpen = registry.gauge("tocsin_incidents_open", help: "Incidents with an alert that fires.")
        refused = registry.gauge("tocsin_correlation_refused", help: "Alerts and hosts over the limits of this room since its start.")
    }

    func count(_ told: [AlertTransition]) {
        for transition in told { transitions[transition.reason]?.increment() }
    }

    /// Looks at every host and alert: once a write, not once a block.
    func show(_ state: Correlation) {
        var byState: [HostRecord.State: Int] = [:]
        for lease in state.leases.leases.values { byState[lease.record.state, default: 0] += 1 }
        for (state, gauge) in hosts { gauge.set(Double(byState[state] ?? 0)) }
        firing.set(Double(state.alerts.live.count { state.alerts.entries[$0]?.alert.state == .firing }))
        incidentsOpen.set(Double(state.incidents.entries.values.count { $0.isOpen }))
        refused.set(Double(state.alerts.refusedOverLimit + state.leases.refusedOverLimit + state.patterns.refusedOverLimit))
    }
}
