import Telemetry
import Testing

@testable import Correlating

/// Whether all of an incident is there.
@Suite struct IncidentCollectingTests {
    var book = IncidentBook(makeID: Scene.counter(), window: .seconds(300))

    /// Hosts and up to when their metrics are here, in seconds.
    func due(at now: Int, _ arrived: [String: Int]) -> [(missing: [String], isTimeout: Bool)] {
        book.collections(now: Scene.at(now), timeout: .seconds(900)) { arrived[$0].map { Scene.at($0) } }.map { ($0.missing, $0.isTimeout) }
    }

    @Test mutating func `an incident is complete when the metrics of all its hosts have passed its opening`() {
        let id = book.fired(Scene.firing("A", since: 0), of: "web-1", now: Scene.at(0))
        _ = book.fired(Scene.firing("B", host: "web-2", since: 1), of: "web-2", in: id)
        #expect(due(at: 500, ["web-1": 500, "web-2": 500]).isEmpty, "before its surroundings were searched")
        book.gathered(Gathered(), for: id)
        #expect(due(at: 60, ["web-1": 60, "web-2": 60]).isEmpty, "before its time")
        #expect(due(at: 121, ["web-1": 121, "web-2": 60]).isEmpty)
        let complete = due(at: 130, ["web-1": 130, "web-2": 130])
        #expect(complete.map(\.missing) == [[]])
        #expect(complete.map(\.isTimeout) == [false])
        book.collected(id, missing: [], isTimeout: false, now: Scene.at(130))
        #expect(book.entries[id]?.collection == .complete)
        #expect(book.entries[id]?.isOpen == true, "its alert fires")
    }

    @Test mutating func `what does not arrive in time is named, and it is closed with what did`() {
        let id = book.matched(
            "p",
            keys: [IncidentKey(.pattern, "p {}")],
            hosts: ["web-1", "web-2", "no-agent"],
            events: [],
            from: Scene.at(0),
            at: Scene.at(0),
            isOld: false,
            now: Scene.at(0)
        )
        book.gathered(Gathered(), for: id)
        #expect(due(at: 899, ["web-1": 899, "web-2": 10]).isEmpty)
        let over = due(at: 900, ["web-1": 900, "web-2": 10])
        #expect(over.map(\.missing) == [["web-2"]])
        book.collected(id, missing: ["web-2"], isTimeout: true, now: Scene.at(900))
        #expect(book.entries[id]?.closing == .timeout)
        #expect(book.entries[id]?.missing == ["web-2"])
        #expect(due(at: 2000, [:]).isEmpty)
    }

    @Test mutating func `an alert soon after the end belongs to it, a later one does not`() {
        let id = book.fired(Scene.firing("A", since: 0), of: "web-1")
        _ = book.resolved(Scene.resolved("A", since: 0, ended: 60), of: "web-1", incident: id)
        #expect(book.fired(Scene.firing("B", since: 300), of: "web-1") == id)
        #expect(book.entries[id]?.isOpen == true)
        _ = book.resolved(Scene.resolved("B", since: 300, ended: 400), of: "web-1", incident: id)
        #expect(book.fired(Scene.firing("C", since: 701), of: "web-1") != id)
    }

    @Test mutating func `too many open ones: the oldest is closed and says so`() {
        for number in 0...CorrelatingLimits.openIncidentsMax {
            _ = book.fired(Scene.firing("A", host: "h\(number)", since: number), of: "h\(number)", now: Scene.at(number))
        }
        let limited = book.entries.values.filter { $0.closing == .limit }
        #expect(limited.map(\.hosts) == [["h0"]])
        #expect(book.entries.values.count { $0.isOpen } == CorrelatingLimits.openIncidentsMax)
    }

    @Test mutating func `an incident is the same after it was stored, and is found by host, name and time`() throws {
        let id = book.fired(Scene.firing("A", since: 0), of: "web-1", now: Scene.at(0))
        _ = book.fired(Scene.firing("B", host: "web-2", since: 100), of: "web-2", now: Scene.at(100))
        _ = book.fired(Scene.firing("C", host: "web-3", since: 200), of: "web-3", now: Scene.at(200))
        _ = book.resolved(
            Scene.resolved("C", host: "web-3", since: 200, ended: 210),
            of: "web-3",
            incident: book.entries.values.first { $0.name == "C" }?.id
        )
        let change = PatternBookTests.event("deploy.finished", at: -60)
        let points = [MetricPoints.Point(Scene.at(0), 1), MetricPoints.Point(Scene.at(10), 2.5)]
        let series = MetricPoints(labels: ["__name__": "node_load1", "host": "web-1"], points: points)
        book.gathered(Gathered(evidence: [PatternBookTests.event("x", at: 1)], changes: [change], metrics: [series]), for: id)
        let store = try CorrelationStore(path: ":memory:", now: Scene.noon)
        for entry in book.takeChanges() { try store.write(entry) }
        #expect(try store.incident(id) == book.entries[id]?.incident)
        #expect(try store.incident(id)?.metrics == [series])
        #expect(Set(try store.rememberedIncidents()) == Set(book.entries.values))
        func names(_ query: IncidentQuery) throws -> [String] { try store.incidents(query).incidents.map(\.name) }
        #expect(try names(IncidentQuery()) == ["C", "B", "A"])
        #expect(try names(IncidentQuery(host: "web-2")) == ["B"])
        #expect(try names(IncidentQuery(host: "web")) == [])
        #expect(try names(IncidentQuery(name: "A")) == ["A"])
        #expect(try names(IncidentQuery(isOpen: false)) == ["C"])
        #expect(try names(IncidentQuery(start: Scene.at(100), end: Scene.at(200))) == ["B"])
        let first = try store.incidents(IncidentQuery(limit: 2))
        #expect(first.incidents.count == 2)
        let rest = try store.incidents(IncidentQuery(limit: 2, cursor: first.next))
        #expect(rest.incidents.map(\.name) == ["A"])
        #expect(rest.next == nil)
    }

    @Test func `a message's kind is its words, numbers aside`() {
        func words(_ text: String) -> String? { Evidence.words(of: PatternBookTests.event("log.line", at: 0, message: text)) }
        #expect(words("worker 17 lost connection to 10.0.0.7:5432") == "worker lost connection")
        #expect(words("worker 18 lost connection to db9") == "worker lost connection")
        #expect(words("42 17") == nil)
    }
}
