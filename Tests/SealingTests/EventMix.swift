import Telemetry
import TestSupport

/// The mix of events that our figures are quoted for: 200 hosts, 10 services, skewed severities, a correlation id shared by about five events, times that rise
/// with small disorder, messages of six templates with two numbers each, two numbers of data.
struct EventMix {
    private static let services = ["auth", "cart", "search", "pay", "mail", "img", "feed", "geo", "push", "sync"]
    private static let types =
        Array(repeating: "log.line", count: 20) + [
            "request.finished", "job.failed", "deploy.finished", "user.created", "cache.evicted", "queue.drained", "health.changed", "session.closed",
            "backup.finished", "config.reloaded",
        ]
    private static let severities: [Severity] =
        [.debug, .debug] + Array(repeating: .info, count: 12) + Array(repeating: .warning, count: 4) + [.error, .error, .critical]
    private static let tags = [["production", "web"], ["production", "db"], ["staging"], ["production"], ["canary", "web"]]

    private var generator: SeededGenerator
    /// Microseconds.
    private var time: Int64 = 1_793_491_200_000_000
    private var correlation = "0000000000000000"

    init(seed: UInt64) { generator = SeededGenerator(seed: seed) }

    mutating func next() -> Event {
        time += Int64(below(2000))
        if below(5) == 0 {
            let digits = String(UInt64.random(in: .min ... .max, using: &generator), radix: 16)
            correlation = String(repeating: "0", count: 16 - digits.count) + digits
        }
        let stamp = time - Int64(below(50)) * 1000
        let (first, second) = (below(1_000_000), below(3000))
        let message =
            switch below(6) {
            case 0: "GET /api/v1/items/\(first) 200 in \(second) ms"
            case 1: "connection from 10.\(first).\(second).17 closed by peer"
            case 2: "worker \(first) finished batch \(second)"
            case 3: "disk usage above threshold on volume /data\(first) rc=\(second)"
            case 4: "user \(first) login failed, attempt \(second)"
            default: "request latency \(first) ms exceeded objective \(second)"
            }
        return Event(
            timestamp: Timestamp(nanoseconds: stamp * 1000),
            source: "svc-" + pick(Self.services),
            type: pick(Self.types),
            severity: pick(Self.severities),
            host: host(below(200)),
            correlationID: correlation,
            tags: pick(Self.tags),
            message: message,
            data: "{\"status\":\(pick([200, 200, 200, 404, 500])),\"bytes\":\(below(65_536))}"
        )
    }

    private mutating func below(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &generator) }
    private mutating func pick<Element>(_ list: [Element]) -> Element { list[below(list.count)] }
    private func host(_ number: Int) -> String { number < 120 ? "web-\(1000 + number)" : number < 160 ? "db-\(number)" : "edge-\(number)" }
}
