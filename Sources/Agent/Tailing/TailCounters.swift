import Operating

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
