import Operating
import Telemetry

/// The spool's own metrics.
struct SpoolGauges: Sendable {
    private let bytes: Gauge
    private let maxBytes: Gauge
    private let batches: [Gauge]
    private let gaps: [Gap.Reason: Gauge]

    init(_ metrics: MetricsRegistry) {
        bytes = metrics.gauge("tocsin_spool_bytes", help: "Bytes of the spool's pages in use.")
        maxBytes = metrics.gauge("tocsin_spool_max_bytes", help: "Limit of the spool (spool.max_size).")
        batches = Lane.allCases.map { lane in
            metrics.gauge("tocsin_spool_batches", help: "Batches not yet acknowledged.", labels: [Label("lane", lane.label)])
        }
        var gaps: [Gap.Reason: Gauge] = [:]
        for reason in Gap.Reason.allCases {
            // It outlives the process, in the spool, so it is set and not counted here.
            gaps[reason] = metrics.gauge(
                "tocsin_spool_gaps",
                help: "Gaps recorded since the spool was made.",
                labels: [Label("reason", reason.rawValue)]
            )
        }
        self.gaps = gaps
    }

    func show(_ state: SpoolState, used: UInt64, config: SpoolConfig) {
        bytes.set(Double(used))
        maxBytes.set(Double(config.maxBytes))
        for lane in Lane.allCases { batches[Int(lane.rawValue)].set(Double(state[lane].batches)) }
        for (reason, gauge) in gaps { gauge.set(Double(state.gapCounts[reason] ?? 0)) }
    }
}
