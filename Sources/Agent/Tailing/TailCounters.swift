import Operating
import Telemetry

/// What Tailing counts about itself.
struct TailCounters: Sendable {
    let lines: Counter
    let bytes: Counter
    let cut: Counter
    let truncations: Counter
    let rotations: Counter
    let retries: Counter
    let files: Gauge
    let behind: Gauge

    init(_ metrics: MetricsRegistry) {
        lines = metrics.counter("tocsin_tail_lines_total", help: "Events made of lines and stored.")
        bytes = metrics.counter("tocsin_tail_bytes_total", help: "Bytes of followed files that were stored.")
        cut = metrics.counter("tocsin_tail_lines_cut_total", help: "Lines longer than the limit.")
        truncations = metrics.counter("tocsin_tail_truncations_total", help: "Files that became shorter than what was read of them.")
        rotations = metrics.counter("tocsin_tail_rotations_total", help: "Files that were moved away or deleted while they were followed.")
        retries = metrics.counter("tocsin_tail_retries_total", help: "Times that the next room did not take a batch.")
        files = metrics.gauge("tocsin_tail_files", help: "Files that are followed.")
        behind = metrics.gauge("tocsin_tail_behind_bytes", help: "Bytes of followed files not yet read.")
    }
}

/// What one entry of the configuration did to lines. The label `tail` is its first path, as it stands in the configuration.
struct LineCounters: Sendable {
    let dropped: Counter
    let sampledOut: Counter
    let redacted: Counter
    let unparsed: Counter
    let collapsed: Counter

    init(_ config: TailConfig, _ metrics: MetricsRegistry) {
        let labels = [Label("tail", config.paths.first ?? "")]
        dropped = metrics.counter("tocsin_tail_lines_dropped_total", help: "Lines left out by drop.", labels: labels)
        sampledOut = metrics.counter("tocsin_tail_lines_sampled_out_total", help: "Lines left out by sample.", labels: labels)
        redacted = metrics.counter("tocsin_tail_lines_redacted_total", help: "Lines in which redact replaced something.", labels: labels)
        unparsed = metrics.counter(
            "tocsin_tail_lines_unparsed_total",
            help: "Lines that are not of the configured format and were taken as plain text.",
            labels: labels
        )
        collapsed = metrics.counter("tocsin_tail_lines_collapsed_total", help: "Lines counted in a summary instead of handed on.", labels: labels)
    }
}
