import Blocks
import SQLite
import Telemetry
import TestSupport
import Testing

@testable import Correlating

/// Files of versions before this one.
@Suite struct OlderCorrelationTests {
    @Test func `alerts of a file that did not know who said them first fire on, and are over with the last of them`() throws {
        let folder = try TemporaryFolder()
        let path = folder("correlation.db")
        let alert = Alert(
            labels: ["alertname": "Slow"],
            state: .firing,
            activeAt: Scene.at(0),
            startsAt: Scene.at(0),
            value: 1,
            updatedAt: Scene.at(0)
        )
        let incident = UUID(high: 5, low: 5)
        do {
            let connection = try Connection(path: path)
            // Six steps, before an alert had a voice.
            let steps = Array(CorrelationStore.migrations.steps.prefix(6))
            try Migrations(applicationID: CorrelationStore.migrations.applicationID, steps: steps).apply(to: connection)
            try connection.execute("INSERT INTO progress VALUES (1, 7, 100, 99, 99)")
            for host in [AlertBook.ruledHost, AlertBook.others] {
                try connection.execute(
                    "INSERT INTO alert VALUES (?, ?, 2, ?, NULL, NULL, NULL, NULL, NULL, ?, NULL, ?)",
                    [
                        .text(host), .unsigned(alert.fingerprint), .blob(AlertBlock.encode([alert])), .integer(Scene.at(0).nanoseconds),
                        .blob(incident.bytes),
                    ]
                )
            }
            // What a pattern of then had seen.
            try connection.execute(
                "INSERT INTO pattern VALUES ('p', '{host=\"web-1\"}', ?, ?)",
                [
                    .text(#"{"values":{"host":"web-1"},"firsts":[\#(Scene.at(0).nanoseconds)],"due_at":[],"heard_at":\#(Scene.at(0).nanoseconds)}"#),
                    .blob(EventBlock.encode([])),
                ]
            )
        }
        let store = try CorrelationStore(path: path, now: Scene.at(10))
        let state = try store.load()
        #expect(state.cursor == 7 && state.alerts.count == 2)
        let pattern = PatternBookTests.pattern(.followed(by: EventMatch(type: "b")))
        var correlation = Correlation(config: IncidentPatternsTests.config([pattern]), restoring: state, makeID: Scene.counter())
        #expect(correlation.shown.map(\.saidBy) == [["outside", "rules"]])
        var ended = alert
        (ended.state, ended.endsAt) = (.resolved, Scene.at(20))
        #expect(correlation.take(RuledAlerts(alerts: [ended], isWhole: true), now: Scene.at(20)).isEmpty)
        let contact = Contact(host: "", agent: Scene.otherAgent, tags: [], kind: .alerts, dataAt: Scene.at(30), receivedAt: Scene.at(30))
        let facts = BlockFacts(contact: contact, origin: Scene.place(1), alerts: [ended])
        #expect(correlation.take(facts, now: Scene.at(30)).map(\.reason) == ["resolved"])
        // The A of then is met now.
        let block = Scene.block([PatternBookTests.event("b", at: 40)])
        let hits = try correlation.search.hits(in: block)
        let more = BlockFacts(contact: contact, origin: block.origin, alerts: [], hits: hits)
        #expect(correlation.take(more, now: Scene.at(40)).map(\.reason) == ["pattern_matched"])
    }
}
