import Blocks
import Operating
import Sealing
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Querying

/// Searches over arrivals and sealed blocks against a plain list of events.
struct SealedSearchTests {
    typealias F = QueryFixture

    /// Events of all kinds, in blocks that overlap in time; some thousands, so that a sealed block has several pages.
    private static func fill(_ log: SomeBlocks, blocks: Int, rows: Int) throws -> [Event] {
        var generator = SeededGenerator(seed: 4)
        var all = [Event]()
        for block in 0..<blocks {
            let events = (0..<rows).map { row in
                let word = ["red", "green", "blue"].randomElement(using: &generator)!
                return F.event(
                    "\(word) lamp \(block) of \(row) is \(["on", "off"].randomElement(using: &generator)!)",
                    at: .milliseconds(block * 900 + Int.random(in: 0...2000, using: &generator)),
                    source: "s\(Int.random(in: 0...4, using: &generator))",
                    type: ["a.x", "a.y", "b"].randomElement(using: &generator)!,
                    severity: Severity.allCases.randomElement(using: &generator)!,
                    host: block % 5 == 0 ? "" : "h\(Int.random(in: 0...9, using: &generator))",
                    correlation: row % 50 == 0 ? "c\(block)" : nil,
                    tags: [["eu"], ["eu", "web"], []].randomElement(using: &generator)!,
                    data: row % 900 == 7 ? #"{"note":"needle \#(block)"}"# : "{}"
                )
            }
            all += try log.add(events, tags: block % 2 == 0 ? ["web", "blue-1"] : [])
        }
        return all
    }

    private static let queries: [EventQuery] = [
        EventQuery(), EventQuery(source: "s1"), EventQuery(source: "s9"), EventQuery(type: "a.*"), EventQuery(type: "b", minSeverity: .error),
        EventQuery(severities: [.debug, .critical], host: "h3"), EventQuery(correlationID: "c4"), EventQuery(correlationID: "none"),
        EventQuery(tags: ["web"]), EventQuery(tags: ["web", "eu"]), EventQuery(words: "needle"), EventQuery(words: "\"needle 7\""),
        EventQuery(source: "s2", words: "red -on"), EventQuery(words: "unknown"), EventQuery(words: "-red -green on"),
        EventQuery(start: F.noon.advanced(by: .milliseconds(1500)), end: F.noon.advanced(by: .milliseconds(5100))),
        EventQuery(source: "s3", start: F.noon.advanced(by: .milliseconds(3000)), words: "blue"),
    ]

    private static func matches(_ event: Event, _ query: EventQuery) throws -> Bool {
        let words = try query.words.map { try WordSearch($0) }
        let message = Array((event.message ?? "").utf8)
        let data = Array(event.data.utf8)
        return event.timestamp >= query.start && event.timestamp < query.end && (query.source ?? event.source) == event.source
            && (query.type.map { $0 == "a.*" ? event.type.hasPrefix("a.") : $0 == event.type } ?? true)
            && (query.severities.isEmpty || query.severities.contains(event.severity)) && event.severity >= query.minSeverity ?? .debug
            && (query.host ?? event.host) == event.host && (query.correlationID == nil || query.correlationID == event.correlationID)
            && query.tags.allSatisfy(event.tags.contains)
            && (words?.matches(message: message.indices, in: message, data: data.indices, in: data) ?? true)
    }

