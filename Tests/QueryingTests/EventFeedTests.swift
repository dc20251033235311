import Operating
import Storing
import Telemetry
import TestSupport
import Testing

@testable import Querying

/// The feed over a real log. Its clock is not turned, so nothing happens by time.
struct EventFeedTests {
    typealias F = QueryFixture

    private struct Unexpected: Error {}

    private let fixture: QueryFixture
    private let metrics = MetricsRegistry()

    init() async throws { fixture = try await QueryFixture() }

    private func withFeed(_ limits: FeedLimits = FeedLimits(pause: .zero), _ body: @Sendable (EventFeed) async throws -> Void) async throws {
        let search = EventSearch(log: fixture.log, time: fixture.time)
        let feed = EventFeed(log: fixture.log, searching: search, limits: limits, time: fixture.time, metrics: metrics)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await feed.run() }
            try await body(feed)
            group.cancelAll()
        }
    }

    /// The messages of the next events, until there are so many.
    private func messages(_ count: Int, of subscription: any EventSubscription) async throws -> [String] {
        var messages: [String] = []
        while messages.count < count, let delivery = try await subscription.next() {
            guard case .events(let events) = delivery else { continue }
            messages += events.map { $0.event.message ?? "" }
        }
        return messages
    }

    @Test func `what is stored after the subscription comes once, with the id and tags that a query shows`() async throws {
        try await fixture.store([F.event("before")])
        try await withFeed { feed in
            let subscription = try await feed.subscribe(to: EventQuery(), from: .now)
            try await fixture.store([F.event("a"), F.event("b", tags: ["x"])], tags: ["production"])
            try await fixture.post([F.event("c")])
            var events: [Event] = []
            while events.count < 3, case .events(let more)? = try await subscription.next() { events += more.map(\.event) }
            let found = try await EventSearch(log: fixture.log, time: fixture.time).events(EventQuery(newestFirst: false)).events
            #expect(events.map(\.message) == ["a", "b", "c"])
            #expect(Set(events) == Set(found.filter { $0.message != "before" }))
        }
    }

    @Test func `each client gets what its filters let through`() async throws {
        try await withFeed { feed in
            let errors = try await feed.subscribe(to: EventQuery(minSeverity: .error), from: .now)
            let deploys = try await feed.subscribe(to: EventQuery(type: "deploy.*", tags: ["blue"]), from: .now)
            let words = try await feed.subscribe(to: EventQuery(words: "disk"), from: .now)
            try await fixture.store([
                F.event("a", severity: .critical), F.event("b", type: "deploy.finished", tags: ["blue"]), F.event("Disk full", severity: .error),
                F.event("end", type: "deploy.finished", severity: .error, tags: ["blue"], data: #"{"disk":"disk"}"#),
            ])
            #expect(try await messages(3, of: errors) == ["a", "Disk full", "end"])
            #expect(try await messages(2, of: deploys) == ["b", "end"])
            #expect(try await messages(2, of: words) == ["Disk full", "end"])
        }
        await #expect(throws: StreamError.self) { try await withFeed { _ = try await $0.subscribe(to: EventQuery(words: "-"), from: .now) } }
    }

    @Test func `old events come oldest first, then late ones live although they are older`() async throws {
        try await fixture.store([F.event("3", at: .seconds(3)), F.event("1", at: .seconds(1))])
        try await fixture.store([F.event("2", at: .seconds(2)), F.event("0")])
        try await withFeed { feed in
            let subscription = try await feed.subscribe(to: EventQuery(), from: .since(F.noon.advanced(by: .seconds(1))))
            // Stored after the subscription: not among the old ones, although its time lies between theirs.
            try await fixture.store([F.event("late", at: .milliseconds(1500)), F.event("very late", at: .seconds(-99))])
            #expect(try await messages(5, of: subscription) == ["1", "2", "3", "late", "very late"])
        }
    }

    @Test(arguments: [1, 7, 500])
    func `from the past into the present there is no hole and no repeat, whoever writes meanwhile`(rows: Int) async throws {
        // The newest few blocks only are at hand, so that the client has to read the others by itself.
        try await withFeed(FeedLimits(rowsPerDelivery: rows, recentBlocksMax: 2, pause: .zero)) { feed in
            for index in 0..<40 { try await fixture.store([F.event("\(index)", at: .milliseconds(index))]) }
            // Somebody else keeps the reader at the log's end.
            let other = try await feed.subscribe(to: EventQuery(), from: .now)
            let subscription = try await feed.subscribe(to: EventQuery(), from: .since(F.noon))
            async let written: Void = {
                for index in 40..<400 { try await fixture.store([F.event("\(index)", at: .milliseconds(index))]) }
            }()
            async let live = messages(360, of: other)
            let all = try await messages(400, of: subscription)
            try await written
            #expect(all == (0..<400).map { "\($0)" })
            #expect(try await live == (40..<400).map { "\($0)" })
        }
    }

    @Test func `a client goes on behind the last event that it had`() async throws {
        try await withFeed { feed in
            let first = try await feed.subscribe(to: EventQuery(), from: .now)
            try await fixture.store((0..<5).map { F.event("\($0)") })
            guard case .events(let events)? = try await first.next() else { throw Unexpected() }
            first.cancel()
            try await fixture.store([F.event("5")])
            let second = try await feed.subscribe(to: EventQuery(), from: .behind(events[2].place))
            #expect(try await messages(3, of: second) == ["3", "4", "5"])
            // A place that this log does not have yet is another log's: it begins now.
            let third = try await feed.subscribe(to: EventQuery(), from: .behind(.live(1_000_000, row: 0)))
            try await fixture.store([F.event("6")])
            #expect(try await messages(1, of: third) == ["6"])
        }
    }

    @Test func `who goes on behind any event of a replay is given neither it again nor less than the next`() async throws {
        try await fixture.store((0..<600).map { F.event("\($0)", at: .milliseconds($0 / 7)) })
        try await withFeed { feed in
            let first = try await feed.subscribe(to: EventQuery(), from: .since(F.noon))
            guard case .events(let page)? = try await first.next() else { throw Unexpected() }
            #expect(page.count == 500)
            try await fixture.store([F.event("new", at: .milliseconds(3))])
            try await fixture.log.sealAll()
            for index in [0, 6, 7, 250, 499] {
                let again = try await feed.subscribe(to: EventQuery(), from: .behind(page[index].place))
                #expect(try await messages(600 - index, of: again) == (index + 1..<600).map { "\($0)" } + ["new"])
            }
        }
    }

    /// Rows of one arrival go into several sealed blocks, and repeats into none: what is left has other rows than before.
    @Test func `a place holds through sealing, also where rows of an arrival were taken apart`() async throws {
        let fixture = try await QueryFixture(retaining: ["audit": .seconds(400 * 86_400)])
        let search = EventSearch(log: fixture.log, time: fixture.time)
        let feed = EventFeed(log: fixture.log, searching: search, limits: FeedLimits(pause: .zero), time: fixture.time, metrics: metrics)
        let id = UUID(high: 7, low: 7)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await feed.run() }
            let live = try await feed.subscribe(to: EventQuery(), from: .now)
            try await fixture.post([F.event("own", id: id)])
            try await fixture.post(
                (0..<30).map { F.event("\($0)", source: $0 % 3 == 0 ? "audit" : "web", id: $0 == 4 ? id : nil) } + [F.event("end", source: "audit")]
            )
            try await fixture.store([F.event("after")])
            let expected = ["own"] + (0..<30).filter { $0 != 4 }.map { "\($0)" } + ["end", "after"]
            var streamed = [StreamedEvent]()
            while streamed.count < expected.count, case .events(let events)? = try await live.next() { streamed += events }
            #expect(streamed.map(\.event.message) == expected)
            for isSealed in [false, true] {
                if isSealed { try await fixture.log.sealAll() }
                let places = [live.beginning] + streamed.map(\.place)
                for (index, place) in places.enumerated() {
                    let again = try await feed.subscribe(to: EventQuery(), from: .behind(place))
                    var rest = [Event]()
                    while rest.count < expected.count - index, case .events(let events)? = try await again.next() { rest += events.map(\.event) }
                    #expect(rest == streamed[index...].map(\.event), "sealed: \(isSealed), behind \(place)")
                }
            }
            group.cancelAll()
        }
    }

    @Test func `who comes when another has gone is not kept waiting until something is stored`() async throws {
        try await fixture.store([F.event("a")])
        try await fixture.store([F.event("b")])
        try await withFeed { feed in
            for start in [0, 1, 0, 1] as [LogPosition] {
                let subscription = try await feed.subscribe(to: EventQuery(), from: .behind(.live(start, row: StreamPlace.everyRow)))
                #expect(try await messages(2 - Int(start), of: subscription) == (start == 0 ? ["a", "b"] : ["b"]))
            }
        }
    }

    @Test func `the place where a stream begins is good to begin again, before anything came`() async throws {
        try await withFeed { feed in
            let empty = try await feed.subscribe(to: EventQuery(), from: .now).beginning
            try await fixture.store([F.event("a"), F.event("b")])
            let later = try await feed.subscribe(to: EventQuery(), from: .now).beginning
            let since = try await feed.subscribe(to: EventQuery(), from: .since(F.noon)).beginning
            try await fixture.store([F.event("c")])
            #expect(try await messages(3, of: feed.subscribe(to: EventQuery(), from: .behind(empty))) == ["a", "b", "c"])
            #expect(try await messages(1, of: feed.subscribe(to: EventQuery(), from: .behind(later))) == ["c"])
            #expect(try await messages(3, of: feed.subscribe(to: EventQuery(), from: .behind(since))) == ["a", "b", "c"])
        }
    }

    @Test func `a slow client is told how many it missed and from when to when`() async throws {
        try await withFeed(FeedLimits(queuedRowsMax: 3, rowsPerDelivery: 2, pause: .zero)) { feed in
            let slow = try await feed.subscribe(to: EventQuery(), from: .now)
            let quick = try await feed.subscribe(to: EventQuery(), from: .now)
            try await fixture.store([F.event("0")])
            // Both are there from now on.
            #expect(try await messages(1, of: slow) == ["0"])
            #expect(try await messages(1, of: quick) == ["0"])
            for index in 1...9 {
                try await fixture.store([F.event("\(index)", at: .seconds(index))])
                #expect(try await messages(1, of: quick) == ["\(index)"])
            }
            #expect(try await messages(3, of: slow) == ["1", "2", "3"])
            let (from, to) = (F.noon.advanced(by: .seconds(4)), F.noon.advanced(by: .seconds(9)))
            #expect(try await slow.next() == .missed(MissedEvents(reason: .slow, count: 6, from: from, to: to)))
            try await fixture.store([F.event("10")])
            #expect(try await messages(1, of: slow) == ["10"])
            #expect(metrics.prometheusText().contains("tocsin_stream_missed_total 6"))
        }
    }

    @Test func `when slow clients hold too much memory they miss what comes, and the others do not`() async throws {
        try await withFeed(FeedLimits(heldBytesMax: 1, recentBlocksMax: 0, pause: .zero)) { feed in
            let slow = try await feed.subscribe(to: EventQuery(), from: .now)
            let quick = try await feed.subscribe(to: EventQuery(), from: .now)
            for index in 0..<4 {
                try await fixture.store([F.event("\(index)")])
                #expect(try await messages(1, of: quick) == ["\(index)"])
                if index == 0 { #expect(try await messages(1, of: slow) == ["0"]) }
            }
            #expect(try await messages(1, of: slow) == ["1"])
            #expect(try await slow.next() == .missed(MissedEvents(reason: .slow, count: 2, from: F.noon, to: F.noon)))
        }
    }

    @Test func `as many clients as are allowed, and one more when one has gone`() async throws {
        try await withFeed(FeedLimits(clientsMax: 2, pause: .zero)) { feed in
            let first = try await feed.subscribe(to: EventQuery(), from: .now)
            var second: (any EventSubscription)? = try await feed.subscribe(to: EventQuery(), from: .now)
            _ = second
            await #expect(throws: StreamError.full(clientsMax: 2)) { try await feed.subscribe(to: EventQuery(), from: .now) }
            second = nil
            let third = try await feed.subscribe(to: EventQuery(), from: .now)
            try await fixture.store([F.event("a")])
            #expect(try await messages(1, of: first) == ["a"])
            #expect(try await messages(1, of: third) == ["a"])
            #expect(metrics.prometheusText().contains("tocsin_stream_clients 2"))
        }
    }

    @Test func `when the aggregator stops every stream ends, and there are no new ones`() async throws {
        try await withFeed { feed in
            let joined = try await feed.subscribe(to: EventQuery(), from: .now)
            let fresh = try await feed.subscribe(to: EventQuery(), from: .now)
            try await fixture.store([F.event("a")])
            #expect(try await messages(1, of: joined) == ["a"])
            async let waiting = joined.next()
            feed.finish()
            #expect(try await waiting == nil)
            #expect(try await fresh.next() == nil)
            await #expect(throws: StreamError.closed) { try await feed.subscribe(to: EventQuery(), from: .now) }
        }
    }

    @Test func `a line on which nothing happens is said to be alive`() async throws {
        try await withFeed { feed in
            let subscription = try await feed.subscribe(to: EventQuery(source: "nobody"), from: .now)
            try await fixture.store([F.event("a")])
            // The ticker sleeps, and the client may be a little later: it is told again each time.
            var delivery: StreamDelivery?
            try await withThrowingTaskGroup(of: StreamDelivery?.self) { group in
                group.addTask { try await subscription.next() }
                group.addTask {
                    while !Task.isCancelled {
                        await fixture.time.waitForSleepers()
                        fixture.time.advance(by: .seconds(15))
                        await Task.yield()
                    }
                    return nil
                }
                delivery = try await group.next() ?? nil
                group.cancelAll()
                fixture.time.advance(by: .seconds(15))
            }
            // Nothing up to there was for this client: connecting again does not look at it again.
            guard case .quiet(let place)? = delivery else { throw Unexpected() }
            #expect(place == .live(1, row: StreamPlace.everyRow) || place == .live(0, row: StreamPlace.everyRow))
        }
    }

    @Test func `what retention deleted before it could be read is told, once, before what is left`() async throws {
        let gap = Gap(source: "log", reason: .retention, from: F.noon, to: F.noon.advanced(by: .seconds(9)), count: 7, detail: "gone")
        try await fixture.store([F.event("a")])
        try await fixture.store([F.event("b")])
        let log = OvertakenLog(base: fixture.log, gap: gap, until: 2)
        let search = EventSearch(log: fixture.log, time: fixture.time)
        let feed = EventFeed(log: log, searching: search, limits: FeedLimits(pause: .zero), time: fixture.time, metrics: metrics)
        let missed = StreamDelivery.missed(MissedEvents(reason: .gone, count: 7, from: gap.from, to: gap.to))
        // Somebody else keeps the reader at the log's end, so that the others read by themselves.
        let other = try await feed.subscribe(to: EventQuery(), from: .now)
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await feed.run() }
            try await fixture.store([F.event("c")])
            #expect(try await messages(1, of: other) == ["c"])
            let subscription = try await feed.subscribe(to: EventQuery(), from: .behind(.live(1, row: 0)))
            #expect(try await subscription.next() == missed)
            #expect(try await messages(2, of: subscription) == ["b", "c"])
            group.cancelAll()
        }
    }
}

/// A log whose readers were overtaken: up to a position each page tells of the same gap.
private struct OvertakenLog: LogReader {
    let base: any LogReader
    let gap: Gap
    let until: LogPosition

    func page(after position: LogPosition, kinds: Set<BlockKind>, limit: Int) async throws(LogError) -> LogPage {
        var page = try await base.page(after: position, kinds: kinds, limit: 1)
        if position < until { page.gap = gap }
        return page
    }

    func end() async throws(LogError) -> LogPosition { try await base.end() }
    func waitForBlocks(after position: LogPosition) async { await base.waitForBlocks(after: position) }
    func report(_ cursor: LogCursor) async { await base.report(cursor) }
    func cursors() async throws(LogError) -> [LogCursor] { try await base.cursors() }
}
