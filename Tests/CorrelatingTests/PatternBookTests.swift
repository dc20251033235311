import Blocks
import Matching
import Telemetry
import Testing

@testable import Correlating

@Suite struct PatternBookTests {
    static func event(_ type: String, at seconds: Int, host: String = "web-1", message: String = "m", severity: Severity = .error) -> Event {
        Event(
            id: UUID(high: UInt64(bitPattern: Int64(seconds)), low: UInt64(type.count)),
            timestamp: Scene.at(seconds),
            source: "app",
            type: type,
            severity: severity,
            host: host,
            message: message
        )
    }

    static func pattern(_ shape: IncidentPattern.Shape, within seconds: Int = 300, by: [String] = ["host"], keep: Int? = 300, lateness: Int = 5)
        -> IncidentPattern
    {
        IncidentPattern(
            name: "p",
            first: EventMatch(type: "a"),
            shape: shape,
            within: .seconds(seconds),
            by: by,
            alert: keep.map { IncidentPattern.AlertSpec(name: "P", labels: [:], annotations: [:], keepFiringFor: .seconds($0)) },
            allowedLateness: .seconds(lateness)
        )
    }

    /// What holds, by the second that completed it.
    static func held(_ verdicts: [PatternVerdict]) -> [Timestamp] {
        verdicts.compactMap { if case .holds(_, _, _, let at, _) = $0 { at } else { nil } }
    }

    var book = PatternBook([])
    var search = PatternSearch(patterns: [])

    mutating func begin(_ pattern: IncidentPattern) {
        (book, search) = (PatternBook([pattern]), PatternSearch(patterns: [pattern]))
    }

    mutating func play(_ events: [Event], readAt: Int? = nil) throws -> [PatternVerdict] {
        var verdicts: [PatternVerdict] = []
        for event in events {
            let now = readAt.map { Scene.at($0) } ?? event.timestamp
            for hit in try search.hits(in: Scene.block([event])) { if let verdict = book.take(hit, now: now) { verdicts.append(verdict) } }
        }
        return verdicts
    }

    @Test mutating func `A then B within the time, on the same host, once`() throws {
        begin(Self.pattern(.followed(by: EventMatch(type: "b"))))
        #expect(try play([Self.event("b", at: 0)]).isEmpty)
        #expect(try play([Self.event("a", at: 1), Self.event("b", at: 2, host: "web-2")]).isEmpty)
        let verdicts = try play([Self.event("b", at: 200)])
        #expect(Self.held(verdicts) == [Scene.at(200)])
        guard case .holds(_, let state, let from, _, let isOld)? = verdicts.first else { return }
        #expect(from == Scene.at(1))
        #expect(state.events.map(\.type) == ["a", "b"])
        #expect(state.values == ["host": "web-1"])
        #expect(!isOld)
        // A later B of the same A belongs to it; one that comes after the time needs another A.
        guard case .holds(_, let more, from: Scene.at(1), at: Scene.at(201), _)? = try play([Self.event("b", at: 201)]).first else {
            Issue.record("it does not belong")
            return
        }
        #expect(more.events.map(\.timestamp) == [Scene.at(201)])
        #expect(try play([Self.event("a", at: 302), Self.event("b", at: 603)]).isEmpty)
    }

    @Test mutating func `N of A in the time, by their own times, whatever the order in which they arrive`() throws {
        begin(Self.pattern(.repeated(3), within: 60))
        #expect(try play([Self.event("a", at: 0), Self.event("a", at: 61), Self.event("a", at: 122)]).isEmpty)
        #expect(Self.held(try play([Self.event("a", at: 140), Self.event("a", at: 130)], readAt: 150)).count == 1)
        // More of them belong to it, up to what is kept of one.
        #expect(Self.held(try play([Self.event("a", at: 150), Self.event("a", at: 151)])) == [Scene.at(150), Scene.at(151)])
        #expect(try play((0..<40).map { Self.event("a", at: 152 + $0) }).count < CorrelatingLimits.patternEventsMax)
        #expect(book.nextDeadline == Scene.at(191 + 300))
    }

    @Test mutating func `A and no B: said when it is too late for one, and taken back when it comes after all`() throws {
        begin(Self.pattern(.missing(EventMatch(type: "b")), within: 600, keep: 3600))
        _ = try play([Self.event("a", at: 0), Self.event("b", at: 590)])
        #expect(book.judge(now: Scene.at(700)) { _ in true }.isEmpty)
        _ = try play([Self.event("a", at: 1000)])
        #expect(book.nextDeadline == Scene.at(1605))
        #expect(book.judge(now: Scene.at(1604)) { _ in true }.isEmpty)
        #expect(Self.held(book.judge(now: Scene.at(1605)) { _ in true }) == [Scene.at(1600)])
        #expect(book.judge(now: Scene.at(1606)) { _ in true }.isEmpty)
        let late = try play([Self.event("b", at: 1700)])
        guard case .over? = late.first else {
            Issue.record("not taken back")
            return
        }
    }

