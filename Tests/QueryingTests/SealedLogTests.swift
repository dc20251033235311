import Querying
import Sealing
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// Sealing moves rows; nobody who searches may notice.
@Suite struct SealedLogTests {
    private typealias F = QueryFixture

    private static let queries: [EventQuery] = [
        EventQuery(limit: 1000), EventQuery(limit: 7), EventQuery(limit: 50, newestFirst: false), EventQuery(source: "svc-3", limit: 20),
        EventQuery(type: "deploy.*", limit: 20), EventQuery(severities: [.error], limit: 1000), EventQuery(minSeverity: .warning, limit: 13),
        EventQuery(host: "web-2", limit: 30), EventQuery(correlationID: "00c5", limit: 30), EventQuery(tags: ["canary"], limit: 30),
        EventQuery(tags: ["production", "eu"], limit: 30), EventQuery(words: "worker-17", limit: 30), EventQuery(words: "finished 23", limit: 30),
        EventQuery(words: "müller", limit: 30), EventQuery(words: "nothing-like-it", limit: 30),
        EventQuery(start: F.noon.advanced(by: .seconds(40)), end: F.noon.advanced(by: .seconds(55)), limit: 1000), EventQuery(limit: 10, offset: 95),
    ]

    @Test func `every query has the same answer before and after sealing, and when half is sealed`() async throws {
        let fixture = try await QueryFixture()
        var generator = SeededGenerator(seed: 21)
        for batch in 0..<20 { try await fixture.store(Self.events(batch, &generator), tags: batch % 3 == 0 ? ["production", "eu"] : []) }
        let search = EventSearch(log: fixture.log, time: fixture.time)
        let before = try await Self.answers(search)
        try await fixture.log.sealAll()
        #expect(fixture.log.catalog().arrivals.isEmpty)
        #expect(try await Self.answers(search) == before)
        #expect(before.pages.contains { $0.contains { $0.events.isEmpty } } && before.pages.filter { $0.flatMap(\.events).isEmpty }.count < 3)

        // Each id is found, and a cursor of before goes on after.
        for event in before.pages[0].flatMap(\.events).prefix(40) { #expect(try await search.event(id: #require(event.id)) == event) }
        for batch in 20..<30 { try await fixture.store(Self.events(batch, &generator)) }
        let half = try await Self.answers(search)
        try await fixture.log.sealAll()
        #expect(try await Self.answers(search) == half)
    }

    @Test func `a page begun before sealing goes on behind it without a hole or a repeat`() async throws {
        let fixture = try await QueryFixture()
        var generator = SeededGenerator(seed: 22)
        for batch in 0..<10 { try await fixture.store(Self.events(batch, &generator)) }
        let search = EventSearch(log: fixture.log, time: fixture.time)
        let all = try await search.events(EventQuery(limit: 1000)).events.map(\.id)
        for newestFirst in [true, false] {
            var found = [UUID?]()
            var query = EventQuery(limit: 9, newestFirst: newestFirst)
            repeat {
                let page = try await search.events(query)
                found += page.events.map(\.id)
                query.cursor = page.next
                try await fixture.log.sealAll()
            } while query.cursor != nil
            #expect(found == (newestFirst ? all : all.reversed()))
        }
    }

    @Test func `an event is found by its own id also when the log has forgotten the id`() async throws {
        let fixture = try await QueryFixture()
        let (id, other) = (UUID(high: 0x4242_4242_4242_4242, low: 0x8242_4242_4242_4242), UUID(high: 1, low: 2))
        try await fixture.post([F.event("a"), F.event("mine", id: id)])
        try await fixture.log.sealAll()
        while try await fixture.log.retain() {}
        fixture.time.advance(by: .seconds(8 * 86_400))
        while try await fixture.log.retain() {}
        #expect(try await fixture.log.place(ofClientID: id) == nil)
        let search = EventSearch(log: fixture.log, time: fixture.time)
        #expect(try await search.event(id: id)?.message == "mine")
        #expect(try await search.event(id: other) == nil)
    }

    private struct Answers: Equatable {
        var pages: [[EventPage]]
        var correlated: [Event]
        var statistics: [EventStatistics]
    }

    private static func answers(_ search: EventSearch) async throws -> Answers {
        var pages = [[EventPage]]()
        for query in queries {
            var list = [EventPage]()
            var query = query
            repeat {
                list.append(try await search.events(query))
                (query.cursor, query.offset) = (list[list.count - 1].next, 0)
            } while query.cursor != nil && list.count < 4
            pages.append(list)
        }
        return Answers(
            pages: pages,
            correlated: try await search.events(correlationID: "00c5", limit: 100),
            statistics: [
                try await search.statistics(from: .distantPast, to: .distantFuture),
                try await search.statistics(from: F.noon.advanced(by: .seconds(13)), to: F.noon.advanced(by: .seconds(47))),
            ]
        )
    }

    private static func events(_ batch: Int, _ generator: inout SeededGenerator) -> [Event] {
        (0..<30).map { row in
            let number = Int.random(in: 0..<1000, using: &generator)
            return Event(
                id: number % 20 == 0 ? UUID.v7(at: F.noon, using: &generator) : nil,
                timestamp: F.noon.advanced(by: .milliseconds(batch * 3000 + Int.random(in: 0..<5000, using: &generator))),
                source: "svc-\(number % 5)",
                type: ["log.line", "deploy.finished", "deploy.rollback.started", "job.failed"][number % 4],
                severity: Severity.allCases[number % Severity.allCases.count],
                host: ["web-1", "web-2", ""][number % 3],
                correlationID: number % 2 == 0 ? "00c\(number % 10)" : nil,
                tags: [[], ["canary"], ["production"]][number % 3],
                message: "worker-\(number % 40) finished \(number % 30)" + (number % 17 == 0 ? " für Müller" : ""),
                data: number % 3 == 0 ? "{\"note\":\"seen by worker-\(number % 37)\",\"n\":\(number)}" : "{}"
            )
        }
    }
}
