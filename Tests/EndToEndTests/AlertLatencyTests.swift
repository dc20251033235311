import Glibc
import JSON
import TestSupport
import Testing

/// From the line that matches to the alert that the aggregator shows. `Benchmarks/bench.py latency` prints the figure of release binaries.
@Suite(.serialized) struct AlertLatencyTests {
    private static let lines = 50

    @Test func `a matching line is a firing alert at the aggregator at once, not at the next collection`() throws {
        let house = try Installation()
        try prepare(house)
        try house.startAggregator()
        try house.startAgent()
        try house.appendLog("the first line\n")
        try eventually("the first line is stored") { try house.get("/api/v1/events?source=app")["events"]?.array?.isEmpty == false }
        let clock = ContinuousClock()
        var took: [Duration] = []
        for number in 0..<Self.lines {
            let written = clock.now
            try house.appendLog("what is looked for: ALARM-\(number).\n")
            try eventually("alert \(number) fires") {
                let alerts = try house.get("/api/v1/alerts")["alerts"]?.array ?? []
                return alerts.contains { $0["alertname"]?.string == "Alarm\(number)" && $0["state"]?.string == "firing" }
            }
            took.append(clock.now - written)
        }
        took.sort()
        let (median, late) = (took[Self.lines / 2], took[Self.lines * 95 / 100])
        print(
            "line written to alert firing at the aggregator, asking included: median \(median), 95 of 100 within \(late), slowest \(took[Self.lines - 1])"
        )
        // Promised are 200 ms; here other tests share the machine. A collection comes each 60 s: only the line itself can have woken the rules.
        #expect(late < .seconds(10))
    }

    /// A pattern and a rule for each line, so that none waits for the one before to be over.
    private func prepare(_ house: Installation) throws {
        let numbers = 0..<Self.lines
        try TestFiles.write(
            """
            aggregator: \(house.address)
            host: test-1
            spool: {path: \(house.folder("agent"))}
            control: {socket: \(house.socketPath)}
            collect: {interval: 60s}
            tail: [{paths: [\(house.logPath)], source: app, start: beginning}]
            patterns:
            \(numbers.map { "  - {name: p\($0), match: 'ALARM-\($0)\\.'}" }.joined(separator: "\n"))
            rule_files: [\(house.folder("rules.yaml"))]

            """,
            to: house.folder("agent.yaml")
        )
        let rules = numbers.map {
            "      - {alert: Alarm\($0), expr: 'log_pattern_matches_total{pattern=\"p\($0)\"} > 0', labels: {severity: warning}}"
        }
        try TestFiles.write("groups:\n  - name: demo\n    rules:\n\(rules.joined(separator: "\n"))\n", to: house.folder("rules.yaml"))
    }
}
