import Blocks
import Operating
import Telemetry
import TestSupport
import Testing

@testable import Querying

struct EventSearchTests {
    typealias F = QueryFixture

    @Test(arguments: Sealing.allCases)
    func `each filter holds by itself and together with the others`(sealing: Sealing) async throws {
        let bench = try await SearchBench(sealing)
        let (fixture, search) = (bench.fixture, bench.search)
        try await fixture.store(
            [
                F.event("a", source: "deploy", type: "deploy.finished", severity: .warning, correlation: "r-1", tags: ["blue", "eu"]),
                F.event("b", at: .seconds(1), source: "deploy", type: "deploy", severity: .error, host: "web-2", tags: ["blue"]),
                F.event("c", at: .seconds(2), type: "deploy.rollback.started", severity: .critical, correlation: "r-2"),
                F.event("d", at: .seconds(3), severity: .debug, correlation: "r-1"),
            ],
            tags: ["production"]
        )
        #expect(try await bench.messages(EventQuery()) == ["d", "c", "b", "a"])
        #expect(try await bench.messages(EventQuery(source: "deploy")) == ["b", "a"])
        #expect(try await bench.messages(EventQuery(type: "deploy.*")) == ["c", "a"])
        #expect(try await bench.messages(EventQuery(type: "deploy")) == ["b"])
        #expect(try await bench.messages(EventQuery(severities: [.debug, .error])) == ["d", "b"])
        #expect(try await bench.messages(EventQuery(minSeverity: .error)) == ["c", "b"])
        #expect(try await bench.messages(EventQuery(host: "web-2")) == ["b"])
        #expect(try await bench.messages(EventQuery(correlationID: "r-1")) == ["d", "a"])
        #expect(try await bench.messages(EventQuery(tags: ["blue"])) == ["b", "a"])
        #expect(try await bench.messages(EventQuery(tags: ["blue", "eu", "production"])) == ["a"])
        #expect(try await bench.messages(EventQuery(tags: ["green"])) == [])
        #expect(try await bench.messages(EventQuery(words: "C")) == ["c"])
        #expect(try await bench.messages(EventQuery(start: F.noon.advanced(by: .seconds(1)), end: F.noon.advanced(by: .seconds(3)))) == ["c", "b"])
        #expect(try await bench.messages(EventQuery(source: "deploy", minSeverity: .error, host: "web-1")) == [])
        #expect(try await bench.messages(EventQuery(newestFirst: false)) == ["a", "b", "c", "d"])
        #expect(try await bench.messages(EventQuery(limit: 2, offset: 1)) == ["c", "b"])
        #expect(try await search.events(EventQuery(source: "deploy")).events.last?.tags == ["blue", "eu", "production"])
    }

    @Test(arguments: Sealing.allCases)
    func `what a post acknowledged the next query sees`(sealing: Sealing) async throws {
        let bench = try await SearchBench(sealing)
        let (fixture, search) = (bench.fixture, bench.search)
        for index in 0..<20 {
            let ids = try await fixture.post([F.event("m\(index)", at: .seconds(index))])
            #expect(try await search.events(EventQuery(limit: 1)).events.first?.id == ids[0])
        }
    }

    @Test(arguments: Sealing.allCases)
    func `an event is found by its id, given or derived`(sealing: Sealing) async throws {
        let bench = try await SearchBench(sealing)
        let (fixture, search) = (bench.fixture, bench.search)
        let own = UUID(high: 0x1234_5678_9ABC_DEF0, low: 0x8000_0000_0000_0001)
        try await fixture.store([F.event("line 0"), F.event("line 1")])
        let ids = try await fixture.post([F.event("own", id: own), F.event("derived")])
        #expect(ids[0] == own)
        #expect(try await search.event(id: own)?.message == "own")
        #expect(try await search.event(id: ids[1])?.message == "derived")
        for event in try await search.events(EventQuery()).events {
            let id = try #require(event.id)
            #expect(try await search.event(id: id) == event)
        }
        #expect(try await search.event(id: UUID(high: 1, low: 2)) == nil)
        #expect(try await search.event(id: UUID(high: .max, low: .max)) == nil)
        #expect(try await search.event(id: UUID(high: 0xFFFF_FFFF_FFFF_7FFF, low: .max)) == nil)
        #expect(try await search.event(id: UUID.derived(at: F.noon, from: RowOrigin(agent: own, lane: .logs, sequence: 1, block: 0, row: 0))) == nil)
    }

