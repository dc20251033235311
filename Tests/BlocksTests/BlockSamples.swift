import Blocks
import Glibc
import Telemetry
import TestSupport

/// What the golden files hold, and rows of any shape.
enum BlockSamples {
    static let noon = Timestamp(nanoseconds: 1_793_534_400_000_000_000)

    static let events: [Event] = [
        Event(timestamp: noon, source: "nginx", type: Event.logLine, severity: .info, host: "web-1", message: "GET / 200", data: #"{"offset":0}"#),
        Event(
            id: UUID(high: 0x0123_4567_89AB_7DEF, low: 0x8123_4567_89AB_CDEF),
            timestamp: noon.advanced(by: .milliseconds(-1500)),
            source: "deploy",
            type: "deploy.finished",
            severity: .critical,
            host: "",
            correlationID: "rollout-7",
            tags: ["production", "web"],
            message: "Grüße, 世界",
            data: "{}"
        ),
        Event(timestamp: noon.advanced(by: .nanoseconds(1)), source: "nginx", type: Event.logLine, severity: .debug, host: "web-1", message: ""),
    ]

    static let samples: [Sample] = [
        Sample("node_load1", [Label("host", "web-1")], at: noon, 0.25),
        Sample("node_cpu_seconds_total", [Label("cpu", "0"), Label("host", "web-1"), Label("mode", "idle")], at: noon, 12345.67),
        Sample("node_load1", [Label("host", "web-1")], at: noon.advanced(by: .seconds(10)), 0.25),
        Sample(
            "node_cpu_seconds_total",
            [Label("cpu", "0"), Label("host", "web-1"), Label("mode", "idle")],
            at: noon.advanced(by: .seconds(10)),
            12355.12
        ),
        Sample("node_load1", [Label("host", "web-1")], at: noon.advanced(by: .seconds(20)), -.infinity),
    ]

    static let alerts: [Alert] = [
        Alert(
            labels: ["alertname": "DiskFull", "host": "web-1", "severity": "critical"],
            annotations: ["summary": "90 % used"],
            state: .firing,
            activeAt: noon,
            startsAt: noon.advanced(by: .seconds(60)),
            value: 0.9,
            updatedAt: noon.advanced(by: .seconds(70)),
            expression: "used > 0.8"
        ),
        Alert(
            labels: ["alertname": "DiskFull", "host": "web-1"],
            state: .resolved,
            activeAt: noon,
            startsAt: noon,
            endsAt: noon.advanced(by: .seconds(90)),
            value: 0.1,
            updatedAt: noon.advanced(by: .seconds(90))
        ),
    ]

    static func randomEvents(_ count: Int, using generator: inout SeededGenerator) -> [Event] {
        (0..<count).map { _ in
            Event(
                id: Int.random(in: 0..<5, using: &generator) == 0 ? UUID(high: generator.next(), low: generator.next()) : nil,
                timestamp: randomTime(using: &generator),
                source: randomText(upTo: 3, using: &generator),
                type: randomText(upTo: 2, using: &generator),
                severity: Severity.allCases.randomElement(using: &generator)!,
                host: randomText(upTo: 2, using: &generator),
                correlationID: Bool.random(using: &generator) ? randomText(upTo: 4, using: &generator) : nil,
                tags: (0..<Int.random(in: 0...3, using: &generator)).map { _ in randomText(upTo: 2, using: &generator) },
                message: Bool.random(using: &generator) ? randomText(upTo: 40, using: &generator) : nil,
                data: Bool.random(using: &generator) ? "{}" : #"{"n":"# + "\(generator.next())}"
            )
        }
    }

    static func randomSamples(_ count: Int, using generator: inout SeededGenerator) -> [Sample] {
        (0..<count).map { _ in
            let name = "metric_\(Int.random(in: 0..<300, using: &generator))"
            let value = Bool.random(using: &generator) ? Double(Int.random(in: 0...1000, using: &generator)) : Double(bitPattern: generator.next())
            return Sample(name, [Label("host", "h")], at: randomTime(using: &generator), value)
        }
    }

    private static func randomTime(using generator: inout SeededGenerator) -> Timestamp {
        switch Int.random(in: 0..<20, using: &generator) {
        case 0: .distantPast
        case 1: .distantFuture
        case 2: Timestamp(nanoseconds: Int64(bitPattern: generator.next()))
        default: noon.advanced(by: .nanoseconds(Int64.random(in: -1_000_000_000_000...1_000_000_000_000, using: &generator)))
        }
    }

    private static func randomText(upTo length: Int, using generator: inout SeededGenerator) -> String {
        let alphabet: [Character] = ["a", "b", "ß", "世", "🔔", "\"", "\n", "\u{0}"]
        return String((0..<Int.random(in: 0...length, using: &generator)).map { _ in alphabet.randomElement(using: &generator)! })
    }
}

/// Files under Tests/Fixtures/wire: bytes as a released version wrote them.
enum GoldenFile {
    static func path(_ name: String) -> String {
        #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Fixtures/wire/" + name
    }

    static func read(_ name: String) -> [UInt8]? { TestFiles.bytes(path(name)) }

    /// Only with UPDATE_GOLDEN=1, after the format was changed on purpose.
    static func write(_ bytes: [UInt8], _ name: String) { try? TestFiles.write(bytes, to: path(name)) }

    static var isUpdating: Bool { unsafe getenv("UPDATE_GOLDEN") != nil }
}
