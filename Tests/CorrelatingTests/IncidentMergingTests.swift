import Telemetry
import Testing

@testable import Correlating

/// Incidents that turn out to be one.
@Suite struct IncidentMergingTests {
    private var correlation = fresh()

    private static func fresh(_ state: StoredCorrelation = StoredCorrelation(nextSequence: 1)) -> Correlation {
        Correlation(config: IncidentPatternsTests.config([], groupBy: ["cluster"]), restoring: state, makeID: Scene.counter())
    }

    private static func alert(_ name: String, host: String, since start: Int, ended: Int? = nil, _ labels: Labels = [:]) -> Alert {
        var alert = ended.map { Scene.resolved(name, host: host, since: start, ended: $0) } ?? Scene.firing(name, host: host, since: start)
        alert.labels = labels.merged(over: alert.labels)
        return alert
    }

    private var rows: UInt64 = 0

    private mutating func take(_ alert: Alert, at seconds: Int) -> [AlertTransition] {
        rows += 1
        let contact = Scene.contact(alert.labels["host"] ?? "", at: seconds, kind: .alerts)
        return correlation.take(BlockFacts(contact: contact, origin: Scene.place(rows), alerts: [alert]), now: Scene.at(seconds))
    }

    /// One by its correlation id on web-1, one by its cluster on db-1, then an alert of both on app-1.
    private mutating func weld() throws -> (older: UUID, younger: UUID, told: [AlertTransition]) {
        let first = take(Self.alert("Slow", host: "web-1", since: 0, ["correlation_id": "req-7"]), at: 0)
        let second = take(Self.alert("Full", host: "db-1", since: 10, ["cluster": "a"]), at: 10)
        let (older, younger) = (try #require(first.first?.incident), try #require(second.first?.incident))
        #expect(older != younger)
        let both = Self.alert("Errors", host: "app-1", since: 20, ["cluster": "a", "correlation_id": "req-7"])
        return (older, younger, take(both, at: 20))
    }

    @Test mutating func `an alert with the correlation id of one incident and the group labels of another makes them one`() throws {
        let (older, younger, told) = try weld()
        #expect(told.map(\.reason) == ["fired", "incidents_merged"])
        #expect(told.map(\.incident) == [older, older])
        let (whole, part) = (try #require(correlation.incidents.entries[older]), try #require(correlation.incidents.entries[younger]))
        #expect(whole.isOpen && whole.mergedFrom == [younger])
        #expect(whole.hosts == ["web-1", "db-1", "app-1"])
        #expect(whole.alerts.map(\.name) == ["Slow", "Full", "Errors"])
        #expect(part.closing == .merged && part.mergedInto == older && part.closedAt == Scene.at(20))
        // What ends is of the older, which closes with the last of all.
        #expect(take(Self.alert("Full", host: "db-1", since: 10, ended: 30, ["cluster": "a"]), at: 30).map(\.incident) == [older])
        _ = take(Self.alert("Slow", host: "web-1", since: 0, ended: 40, ["correlation_id": "req-7"]), at: 40)
        #expect(correlation.incidents.entries[older]?.isOpen == true)
        _ = take(Self.alert("Errors", host: "app-1", since: 20, ended: 50, ["cluster": "a", "correlation_id": "req-7"]), at: 50)
        #expect(correlation.incidents.entries[older]?.closing == .resolved)
        #expect(correlation.incidents.entries[younger]?.closedAt == Scene.at(20))
        // Soon after, an alert of the younger's keys is of the one that went on.
        #expect(take(Self.alert("Full", host: "db-2", since: 60, ["cluster": "a"]), at: 60).map(\.incident) == [older])
    }

    @Test mutating func `it is told once, in the log and in the explanation, and to nobody`() throws {
        let (older, younger, told) = try weld()
        let merge = try #require(told.last)
        #expect(merge.isHistoryOnly)
        let event = OwnEvents.event(for: merge)
        #expect(event.type == "incident.merged" && event.correlationID == older.description)
        #expect(event.data.contains(younger.description))
        let decisions = correlation.takeChanges().decisions.filter { $0.kind == .incidentMerged }
        #expect(decisions.map { $0.details["into"] } == [older.description])
        let again = Self.alert("More", host: "app-2", since: 25, ["cluster": "a", "correlation_id": "req-7"])
        #expect(take(again, at: 25).map(\.reason) == ["fired"])
    }

    @Test mutating func `a merge is in the file with what brought it about, and known after a kill`() throws {
        let store = try CorrelationStore(path: ":memory:", now: Timestamp(milliseconds: 1))
        let (older, younger, told) = try weld()
        try store.write(correlation.takeChanges(), transitions: told, cursor: 3, now: Scene.at(20))
        let entries = correlation.incidents.entries
        correlation = Self.fresh(try store.load())
        #expect(correlation.incidents.entries == entries)
        #expect(take(Self.alert("Full", host: "db-1", since: 10, ended: 30, ["cluster": "a"]), at: 30).map(\.incident) == [older])
        #expect(try store.incident(younger)?.mergedInto == older)
        #expect(try store.incident(older)?.mergedFrom == [younger])
        #expect(try store.transitions(after: 0, limit: 10).map(\.reason) == ["fired", "incidents_merged"])
    }

    @Test mutating func `a host in common makes nothing one`() throws {
        let first = take(Self.alert("Full", host: "db-1", since: 0), at: 0)
        let second = take(Self.alert("Slow", host: "web-1", since: 10, ["correlation_id": "req-7"]), at: 10)
        let both = take(Self.alert("Errors", host: "db-1", since: 20, ["correlation_id": "req-7"]), at: 20)
        #expect(both.map(\.reason) == ["fired"])
        #expect(both.map(\.incident) == second.map(\.incident))
        #expect(Set(correlation.incidents.entries.values.filter(\.isOpen).map(\.id)) == Set((first + second).map(\.incident)))
    }

    @Test func `events of a pattern weld incidents as alerts do, and evidence of both is kept`() throws {
        var book = IncidentBook(makeID: Scene.counter())
        func event(_ number: Int) -> Event { PatternBookTests.event("e\(number)", at: number) }
        func matched(_ keys: [IncidentKey], _ seconds: Int, in book: inout IncidentBook) -> UUID {
            book.matched(
                "p\(seconds)",
                keys: keys,
                hosts: ["h\(seconds)"],
                events: [event(seconds)],
                from: Scene.at(seconds),
                at: Scene.at(seconds),
                isOld: false,
                now: Scene.at(seconds)
            )
        }
        let (one, two) = (IncidentKey(.correlation, "req-1"), IncidentKey(.correlation, "req-2"))
        // The one that opened first, by the events' own time, goes on.
        let younger = matched([IncidentKey(.pattern, "a"), one], 9, in: &book)
        let older = matched([IncidentKey(.pattern, "b"), two], 3, in: &book)
        #expect(matched([IncidentKey(.pattern, "c"), one, two], 12, in: &book) == older)
        #expect(book.entries[younger]?.mergedInto == older)
        #expect(book.entries[older]?.evidence.map(\.type) == ["e3", "e9", "e12"])
        #expect(book.entries[older]?.hosts == ["h3", "h9", "h12"])
        #expect(book.takeMerges().map(\.from) == [younger])
        #expect(book.takeMerges().isEmpty)
    }
}
