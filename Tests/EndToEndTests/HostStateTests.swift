import Glibc
import JSON
import TestSupport
import Testing

/// Hosts that go and come, patterns over what they write, and an aggregator that is killed meanwhile: the real binaries.
@Suite(.serialized) struct HostStateTests {
    private func house(incidents: String = "") throws -> Installation {
        let house = try Installation()
        try TestFiles.write(
            """
            listen: {address: "127.0.0.1:\(house.port)"}
            storage: {path: \(house.folder("aggregator"))}
            host_down: {after: 4s, planned_for: 1h}
            receivers:
              - {name: ops, webhook_configs: [{url: "http://127.0.0.1:\(house.webhookPort)/hook", send_resolved: true}]}
            route: {receiver: ops, group_by: [alertname, host], group_wait: 0s, group_interval: 1s}
            \(incidents)

            """,
            to: house.folder("aggregator.yaml")
        )
        try house.startReceivers()
        try house.startAggregator()
        return house
    }

    private func state(_ house: Installation) throws -> String? { try house.get("/api/v1/hosts")["hosts"]?[0]?["state"]?.string }

    /// Names of alerts in webhooks, each with its status; a repeat carries the same key and counts once.
    private func pages(_ house: Installation) -> [String] {
        var keys: Set<String> = []
        let webhooks = house.received("webhook").filter { keys.insert($0["headers"]?["idempotency-key"]?.string ?? "").inserted }
        return webhooks.flatMap { $0["body"]?["alerts"]?.array ?? [] }.map { alert in
            "\(alert["labels"]?["alertname"]?.string ?? "") \(alert["status"]?.string ?? "")"
        }
    }

    @Test func `an agent that is stopped by order is planned, one that is killed is down, and a forgotten host is off the list`() throws {
        let house = try house()
        try house.startAgent()
        try eventually("the host is up") { try state(house) == "up" }
        house.agent?.signal(SIGTERM)
        try eventually("the agent has ended") { house.agent?.poll() != nil }
        try eventually("the host is planned") { try state(house) == "planned" }
        #expect(try house.get("/api/v1/hosts")["hosts"]?[0]?["reason"]?.string?.contains("was stopped") == true)

        try house.startAgent()
        try eventually("the host is up again") { try state(house) == "up" }
        house.agent?.killHard()
        try eventually("the host is down") { try state(house) == "down" }
        try eventually("somebody is paged") { pages(house).contains("HostDown firing") }
        // Nothing was said of the planned absence.
        #expect(pages(house).filter { $0 == "HostDown firing" }.count == 1)

        let (exit, output) = try ChildProcess.run([
            "\(Installation.binaries)/agentctl", "hosts", "forget", "test-1", "--aggregator", house.address,
        ])
        #expect(exit == .code(0), "\(output)")
        #expect(try house.get("/api/v1/hosts")["count"]?.integer == 0)
        try eventually("its alert is resolved") { pages(house).contains("HostDown resolved") }
        try house.startAgent()
        try eventually("it is listed again") { try state(house) == "up" }
    }

    @Test func `a pattern goes on where an aggregator was killed: no line is counted twice, none is forgotten`() throws {
        let house = try house(
            incidents: """
                incidents:
                  patterns:
                    - {name: burst, first: {source: app, message: 'BAD'}, count: 6, within: 1h, alert: {name: Burst, labels: {severity: critical}}}
                """
        )
        try house.startAgent()
        var written = 0
        for _ in 0..<5 {
            written += 1
            try house.appendLog("BAD number \(written)\n")
            try eventually("line \(written) is stored") { try house.get("/api/v1/events?source=app")["events"]?.array?.count == written }
            house.aggregator?.killHard()
            try house.startAggregator()
        }
        #expect(!pages(house).contains("Burst firing"), "five of six")
        #expect(try house.get("/api/v1/incidents?name=burst")["count"]?.integer == 0)
        try house.appendLog("BAD number 6\n")
        try eventually("somebody is paged") { pages(house).contains("Burst firing") }
        house.aggregator?.killHard()
        try house.startAggregator()
        let listed = try house.get("/api/v1/incidents?name=burst")
        #expect(listed["count"]?.integer == 1)
        let id = try #require(listed["incidents"]?[0]?["id"]?.string)
        let lines = try house.get("/api/v1/incidents/\(id)")["evidence"]?.array?.compactMap { $0["message"]?.string }
        #expect(lines?.filter { $0.hasPrefix("BAD") } == (1...6).map { "BAD number \($0)" })
        #expect(pages(house).filter { $0 == "Burst firing" }.count == 1)
    }
}