    @Test(arguments: Sealing.allCases)
    func `events at the ends of time are searched like others`(sealing: Sealing) async throws {
        let bench = try await SearchBench(sealing)
        let (fixture, search) = (bench.fixture, bench.search)
        var (first, last) = (F.event("first"), F.event("last"))
        (first.timestamp, last.timestamp) = (.distantPast, Timestamp(nanoseconds: .max - 1))
        try await fixture.store([first, F.event("now"), last])
        #expect(try await bench.messages(EventQuery()) == ["last", "now", "first"])
        for newestFirst in [true, false] {
            var (found, cursor) = ([String](), EventCursor?.none)
            repeat {
                let page = try await search.events(EventQuery(limit: 1, newestFirst: newestFirst, cursor: cursor))
                found += page.events.compactMap(\.message)
                cursor = page.next
            } while cursor != nil
            #expect(found == (newestFirst ? ["last", "now", "first"] : ["first", "now", "last"]))
        }
        #expect(try await search.statistics(from: .distantPast, to: .distantFuture).total == 3)
    }

    @Test(arguments: Sealing.allCases)
    func `a repeated event is shown once and counted once`(sealing: Sealing) async throws {
        let bench = try await SearchBench(sealing)
        let (fixture, search) = (bench.fixture, bench.search)
        let id = UUID(high: 5, low: 5)
        try await fixture.post([F.event("first", id: id)])
        try await fixture.post([F.event("again", id: id), F.event("other")])
        #expect(try await Set(bench.messages(EventQuery())) == ["first", "other"])
        #expect(try await search.statistics(from: .distantPast, to: .distantFuture).total == 2)
    }

    @Test(arguments: Sealing.allCases)
    func `a correlation comes oldest first, over sources and blocks`(sealing: Sealing) async throws {
        let bench = try await SearchBench(sealing)
        let (fixture, search) = (bench.fixture, bench.search)
        try await fixture.store([F.event("c", at: .seconds(30), correlation: "r"), F.event("x", correlation: "q")])
        try await fixture.store([F.event("a", at: .seconds(10), source: "app", correlation: "r")])
        try await fixture.store([F.event("no", at: .seconds(11))])
        try await fixture.store([F.event("b", at: .seconds(20), host: "db-1", correlation: "r")])
        #expect(try await search.events(correlationID: "r", limit: 100).map(\.message) == ["a", "b", "c"])
        #expect(try await search.events(correlationID: "r", limit: 2).map(\.message) == ["a", "b"])
        #expect(try await search.events(correlationID: "none", limit: 2).isEmpty)
    }

    @Test(arguments: Sealing.allCases)
    func `totals count each value, also where a block is only half inside`(sealing: Sealing) async throws {
        let bench = try await SearchBench(sealing)
        let (fixture, search) = (bench.fixture, bench.search)
        try await fixture.store([F.event("a"), F.event("b", at: .seconds(10), source: "app", severity: .error)])
        try await fixture.store([F.event("c", at: .seconds(20), host: ""), F.event("d", at: .seconds(40))])
        let all = try await search.statistics(from: .distantPast, to: .distantFuture)
        #expect(all.total == 4)
        #expect(all.bySource == ["nginx": 3, "app": 1])
        #expect(all.bySeverity == [.info: 3, .error: 1])
        #expect(all.byHost == ["web-1": 3])
        #expect(all.byType == [Event.logLine: 4])
        let part = try await search.statistics(from: F.noon.advanced(by: .seconds(10)), to: F.noon.advanced(by: .seconds(40)))
        #expect(part.total == 2)
        #expect(part.bySource == ["nginx": 1, "app": 1])
    }

