import Rules
import Telemetry
import Testing

@testable import Correlating

/// Patterns through the whole decision: incident, alert, and what is stored.
@Suite struct IncidentPatternsTests {
    static let burst = IncidentPattern(
        name: "login-burst",
        first: EventMatch(type: "login.failed"),
        shape: .repeated(3),
        within: .seconds(60),
        by: ["host"],
        alert: IncidentPattern.AlertSpec(
            name: "LoginBurst",
            labels: ["severity": "critical", "team": "sec"],
            annotations: summary,
            keepFiringFor: .seconds(300)
        )
    )

    private static var summary: [String: Template] {
        (try? Template("{{ $labels.host }}: many failed logins")).map { ["summary": $0] } ?? [:]
    }

    static func config(_ patterns: [IncidentPattern], groupBy: [String] = [], window: Duration = .seconds(300)) -> CorrelatingConfig {
        CorrelatingConfig(path: ":memory:", incidents: IncidentsConfig(groupBy: groupBy, window: window, patterns: patterns))
    }

    var correlation = Correlation(config: config([burst]), restoring: StoredCorrelation(nextSequence: 1), makeID: Scene.counter())

    mutating func take(_ events: [Event], now: Int) throws -> [AlertTransition] {
        let block = Scene.block(events)
        let contact = Contact(host: "", agent: Scene.otherAgent, tags: [], kind: .events, dataAt: block.to, receivedAt: Scene.at(now))
        let hits = try correlation.search.hits(in: block)
        return correlation.take(BlockFacts(contact: contact, origin: block.origin, alerts: [], hits: hits), now: Scene.at(now))
    }

    static func logins(_ seconds: Range<Int>, correlation: String? = nil) -> [Event] {
        seconds.map { second in
            var event = PatternBookTests.event("login.failed", at: second)
            event.correlationID = correlation
            return event
        }
    }

    @Test mutating func `a pattern opens an incident with its events and pages by its own alert, which ends by itself`() throws {
        let told = try take(Self.logins(0..<3, correlation: "req-7"), now: 3)
        #expect(told.map(\.reason) == ["pattern_matched"])
        #expect(told.first?.alert.labels == ["alertname": "LoginBurst", "host": "web-1", "instance": "web-1", "severity": "critical", "team": "sec"])
        #expect(told.first?.alert.annotations["summary"] == "web-1: many failed logins")
        #expect(told.first?.isHistoryOnly == false)
        let entry = try #require(told.first.flatMap { correlation.incidents.entries[$0.incident] })
        #expect(entry.name == "login-burst")
        #expect(entry.evidence.count == 3)
        #expect(entry.keys.map(\.text) == [#"pattern:login-burst {host="web-1"}"#, "correlation_id:req-7", "host:web-1"])
        // It goes on: nobody is paged again, the alert lasts longer.
        #expect(try take(Self.logins(100..<103), now: 103).isEmpty)
        #expect(correlation.judge(now: Scene.at(310), mayBlameHosts: true).isEmpty)
        let over = correlation.judge(now: Scene.at(403), mayBlameHosts: true)
        #expect(over.map(\.reason) == ["pattern_ended"])
        #expect(over.first?.incident == entry.id)
        #expect(correlation.incidents.entries[entry.id]?.closing == .resolved)
    }

    @Test mutating func `an alert of the same host, group or correlation id joins what a pattern has opened`() throws {
        let incident = try #require(try take(Self.logins(0..<3, correlation: "req-7"), now: 3).first?.incident)
        func alert(_ name: String, host: String, _ labels: Labels) -> Alert {
            var alert = Scene.firing(name, host: host, since: 5)
            alert.labels = labels.merged(over: alert.labels)
            return alert
        }
        for (number, alert) in [
            alert("A", host: "web-1", [:]), alert("B", host: "web-2", ["correlation_id": "req-7"]),
        ].enumerated() {
            let host = alert.labels["host"] ?? ""
            let contact = Scene.contact(host, at: 5, kind: .alerts)
            let told = correlation.take(
                BlockFacts(contact: contact, origin: Scene.place(UInt64(number + 1)), alerts: [alert]),
                now: Scene.at(5)
            )
            #expect(told.map(\.incident) == [incident])
        }
        #expect(correlation.incidents.entries[incident]?.hosts == ["web-1", "web-2"])
    }

