import Operating
import Telemetry

/// What the log counts about itself.
struct LogCounters: Sendable {
    let commits: Counter
    let blocks: Counter
    let rows: Counter
    let bytes: Counter
    let stored: Counter
    let repeated: Counter
    let conflicts: Counter
    let outOfOrder: Counter
    let refused: Counter
    let setAside: Counter
    let expired: Counter
    let overSize: Counter
    let poisoned: Counter
    let sealed: Counter
    let sealedBytes: Counter
    let merged: Counter
    let compacted: Counter
    let arrivalBytes: Gauge
    let position: Gauge
    let fileBytes: Gauge

    init(_ registry: MetricsRegistry) {
        func batches(_ outcome: String) -> Counter {
            registry.counter("tocsin_log_batches_total", help: "Batches and requests by what became of them.", labels: [Label("outcome", outcome)])
        }
        func deleted(_ reason: String) -> Counter {
            registry.counter("tocsin_log_blocks_deleted_total", help: "Blocks that retention deleted.", labels: [Label("reason", reason)])
        }
        commits = registry.counter("tocsin_log_commits_total", help: "Transactions made durable.")
        blocks = registry.counter("tocsin_log_blocks_total", help: "Blocks stored.")
        rows = registry.counter("tocsin_log_rows_total", help: "Events, samples and alerts stored.")
        bytes = registry.counter("tocsin_log_stored_bytes_total", help: "Bytes of blocks stored, after compression.")
        (stored, repeated, conflicts) = (batches("stored"), batches("repeated"), batches("conflict"))
        (outOfOrder, refused) = (batches("out_of_order"), batches("refused"))
        (expired, overSize) = (deleted("age"), deleted("size"))
        setAside = registry.counter("tocsin_log_blocks_set_aside_total", help: "Blocks that were damaged and are no longer read.")
        poisoned = registry.counter("tocsin_log_reopened_total", help: "Times the log was reopened after the disk failed a write or a sync.")
        sealed = registry.counter("tocsin_log_sealed_rows_total", help: "Events, samples and alerts moved into sealed blocks.")
        sealedBytes = registry.counter("tocsin_log_sealed_bytes_total", help: "Bytes of sealed blocks written.")
        merged = registry.counter("tocsin_log_merged_rows_total", help: "Samples and rolled up rows written by compaction and roll-up.")
        compacted = registry.counter(
            "tocsin_log_compacted_blocks_total",
            help: "Small sealed blocks of events and alerts brought together in larger ones."
        )
        arrivalBytes = registry.gauge("tocsin_log_arrival_bytes", help: "Bytes of arrivals in memory that are not sealed yet.")
        position = registry.gauge("tocsin_log_position", help: "The last position stored.")
        fileBytes = registry.gauge("tocsin_log_file_bytes", help: "Bytes of the log's file in use.")
    }

    func count(_ outcome: AppendOutcome, of request: PreparedAppend) {
        switch outcome {
        case .stored:
            stored.increment()
            blocks.increment(by: request.blocks.count)
            rows.increment(by: request.blocks.reduce(0) { $0 + $1.count })
            bytes.increment(by: request.blocks.reduce(0) { $0 + $1.stored.count })
        case .repeated: repeated.increment()
        case .conflict: conflicts.increment()
        case .outOfOrder: outOfOrder.increment()
        }
    }
}