    @Test(arguments: Sealing.allCases)
    func `a wrong query is refused with a sentence`(sealing: Sealing) async throws {
        let bench = try await SearchBench(sealing)
        let search = bench.search
        for query in [EventQuery(limit: 0), EventQuery(limit: 1001), EventQuery(words: "???"), EventQuery(offset: -1)] {
            await #expect(throws: QueryError.self) { try await search.events(query) }
        }
        let cursor = EventCursor(timestamp: F.noon, position: 1, row: 1)
        await #expect(throws: QueryError.self) { try await search.events(EventQuery(cursor: cursor, offset: 3)) }
        #expect(try await search.events(EventQuery(start: F.noon, end: F.noon)).events.isEmpty)
    }

    @Test(arguments: [true, false], Sealing.allCases)
    func `pages hold each event once, in order, while data arrives`(newestFirst: Bool, sealing: Sealing) async throws {
        let bench = try await SearchBench(sealing)
        let (fixture, search) = (bench.fixture, bench.search)
        var generator = SeededGenerator(seed: 12)
        var expected = [(time: Int64, position: LogPosition, row: Int, message: String)]()
        for index in 0..<40 {
            // Overlapping blocks of all lengths, and many equal times.
            let spread = [1, 60, 4000, 100_000].randomElement(using: &generator)!
            let events = (0..<Int.random(in: 1...8, using: &generator)).map { row in
                F.event("\(index)/\(row)", at: .seconds(Int.random(in: 0...spread, using: &generator) / 10 * 10))
            }
            let position = try await fixture.store(events)
            for (row, event) in events.enumerated() { expected.append((event.timestamp.nanoseconds, position, row, event.message!)) }
        }
        expected.sort { ($0.time, $0.position, $0.row) < ($1.time, $1.position, $1.row) }
        if newestFirst { expected.reverse() }
        for limit in [1, 3, 17, 1000] {
            var (found, cursor) = ([String](), EventCursor?.none)
            repeat {
                let page = try await search.events(EventQuery(limit: limit, newestFirst: newestFirst, cursor: cursor))
                found += page.events.compactMap { $0.message == "late" ? nil : $0.message }
                #expect(page.events.count <= limit)
                cursor = page.next
                if limit == 3, found.count == 30 { try await fixture.store([F.event("late", at: newestFirst ? .seconds(200_000) : .seconds(-100))]) }
            } while cursor != nil
            #expect(found == expected.map(\.message))
        }
        let byOffset = try await search.events(EventQuery(limit: 5, newestFirst: newestFirst, offset: newestFirst ? 21 : 22))
        // The late one stands before all others in either order.
        #expect(byOffset.events.map(\.message) == expected[(newestFirst ? 20 : 21)..<(newestFirst ? 25 : 26)].map(\.message))
    }

    @Test(arguments: [true, false], Sealing.allCases)
    func `when the time is up a page is short and its cursor leads on`(newestFirst: Bool, sealing: Sealing) async throws {
        let bench = try await SearchBench(sealing)
        let fixture = bench.fixture
        for index in 0..<60 { try await fixture.store([F.event(index % 7 == 0 ? "wanted \(index)" : "line", at: .seconds(index), correlation: "r")]) }
        var limits = QueryLimits()
        // Up at the first look at the clock.
        limits.eventTime = .seconds(-1)
        let hurried = EventSearch(log: fixture.log, limits: limits, time: fixture.time)
        var (found, cursor, pages) = ([String](), EventCursor?.none, 0)
        repeat {
            let page = try await hurried.events(EventQuery(words: "wanted", newestFirst: newestFirst, cursor: cursor))
            found += page.events.compactMap(\.message)
            cursor = page.next
            pages += 1
        } while cursor != nil && pages < 1000
        let expected = stride(from: 0, to: 60, by: 7).map { "wanted \($0)" }
        #expect(found == (newestFirst ? expected.reversed() : expected))
        #expect(pages > 5 && pages < 200)
        await #expect(throws: QueryError.self) { try await hurried.events(correlationID: "r", limit: 10) }
        await #expect(throws: QueryError.self) { try await hurried.events(EventQuery(offset: 5)) }
    }
}

/// A log and a search over it.
struct SearchBench {
    let fixture: QueryFixture
    let search: EventSearch

    init(_ sealing: Sealing) async throws {
        fixture = try await QueryFixture(sealing)
        search = EventSearch(log: fixture.log, time: fixture.time)
    }

    func messages(_ query: EventQuery) async throws -> [String] { try await search.events(query).events.map { $0.message ?? "" } }
}
