import Answering
import Hummingbird
import JSON
import Operating
import Telemetry

/// `/health` for load balancers and `/metrics` for Prometheus.
struct HealthRoutes: Sendable {
    private let metrics: MetricsRegistry
    private let health: @Sendable () async -> HealthReport

    init(metrics: MetricsRegistry, health: @escaping @Sendable () async -> HealthReport) { (self.metrics, self.health) = (metrics, health) }

    var routes: [Route] {
        [
            Route(.get, "/health", .open) { _, _ in await show(health()) },
            Route(.get, "/metrics", .read) { _, _ in
                .text(type: "text/plain; version=0.0.4; charset=utf-8", metrics.prometheusText())
            },
        ]
    }

    private func show(_ report: HealthReport) -> Response {
        .json(report.status == .unhealthy ? .serviceUnavailable : .ok) { json in
            json.beginObject()
            json.member("status", report.status.rawValue)
            json.key("components")
            json.beginObject()
            for component in report.components {
                json.key(component.name)
                json.beginObject()
                json.member("status", component.status.rawValue)
                if !component.detail.isEmpty { json.member("detail", component.detail) }
                json.endObject()
            }
            json.endObject()
            json.endObject()
        }
    }
}
