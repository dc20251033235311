import Telemetry

/// The mix that our figures are quoted for: a fleet of 200 hosts, 40 sources, 30 types, skewed severities, a correlation id shared by about five
/// events, times that rise with small disorder, messages of six templates with varying numbers, a small data object; 270 bytes as JSON.
struct EventMix {
    static let start: Int64 = 1_793_491_200_000_000_000

    private var state: UInt64
    private var time: Int64
    private var correlation: [UInt8] = Array("0000000000000000".utf8)

    private static let hosts = (0..<120).map { "web-\(pad($0, 3))" } + (0..<40).map { "db-\(pad($0, 2))" } + (0..<40).map { "edge-\(pad($0, 2))" }
    private static let sources = ["auth", "cart", "search", "pay", "mail", "img", "feed", "geo", "push", "sync"].map { "svc-\($0)" }
    private static let types =
        [String](repeating: "log.line", count: 20)
        + [
            "request.finished", "job.failed", "deploy.finished", "user.created", "cache.evicted", "queue.drained", "health.changed", "session.closed",
            "backup.finished", "config.reloaded",
        ]
    private static let severities =
        [Severity](repeating: .debug, count: 2) + [Severity](repeating: .info, count: 12) + [Severity](repeating: .warning, count: 4) + [
            .error, .error, .critical,
        ]
    private static let tags = [["production", "web"], ["production", "db"], ["staging"], ["production"], ["canary", "web"]]

    init(seed: UInt64, start: Int64 = EventMix.start) { (state, time) = (seed &* 0x9E37_79B9_7F4A_7C15 | 1, start) }

    private static func pad(_ number: Int, _ width: Int) -> String {
        let digits = String(number)
        return String(repeating: "0", count: width - digits.count) + digits
    }

    private mutating func below(_ bound: Int) -> Int {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return Int(truncatingIfNeeded: state >> 11) % bound
    }

    mutating func event() -> Event {
        time += Int64(below(2000)) * 1000
        if below(5) == 0 {
            let digits = Array("0123456789abcdef".utf8)
            for index in 0..<16 { correlation[index] = digits[Int(state >> UInt64(index * 4) & 15)] }
        }
        let (a, b) = (below(1_000_000), below(3000))
        let message =
            switch below(6) {
            case 0: "GET /api/v1/items/\(a) 200 in \(b) ms"
            case 1: "connection from 10.\(a).\(b).17 closed by peer"
            case 2: "worker \(a) finished batch \(b)"
            case 3: "disk usage above threshold on volume /data\(a) rc=\(b)"
            case 4: "user \(a) login failed, attempt \(b)"
            default: "request latency \(a) ms exceeded objective \(b)"
            }
        return Event(
            timestamp: Timestamp(nanoseconds: time - Int64(below(50)) * 1_000_000),
            source: Self.sources[below(10)],
            type: Self.types[below(30)],
            severity: Self.severities[below(21)],
            host: Self.hosts[below(200)],
            correlationID: String(decoding: correlation, as: UTF8.self),
            tags: Self.tags[below(5)],
            message: message,
            data: "{\"status\":\([200, 200, 200, 404, 500][below(5)]),\"bytes\":\(below(65536))}"
        )
    }

    /// The event as a line of NDJSON.
    mutating func appendLine(to bytes: inout [UInt8]) {
        let event = event()
        bytes += Array(
            """
            {"timestamp":"\(event.timestamp.rfc3339)","source":"\(event.source)","type":"\(event.type)","severity":"\(event.severity.label)",\
            "host":"\(event.host)","correlation_id":"\(event.correlationID ?? "")","tags":["\(event.tags.joined(separator: "\",\""))"],\
            "message":"\(event.message ?? "")","data":\(event.data)}

            """.utf8
        )
    }
}

/// Samples as an agent's collection brings them: the same series each 10 s; counters that rise by whole numbers, gauges with decimals, constants.
struct SampleMix {
    private let series: [Labels]
    private var values: [Double]
    private var state: UInt64
    private var time: Int64

    init(host: String, series count: Int, seed: UInt64, start: Int64 = EventMix.start) {
        series = (0..<count).map { index in
            Labels([
                Label("__name__", "node_metric_\(index % 100)_\(index % 3 == 0 ? "total" : "bytes")"), Label("host", host), Label("instance", host),
                Label("job", "tocsin"), Label("device", "dev\(index / 100)"),
            ])
        }
        values = (0..<count).map { Double($0 * 1000) }
        (state, time) = (seed | 1, start)
    }

    mutating func collection() -> [Sample] {
        time += 10_000_000_000
        return series.indices.map { index in
            state ^= state << 13
            state ^= state >> 7
            state ^= state << 17
            switch index % 10 {
            case 0...4: values[index] += Double(state % 500)
            case 5...6: values[index] = Double(Int64(values[index] * 100) + Int64(state % 200) - 100) / 100
            case 7: values[index] += Double(state % 1_000_000) * 4096
            default: break
            }
            return Sample(series: series[index], timestamp: Timestamp(nanoseconds: time), value: values[index])
        }
    }
}
