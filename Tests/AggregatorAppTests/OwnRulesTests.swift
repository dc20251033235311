import Configuring
import Correlating
import Counting
import JSON
import Logging
import Operating
import Rules
import Ruling
import Storing
import Telemetry
import TestSupport
import Testing

@testable import AggregatorApp

/// The aggregator's own rules over stored events, with every part real: socket, disk, clock.
struct OwnRulesTests {
    static let rules = """
        groups:
          - name: events
            interval: 200ms
            rules:
              - {record: 'source:errors:rate1m', expr: 'sum by (source) (rate(tocsin_events_total{severity="error"}[1m]))'}
              - alert: ManyErrors
                expr: source:errors:rate1m > 0.1
                for: 400ms
                labels: {severity: critical}
                annotations: {summary: '{{ $labels.source }} fails'}
              - {alert: Never, expr: 'vector(1) < 0'}
        """

    private func withAggregator(
        _ folder: TemporaryFolder,
        rules: String,
        _ body: @Sendable @escaping (_ address: String) async throws -> Void
    ) async throws {
        let problems = ConfigProblems()
        var config = AggregatorConfig()
        config.listen.port = 0
        config.keepState(in: folder("state"))
        config.ruling.groups = RuleFile.parse(rules, path: "rules.yaml", problems: problems).groups
        #expect(problems.all.isEmpty)
        let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let aggregator = Aggregator(config: config, tokens: nil, systemd: ServiceNotifier(socketPath: nil), time: SystemTime(), logger: logger)
        let (ports, gate) = AsyncStream.makeStream(of: Int.self)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                defer { gate.finish() }
                do {
                    try await aggregator.run(
                        reload: { () throws(AggregatorConfig.Mistakes) in throw .init(sentences: []) },
                        onListening: { gate.yield($0) }
                    )
                } catch is CancellationError {}
            }
            for await port in ports {
                defer { group.cancelAll() }
                try await body("http://127.0.0.1:\(port)")
            }
            try await group.waitForAll()
        }
    }

    private static func json(_ arguments: String...) async throws -> JSON {
        let child = try ChildProcess.start("/usr/bin/env", ["curl", "-sg"] + arguments)
        await child.wait()
        return try JSON.parse(child.output)
    }

    /// Asks until the answer is as wanted: the test's own time limit ends it otherwise.
    private static func ask(_ url: String, until holds: (JSON) -> Bool) async throws -> JSON {
        while true {
            let answer = try await json(url)
            if holds(answer) { return answer }
            try Task.checkCancellation()
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a rule over events fires once, through a restart, and is over when it is gone`() async throws {
        let folder = try TemporaryFolder()
        let lines = (0..<200).map { #"{"source":"shop","type":"order.failed","severity":"error","message":"order \#($0)"}"# }
        try TestFiles.write(lines.joined(separator: "\n"), to: folder("lines"))
        let body = "@\(folder("lines"))"
        try await withAggregator(folder, rules: Self.rules) { address in
            _ = try await Self.json("--data-binary", body, "\(address)/api/v1/events/batch")
            let alerts = try await Self.ask("\(address)/api/v1/alerts?state=firing&alertname=ManyErrors") { $0["count"]?.integer == 1 }
            let alert = alerts["alerts"]?[0]
            #expect(alert?["labels"] == ["alertname": "ManyErrors", "severity": "critical", "source": "shop"])
            #expect(alert?["annotations"]?["summary"]?.string == "shop fails")
            #expect(alert?["stale"]?.bool == false)
            let total = try await Self.json("\(address)/api/v1/query?query=sum(tocsin_events_total{source=\"shop\",severity=\"error\"})")
            #expect(total["data"]?["result"]?[0]?["value"]?[1]?.string == "200")
            let recorded = try await Self.json("\(address)/api/v1/query?query=source:errors:rate1m{source=\"shop\"}")
            #expect(recorded["data"]?["result"]?.array?.count == 1)

            let groups = try await Self.json("\(address)/api/v1/rules")["data"]?["groups"]
            let rules = try #require(groups?[0]?["rules"]?.array)
            #expect(rules.map { $0["type"]?.string } == ["recording", "alerting", "alerting"])
            #expect(rules[1]["state"]?.string == "firing")
            #expect(rules[1]["health"]?.string == "ok")
            #expect(rules[1]["alerts"]?[0]?["state"]?.string == "firing")
        }
        try await withAggregator(folder, rules: Self.rules) { address in
            // The rule has a result again: what the restart could have told twice, it has told.
            _ = try await Self.ask("\(address)/api/v1/rules") { $0["data"]?["groups"]?[0]?["rules"]?[1]?["health"]?.string == "ok" }
            let total = try await Self.ask("\(address)/api/v1/query?query=sum(tocsin_events_total{source=\"shop\"})") {
                $0["data"]?["result"]?.array?.isEmpty == false
            }
            #expect(total["data"]?["result"]?[0]?["value"]?[1]?.string == "200")
            #expect(try await Self.json("\(address)/api/v1/alerts?state=firing&alertname=ManyErrors")["count"]?.integer == 1)
            let fired = try await Self.ask("\(address)/api/v1/events?source=tocsin&type=alert.fired") { ($0["count"]?.integer ?? 0) > 0 }
            #expect(fired["events"]?.array?.count { $0["data"]?["alertname"]?.string == "ManyErrors" } == 1)
        }
        try await withAggregator(folder, rules: "groups: []") { address in
            let alerts = try await Self.ask("\(address)/api/v1/alerts?alertname=ManyErrors") { $0["alerts"]?[0]?["state"]?.string == "resolved" }
            #expect(alerts["alerts"]?[0]?["ends_at"]?.string != nil)
        }
    }

    @Test(.timeLimit(.minutes(5)))
    func `a rule without a result is told in status, health and metrics`() async throws {
        // Both series have the same labels but for the one that is taken away.
        let broken = """
            groups:
              - name: broken
                interval: 200ms
                rules: [{alert: Ambiguous, expr: 'tocsin_events_total * on (source) tocsin_events_total'}]
            """
        try await withAggregator(try TemporaryFolder(), rules: broken) { address in
            for severity in ["error", "info"] {
                _ = try await Self.json("-d", #"{"source":"shop","type":"order.failed","severity":"\#(severity)"}"#, "\(address)/api/v1/events")
            }
            let status = try await Self.ask("\(address)/api/v1/status") { $0["problems"]?.array?.isEmpty == false }
            let problem = status["problems"]?[0]?.string ?? ""
            #expect(problem.hasPrefix("rules: rule Ambiguous (rules.yaml:4, group broken) has no result: "), "\(problem)")
            #expect(status["status"]?.string == "degraded")
            let child = try ChildProcess.start("/usr/bin/env", ["curl", "-s", "\(address)/metrics"])
            await child.wait()
            let line = child.output.split(separator: "\n").first {
                $0.hasPrefix(#"tocsin_rule_evaluation_failures_total{rule_group="rules.yaml;broken"}"#)
            }
            #expect((line?.split(separator: " ").last.flatMap { Int($0) } ?? 0) > 0)
        }
    }
}
