import Operating
import Telemetry

/// The room's own metrics.
struct ShippingCounters: Sendable {
    private let posts: [ShipperState.Outcome: Counter]
    private let bytes: Counter
    private let batches: [Counter]
    private let lastAcknowledged: Gauge

    init(_ metrics: MetricsRegistry) {
        var posts: [ShipperState.Outcome: Counter] = [:]
        for outcome in ShipperState.Outcome.allCases {
            posts[outcome] = metrics.counter(
                "tocsin_shipping_posts_total",
                help: "Requests to the aggregator by what came of them.",
                labels: [Label("outcome", outcome.rawValue)]
            )
        }
        self.posts = posts
        bytes = metrics.counter("tocsin_shipping_bytes_total", help: "Bytes of acknowledged requests, compressed.")
        batches = Lane.allCases.map { lane in
            metrics.counter("tocsin_shipping_batches_total", help: "Batches in acknowledged requests.", labels: [Label("lane", lane.label)])
        }
        lastAcknowledged = metrics.gauge(
            "tocsin_shipping_last_acknowledged_timestamp_seconds",
            help: "When the aggregator last acknowledged something, seconds since the epoch; 0: not since the start."
        )
    }

    func count(_ outcome: ShipperState.Outcome, _ sent: [ShipperState.Sent]) {
        posts[outcome]?.increment()
        guard outcome == .acknowledged else { return }
        for batch in sent {
            bytes.increment(by: batch.bytes)
            batches[Int(batch.lane.rawValue)].increment()
        }
    }

    func acknowledged(at now: Timestamp) { lastAcknowledged.set(now.seconds) }
}
