import Operating
import Synchronization
import Telemetry

/// Requests counted by endpoint and status. A counter is looked up once and then kept, because the registry's lookup costs as much as routing.
final class RequestCounters: Sendable {
    private struct Key: Hashable {
        var endpoint: String
        var code: Int
    }

    private let metrics: MetricsRegistry
    /// As many as there are routes and statuses; both are fixed in the code.
    private let known = Mutex<[Key: Counter]>([:])

    init(_ metrics: MetricsRegistry) { self.metrics = metrics }

    func count(_ code: Int, endpoint: String) {
        let key = Key(endpoint: endpoint, code: code)
        let counter = known.withLock { known in
            if let counter = known[key] { return counter }
            let counter = metrics.counter(
                "tocsin_http_requests_total",
                help: "Requests by endpoint and status code.",
                labels: [Label("endpoint", endpoint), Label("code", String(code))]
            )
            known[key] = counter
            return counter
        }
        counter.increment()
    }
}