    @Test(arguments: [0, 3, 12])
    func `every query finds what a look at each event finds`(sealedBlocks: Int) async throws {
        let log = SomeBlocks()
        let all = try Self.fill(log, blocks: 12, rows: 1500)
        try log.seal(first: sealedBlocks, together: 6)
        let search = EventSearch(log: log, time: ManualTime())
        for query in Self.queries {
            let expected = try all.filter { try Self.matches($0, query) }
            for newestFirst in [true, false] {
                var (found, query) = ([Event](), query)
                (query.newestFirst, query.limit) = (newestFirst, 1000)
                repeat {
                    let page = try await search.events(query)
                    found += page.events
                    query.cursor = page.next
                } while query.cursor != nil
                #expect(found.count == expected.count, "\(query)")
                #expect(Set(found) == Set(expected), "\(query)")
                let times = found.map(\.timestamp)
                #expect(times == (newestFirst ? times.sorted(by: >) : times.sorted()))
                query.limit = 10
                #expect(try await search.events(query).events == Array(found.prefix(10)))
            }
            let totals = try await search.statistics(query, interval: .milliseconds(700))
            #expect(totals.total == expected.count)
            #expect(totals.bySource == Dictionary(grouping: expected, by: \.source).mapValues(\.count))
            #expect(totals.byType == Dictionary(grouping: expected, by: \.type).mapValues(\.count))
            #expect(totals.bySeverity == Dictionary(grouping: expected, by: \.severity).mapValues(\.count))
            #expect(totals.byHost == Dictionary(grouping: expected.filter { !$0.host.isEmpty }, by: \.host).mapValues(\.count))
            // Once without stretches of time, which counts column by column where it can.
            let plain = try await search.statistics(query, interval: nil)
            #expect(plain.total == totals.total && plain.bySource == totals.bySource && plain.byType == totals.byType)
            #expect(plain.bySeverity == totals.bySeverity && plain.byHost == totals.byHost)
            for facet in [EventFacet.source, .type, .host, .severity] {
                let known =
                    switch facet {
                    case .source: totals.bySource
                    case .type: totals.byType
                    case .host: totals.byHost
                    default: Dictionary(uniqueKeysWithValues: totals.bySeverity.map { ($0.key.label, $0.value) })
                    }
                let found = try await search.facets(query, by: facet, limit: 1000)
                #expect(Dictionary(uniqueKeysWithValues: found.values.map { ($0.value, $0.count) }) == known)
                #expect(found.total == expected.count)
            }
            let buckets = Dictionary(grouping: expected) { $0.timestamp.nanoseconds / 700_000_000 * 700_000_000 }
            #expect(totals.buckets.map(\.start.nanoseconds) == buckets.keys.sorted())
            #expect(totals.buckets.map(\.total) == buckets.sorted { $0.key < $1.key }.map(\.value.count))
            var tags = [String: Int]()
            for event in expected { for tag in event.tags { tags[tag, default: 0] += 1 } }
            let facets = try await search.facets(query, by: .tag, limit: 100)
            #expect(Dictionary(uniqueKeysWithValues: facets.values.map { ($0.value, $0.count) }) == tags)
            #expect(facets.total == expected.count)
            #expect(try await search.facets(query, by: .host, limit: 2).values.count == min(2, totals.byHost.count))
        }
        for event in all.shuffled().prefix(40) { #expect(try await search.event(id: try #require(event.id)) == event) }
    }

    @Test(arguments: [true, false])
    func `what is sealed between two pages is neither repeated nor left out`(newestFirst: Bool) async throws {
        let log = SomeBlocks()
        let all = try Self.fill(log, blocks: 10, rows: 100)
        let search = EventSearch(log: log, time: ManualTime())
        var (found, query) = ([Event](), EventQuery(limit: 90, newestFirst: newestFirst))
        repeat {
            let page = try await search.events(query)
            found += page.events
            query.cursor = page.next
            try log.seal(first: 2, together: 2)
        } while query.cursor != nil
        #expect(found.count == all.count)
        #expect(Set(found) == Set(all))
    }

    @Test func `rows stored behind a position are left out, arrived or sealed`() async throws {
        let log = SomeBlocks()
        let all = try Self.fill(log, blocks: 6, rows: 10)
        let search = EventSearch(log: log, time: ManualTime())
        for _ in 0..<2 {
            #expect(try await Set(search.events(EventQuery(through: 4)).events) == Set(all.prefix(40)))
            #expect(try await search.statistics(EventQuery(through: 4), interval: nil).total == 40)
            try log.seal(first: 6, together: 6)
        }
    }

    @Test func `an export takes steps of its own size`() async throws {
        let log = SomeBlocks()
        let all = try Self.fill(log, blocks: 4, rows: 1000)
        try log.seal(first: 3, together: 3)
        var limits = QueryLimits()
        limits.exportRows = 1500
        let search = EventSearch(log: log, limits: limits, time: ManualTime())
        var (steps, found, query) = (0, [Event](), EventQuery(newestFirst: false))
        repeat {
            let page = try await search.exported(query)
            (steps, found, query.cursor) = (steps + 1, found + page.events, page.next)
        } while query.cursor != nil
        #expect(steps == 3)
        #expect(Set(found) == Set(all))
    }

    @Test func `a damaged block is told to the log, and the others are searched`() async throws {
        let log = SomeBlocks()
        let all = try Self.fill(log, blocks: 4, rows: 50)
        try log.seal(first: 4, together: 1)
        log.damage(1)
        let search = EventSearch(log: log, time: ManualTime())
        #expect(try await search.events(EventQuery(limit: 1000)).events.count == 150)
        #expect(log.setAside == [log.catalog().sealed.first { $0.first == 2 }?.number])
        #expect(try await search.statistics(EventQuery(), interval: nil).total == 150)
        #expect(try await search.event(id: try #require(all[60].id)) == nil)
        #expect(try await search.event(id: try #require(all[10].id)) == all[10])
    }

    @Test func `limits are answered with what to do`() async throws {
        let log = SomeBlocks()
        _ = try Self.fill(log, blocks: 3, rows: 50)
        try log.seal(first: 2, together: 1)
        var limits = QueryLimits()
        (limits.bucketsMax, limits.distinctMax) = (3, 4)
        let search = EventSearch(log: log, limits: limits, time: ManualTime())
        await #expect(throws: QueryError.self) { try await search.statistics(EventQuery(), interval: .milliseconds(1)) }
        await #expect(throws: QueryError.self) { try await search.statistics(EventQuery(), interval: nil) }
        await #expect(throws: QueryError.self) { try await search.statistics(EventQuery(), interval: .nanoseconds(5)) }
        limits = QueryLimits()
        limits.eventTime = .seconds(-1)
        let hurried = EventSearch(log: log, limits: limits, time: ManualTime())
        await #expect(throws: QueryError.self) { try await hurried.facets(EventQuery(), by: .host, limit: 5) }
    }

    @Test func `directories and digests keep within their bytes`() throws {
        let log = SomeBlocks()
        _ = try Self.fill(log, blocks: 60, rows: 5)
        try log.seal(first: 60, together: 1)
        let cache = DirectoryCache(directoryBytesMax: 30_000, digestBytesMax: 3000)
        for _ in 0..<3 {
            let names = cache.names
            for block in log.catalog().sealed {
                let digest = try cache.digest(of: block, names)
                #expect(digest.severities.reduce(0, +) == 5)
                #expect(digest.sources.allSatisfy { names.text($0.name).hasPrefix("s") })
            }
            #expect(cache.bytesInMemory < 40_000)
        }
    }
}
