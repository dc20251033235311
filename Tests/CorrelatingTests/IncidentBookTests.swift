import Telemetry
import Testing

@testable import Correlating

@Suite struct IncidentBookTests {
    var book = IncidentBook(makeID: Scene.counter())

    @Test mutating func `alerts of one host that overlap are one incident, which closes with the last`() {
        let first = book.fired(Scene.firing("A", since: 0), of: "web-1")
        let second = book.fired(Scene.firing("B", since: 30), of: "web-1")
        let other = book.fired(Scene.firing("A", host: "web-2", since: 30), of: "web-2")
        #expect(first == second)
        #expect(other != first)
        #expect(book.resolved(Scene.resolved("A", since: 0, ended: 60), of: "web-1", incident: first) == first)
        #expect(book.entries[first]?.isOpen == true)
        #expect(book.resolved(Scene.resolved("B", since: 30, ended: 90), of: "web-1", incident: first) == first)
        #expect(book.entries[first]?.closedAt == Scene.at(90))
        #expect(book.entries[first]?.openedAt == Scene.at(0))
        #expect(book.entries[first]?.alerts.map(\.name) == ["A", "B"])
        #expect(book.entries[first]?.alerts.allSatisfy { $0.state == .resolved } == true)
        #expect(book.fired(Scene.firing("A", since: 100), of: "web-1") != first)
    }

    @Test mutating func `an alert that arrives late joins the incident of its time`() {
        let id = book.fired(Scene.firing("A", since: 0), of: "web-1")
        _ = book.resolved(Scene.resolved("A", since: 0, ended: 100), of: "web-1", incident: id)
        #expect(book.past(Scene.resolved("B", since: 50, ended: 150), of: "web-1") == id)
        #expect(book.entries[id]?.closedAt == Scene.at(150))
        #expect(book.past(Scene.resolved("C", since: -600, ended: -500), of: "web-1") != id)
        // Fires since then, and still does: the incident is not over.
        #expect(book.fired(Scene.firing("D", since: 140), of: "web-1") == id)
        #expect(book.entries[id]?.isOpen == true)
    }

    @Test mutating func `evidence is bounded, the worst and nearest stay, in order of time, once each`() {
        let id = book.fired(Scene.firing("A", since: 0), of: "web-1")
        func event(_ number: Int, _ severity: Severity, at seconds: Int) -> Event {
            Event(
                id: UUID(high: 9, low: UInt64(number)),
                timestamp: Scene.at(seconds),
                source: "app",
                type: "log.line",
                severity: severity,
                host: "web-1"
            )
        }
        let warnings = (0..<40).map { event($0, .warning, at: -$0) }
        let failure = event(100, .error, at: -299)
        let outside = event(101, .critical, at: -301)
        book.add(warnings, of: "web-1")
        book.add([failure, outside] + warnings, of: "web-1")
        book.add(warnings, of: "web-2")
        let evidence = book.entries[id]?.evidence ?? []
        #expect(evidence.count == CorrelatingLimits.evidenceMax)
        #expect(evidence.first == failure)
        #expect(!evidence.contains(outside))
        #expect(evidence.map(\.timestamp) == evidence.map(\.timestamp).sorted())
        #expect(Set(evidence.compactMap(\.id)).count == evidence.count)
    }

    @Test mutating func `closed incidents leave memory only after they were written`() {
        for number in 0..<CorrelatingLimits.closedIncidentsInMemory * 3 {
            _ = book.past(Scene.resolved("A", since: number * 100, ended: number * 100 + 10), of: "web-1")
        }
        #expect(book.takeChanges().count == CorrelatingLimits.closedIncidentsInMemory * 3)
        #expect(book.entries.count == CorrelatingLimits.closedIncidentsInMemory)
    }

    @Test mutating func `an open incident joined during an eviction stays`() {
        let id = book.fired(Scene.firing("A", since: 0), of: "web-1")
        for number in 0..<CorrelatingLimits.closedIncidentsInMemory + 5 {
            _ = book.past(Scene.resolved("A", host: "web-2", since: number * 100, ended: number * 100 + 10), of: "web-2")
        }
        _ = book.takeChanges()
        #expect(book.entries[id]?.isOpen == true)
    }
}