    @Test func `alerts with the same values of group_by are one incident, whatever their hosts`() {
        var correlation = Correlation(
            config: Self.config([], groupBy: ["cluster"]),
            restoring: StoredCorrelation(nextSequence: 1),
            makeID: Scene.counter()
        )
        var incidents: [UUID] = []
        for (number, cluster) in ["a", "a", "b"].enumerated() {
            var alert = Scene.firing("DiskFull", host: "db-\(number)", since: 0)
            alert.labels = alert.labels.setting("cluster", to: cluster)
            let contact = Scene.contact("db-\(number)", at: 0, kind: .alerts)
            incidents += correlation.take(BlockFacts(contact: contact, origin: Scene.place(1), alerts: [alert]), now: Scene.at(0)).map(\.incident)
        }
        #expect(incidents.count == 3)
        #expect(incidents[0] == incidents[1])
        #expect(incidents[0] != incidents[2])
    }

    @Test func `an alert then another is a pattern too, and its own alert feeds nothing`() {
        let pattern = IncidentPattern(
            name: "then",
            first: EventMatch(alert: "A"),
            shape: .followed(by: EventMatch(alert: "B")),
            within: .seconds(300),
            by: ["host"],
            alert: IncidentPattern.AlertSpec(name: "A", labels: ["severity": "info"], annotations: [:], keepFiringFor: .seconds(60))
        )
        var correlation = Correlation(config: Self.config([pattern]), restoring: StoredCorrelation(nextSequence: 1), makeID: Scene.counter())
        var reasons: [String] = []
        for (number, name) in ["A", "B", "C"].enumerated() {
            let contact = Scene.contact(at: number, kind: .alerts)
            let facts = BlockFacts(contact: contact, origin: Scene.place(UInt64(number + 1)), alerts: [Scene.firing(name, since: number)])
            reasons += correlation.take(facts, now: Scene.at(number)).map { "\($0.alert.name) \($0.reason)" }
        }
        #expect(reasons == ["A fired", "B fired", "A pattern_matched", "C fired"])
    }

    @Test mutating func `a state that is read again goes on: nothing is counted or opened twice`() throws {
        _ = try take(Self.logins(0..<2), now: 2)
        let store = try CorrelationStore(path: ":memory:", now: Scene.noon)
        try store.write(correlation.takeChanges(), transitions: [], cursor: 5, now: Scene.at(2))
        correlation = Correlation(config: Self.config([Self.burst]), restoring: try store.load(), makeID: Scene.counter())
        let told = try take(Self.logins(3..<4), now: 4)
        #expect(told.map(\.reason) == ["pattern_matched"])
        try store.write(correlation.takeChanges(), transitions: told, cursor: 6, now: Scene.at(4))
        let again = Correlation(config: Self.config([Self.burst]), restoring: try store.load(), makeID: Scene.counter())
        #expect(again.incidents.entries == correlation.incidents.entries)
        #expect(again.patterns.states == correlation.patterns.states)
    }

    @Test func `an old match is recorded and closed, and pages nobody`() throws {
        var correlation = correlation
        let block = Scene.block(Self.logins(0..<3))
        let contact = Contact(host: "", agent: Scene.otherAgent, tags: [], kind: .events, dataAt: block.to, receivedAt: Scene.at(9 * 86_400))
        let hits = try correlation.search.hits(in: block)
        let facts = BlockFacts(contact: contact, origin: block.origin, alerts: [], hits: hits)
        #expect(correlation.take(facts, now: Scene.at(9 * 86_400)).isEmpty)
        #expect(correlation.incidents.entries.values.map(\.closing) == [.complete])
    }
}