    @Test mutating func `nothing is missed of a host that is not heard; when it is back its backlog counts`() throws {
        begin(Self.pattern(.missing(EventMatch(type: "b")), within: 60))
        _ = try play([Self.event("a", at: 0)])
        for second in stride(from: 65, through: 1000, by: 5) { #expect(book.judge(now: Scene.at(second)) { _ in false }.isEmpty) }
        _ = try play([Self.event("b", at: 30)], readAt: 1001)
        #expect(book.judge(now: Scene.at(2000)) { _ in true }.isEmpty)
    }

    @Test mutating func `what held last week is history`() throws {
        begin(Self.pattern(.repeated(2), within: 60))
        let verdicts = try play([Self.event("a", at: 0), Self.event("a", at: 1)], readAt: 7 * 86_400)
        guard case .holds(_, _, _, _, isOld: true)? = verdicts.first else {
            Issue.record("taken as news")
            return
        }
        #expect(book.nextDeadline == nil)
    }

    @Test mutating func `states go with their time, and there are never too many`() throws {
        begin(Self.pattern(.repeated(2), within: 60, by: ["host"]))
        for number in 0..<(CorrelatingLimits.patternStatesMax + 10) {
            let hit = PatternHit(pattern: 0, part: .first, values: ["host": "h\(number)"], event: Self.event("a", at: 0))
            _ = book.take(hit, now: Scene.at(0))
        }
        #expect(book.states.count == CorrelatingLimits.patternStatesMax)
        #expect(book.refusedOverLimit == 10)
        _ = book.judge(now: Scene.at(3600 + 61)) { _ in true }
        #expect(book.states.isEmpty)
    }

    @Test func `matches look at source, type, severity, message, tags and data`() throws {
        var event = Self.event("deploy.finished", at: 0, message: "release 7 failed")
        (event.tags, event.data) = (["prod"], #"{"service":"shop","n":1}"#)
        let good: [EventMatch] = [
            EventMatch(source: "app", type: "deploy.*", severity: .warning), EventMatch(message: try Pattern("release \\d+ failed")),
            EventMatch(tags: ["prod"], labels: ["service": "shop"]), EventMatch(host: "web-1"),
        ]
        #expect(good.allSatisfy { $0.holds(for: event) })
        let bad: [EventMatch] = [
            EventMatch(source: "other"), EventMatch(type: "deploy"), EventMatch(severity: .critical), EventMatch(message: try Pattern("^failed")),
            EventMatch(tags: ["test"]), EventMatch(labels: ["service": "blog"]), EventMatch(host: "web-2"), EventMatch(alert: "DiskFull"),
        ]
        #expect(!bad.contains { $0.holds(for: event) })
        #expect(EventMatch(labels: ["severity": "warning"], alert: "DiskFull").holds(for: Scene.firing(since: 0), on: "web-1"))
        #expect(!EventMatch(alert: "DiskFull", state: .resolved).holds(for: Scene.firing(since: 0), on: "web-1"))
    }

    @Test func `our own events about alerts count for nobody who does not name them`() throws {
        let own = Event(timestamp: Scene.noon, source: "tocsin", type: "alert.fired", severity: .critical, host: "web-1")
        let errors = IncidentPattern(name: "e", first: EventMatch(severity: .error), shape: .repeated(2), within: .seconds(60), by: [])
        let named = IncidentPattern(name: "n", first: EventMatch(type: "alert.fired"), shape: .repeated(2), within: .seconds(60), by: [])
        #expect(try PatternSearch(patterns: [errors, named]).hits(in: Scene.block([own])).map(\.pattern) == [1])
    }

    @Test mutating func `what was seen goes on after a restart`() throws {
        begin(Self.pattern(.repeated(3), within: 60))
        _ = try play([Self.event("a", at: 0), Self.event("a", at: 1)])
        let store = try CorrelationStore(path: ":memory:", now: Scene.noon)
        for (key, state) in book.takeChanges() { try store.write(state, key: key) }
        let stored = try store.patterns()
        #expect(stored == Array(book.states.values))
        book = PatternBook([Self.pattern(.repeated(3), within: 60)], restoring: stored)
        #expect(Self.held(try play([Self.event("a", at: 2)])) == [Scene.at(2)])
        // A pattern that is no longer configured ends its alert and is forgotten.
        var gone = PatternBook([], restoring: Array(book.states.values))
        #expect(gone.judge(now: Scene.at(3)) { _ in true }.count == 1)
        #expect(gone.states.isEmpty)
    }
}
