import Blocks
import Querying
import Telemetry
import TestSupport
import Testing

@testable import Storing

struct AppendTests {
    typealias F = LogFixture

    /// The suite holds it, or its folder would go with its last use.
    private let fixture: LogFixture

    init() throws { fixture = try LogFixture() }

    @Test func `what was acknowledged is read back, also after reopening`() async throws {
        let log = try await fixture.open()
        #expect(try await log.append(F.batch(1, [F.event("a"), F.event("b")])) == .stored(ids: []))
        #expect(try await F.messages(log) == ["a", "b"])
        let block = try #require(await log.page(after: 0, kinds: [.events], limit: 10).blocks.first)
        #expect(block.origin == RowOrigin(agent: F.agent, lane: .logs, sequence: 1, block: 0, row: 0))
        #expect((block.host, block.tags, block.receivedAt, block.count) == ("web-1", ["production"], F.noon, 2))
        await log.close()
        await #expect(throws: LogError.closed) { try await log.append(F.batch(2, [F.event("c")])) }
        let again = try await fixture.open()
        #expect(try await F.messages(again) == ["a", "b"])
        #expect(try await again.watermarks(of: F.agent) == Acknowledgement(lanes: [.logs: 1]))
        #expect(try await again.end() == 1)
        #expect(again.id == log.id)
    }

    @Test func `a repeat is acknowledged and not stored`() async throws {
        let log = try await fixture.open()
        for sequence: UInt64 in [1, 2, 3] { _ = try await log.append(F.batch(sequence, [F.event("\(sequence)")])) }
        for sequence: UInt64 in [1, 3, 2, 3] { #expect(try await log.append(F.batch(sequence, [F.event("again")])) == .repeated(ids: [])) }
        #expect(try await F.messages(log) == ["1", "2", "3"])
    }

    @Test func `the same sequence with another checksum is a clone`() async throws {
        let log = try await fixture.open()
        _ = try await log.append(F.batch(1, [F.event("a")], checksum: 17))
        #expect(try await log.append(F.batch(1, [F.event("b")], checksum: 18)) == .conflict)
        #expect(try await F.messages(log) == ["a"])
    }

    @Test func `a sequence that is not the next is refused, lanes and agents apart`() async throws {
        let log = try await fixture.open()
        _ = try await log.append(F.batch(1, [F.event("a")]))
        #expect(try await log.append(F.batch(3, [F.event("c")])) == .outOfOrder(expected: 2))
        #expect(try await log.append(F.batch(1, [F.event("b")], lane: .alerts)) == .stored(ids: []))
        // A new aggregator meets an agent that is far ahead.
        let other = UUID(high: 1, low: 2)
        #expect(try await log.append(F.batch(5000, [F.event("d")], agent: other)) == .stored(ids: []))
        #expect(try await log.append(F.batch(5002, [F.event("e")], agent: other)) == .outOfOrder(expected: 5001))
        #expect(try await log.watermarks(of: other) == Acknowledgement(lanes: [.logs: 5000]))
        #expect(try await F.messages(log) == ["a", "b", "d"])
    }

    @Test func `the checksums of the last sequences are kept, older ones are repeats`() async throws {
        var fixture = fixture
        fixture.config.sequencesKept = 4
        let log = try await fixture.open()
        for sequence in 1...10 as ClosedRange<UInt64> { _ = try await log.append(F.batch(sequence, [F.event("\(sequence)")])) }
        #expect(try await log.append(F.batch(7, [F.event("x")], checksum: 1)) == .conflict)
        #expect(try await log.append(F.batch(6, [F.event("x")], checksum: 1)) == .repeated(ids: []))
    }

    @Test func `several batches share one commit and keep their order`() async throws {
        let log = try await fixture.open()
        let outcomes = try await log.append([F.batch(1, [F.event("1")]), F.batch(2, [F.event("2")]), F.batch(4, [F.event("4")]), F.batch(2, [])])
        #expect(outcomes == [.stored(ids: []), .stored(ids: []), .outOfOrder(expected: 3), .repeated(ids: [])])
        #expect(fixture.counter("tocsin_log_commits_total") == 1)
    }

    @Test func `concurrent requests share commits and are all there`() async throws {
        let log = try await fixture.open()
        try await withThrowingTaskGroup(of: AppendOutcome.self) { group in
            for index in 0..<300 {
                group.addTask { try await log.append(F.batch(1, [F.event("\(index)")], agent: UUID(high: 9, low: UInt64(index)))) }
            }
            for try await outcome in group { #expect(outcome == .stored(ids: [])) }
        }
        #expect(try await Set(F.messages(log)) == Set((0..<300).map(String.init)))
        #expect(fixture.counter("tocsin_log_commits_total") < 300)
    }

    @Test func `a client's events get ids, the same whenever they are read`() async throws {
        let log = try await fixture.open()
        let own = UUID(high: 0x42, low: 0x43)
        let answer = try await log.append(F.request([F.event("a"), F.event("b", id: own), F.event("c", at: .seconds(1))]))
        guard case .stored(let ids) = answer else { throw Unexpected() }
        #expect(Set(ids).count == 3)
        #expect(ids[1] == own)
        let block = try #require(await log.page(after: 0, kinds: [.events], limit: 1).blocks.first)
        var origin = block.origin
        origin.row = 2
        #expect(ids[2] == UUID.derived(at: F.noon.advanced(by: .seconds(1)), from: origin))
        #expect(ids[2].millisecond == F.noon.milliseconds + 1000)
        #expect(try await log.place(ofClientID: own).map { [$0.position, UInt64($0.row)] } == [1, 1])
        #expect(try await log.place(ofClientID: ids[0]) == nil)
        // After a restart no id comes twice.
        await log.close()
        let again = try await fixture.open()
        guard case .stored(let later) = try await again.append(F.request([F.event("a")])) else { throw Unexpected() }
        #expect(!ids.contains(later[0]))
    }

    @Test func `a client's own id is stored once`() async throws {
        let log = try await fixture.open()
        let (x, y) = (UUID(high: 1, low: 1), UUID(high: 2, low: 2))
        _ = try await log.append(F.request([F.event("a", id: x)]))
        #expect(try await log.append(F.request([F.event("a again", id: x)])) == .repeated(ids: [x]))
        #expect(
            try await log.append(F.request([F.event("a once more", id: x), F.event("b", id: y), F.event("b again", id: y)]))
                == .stored(ids: [x, y, y])
        )
        #expect(try await F.messages(log) == ["a", "b"])
        #expect(try await log.page(after: 1, kinds: [.events], limit: 1).blocks.first?.repeatedRows == [0, 2])
    }

    @Test func `a key with another body is refused and stores nothing, however many events there are`() async throws {
        let log = try await fixture.open()
        for count in [1, 2, 200] {
            let (events, others) = ((0..<count).map { F.event("a\($0)") }, (0..<count).map { F.event("b\($0)") })
            guard case .stored(let ids) = try await log.append(F.request(events, key: "k\(count)", checksum: 7)) else { throw Unexpected() }
            #expect(try await log.append(F.request(others, key: "k\(count)", checksum: 8)) == .conflict)
            #expect(try await log.append(F.request(events, key: "k\(count)", checksum: 7)) == .repeated(ids: ids))
            // Nobody knows the body's checksum of our own events.
            #expect(try await log.append(F.request(events, key: "k\(count)")) == .repeated(ids: ids))
        }
        #expect(try await F.messages(log).count == 203)
        #expect(fixture.counter("tocsin_log_batches_total") == 12)
    }

    @Test func `clients' own ids are known for their time, and then an id is new again`() async throws {
        var fixture = fixture
        fixture.config.idRetention = .seconds(86_400)
        let log = try await fixture.open()
        let ids = (0..<25_000).map { UUID(high: 5, low: UInt64($0)) }
        for start in stride(from: 0, to: ids.count, by: 5000) {
            _ = try await log.append(F.request(ids[start..<start + 5000].map { F.event("old", id: $0) }))
        }
        try await log.sealAll()
        while try await log.retain() {}
        fixture.time.advance(by: .seconds(80_000))
        while try await log.retain() {}
        let young = UUID(high: 6, low: 0)
        _ = try await log.append(F.request([F.event("young", id: young)]))
        #expect(try await log.append(F.request([F.event("again", id: ids[0])])) == .repeated(ids: [ids[0]]))
        #expect(try await log.idsForgotten() == 0)
        fixture.time.advance(by: .seconds(7_000))
        var steps = 1
        while try await log.retain() { steps += 1 }
        // Some ids at a time, so that requests are committed in between.
        #expect(steps == 3)
        #expect(try await log.idsForgotten() == 5)
        for id in [ids[0], ids[24_999]] { #expect(try await log.place(ofClientID: id) == nil) }
        #expect(try await log.append(F.request([F.event("again", id: young)])) == .repeated(ids: [young]))
        #expect(try await log.append(F.request([F.event("new", id: ids[0])])) == .stored(ids: [ids[0]]))
    }

    @Test(arguments: [false, true])
    func `an event is found by its id at every step of forgetting it, also while it waits to be sealed`(isSealed: Bool) async throws {
        var fixture = fixture
        fixture.config.idRetention = .seconds(86_400)
        let log = try await fixture.open()
        let ids = (0..<25_000).map { UUID(high: 5, low: UInt64($0)) }
        for start in stride(from: 0, to: ids.count, by: 5000) {
            _ = try await log.append(F.request(ids[start..<start + 5000].map { F.event("old", id: $0) }))
        }
        if isSealed { try await log.sealAll() }
        while try await log.retain() {}
        fixture.time.advance(by: .seconds(90_000))
        let search = EventSearch(log: log, time: fixture.time)
        var (steps, isMore) = (0, true)
        while isMore {
            isMore = try await log.retain()
            steps += 1
            for id in [ids[0], ids[12_000], ids[24_999]] { #expect(try await search.event(id: id)?.id == id, "after \(steps) steps") }
        }
        #expect(steps == 3)
        #expect(try await log.place(ofClientID: ids[0]) == nil)
    }

    @Test func `an idempotency key makes a request once, per client, until it expires`() async throws {
        let log = try await fixture.open()
        guard case .stored(let ids) = try await log.append(F.request([F.event("a"), F.event("b")], key: "k")) else { throw Unexpected() }
        #expect(try await log.append(F.request([F.event("a"), F.event("b")], key: "k")) == .repeated(ids: ids))
        guard case .stored = try await log.append(F.request([F.event("c")], key: "k", client: "other")) else { throw Unexpected() }
        #expect(try await F.messages(log) == ["a", "b", "c"])
        fixture.time.advance(by: .seconds(7 * 86_400 + 1))
        guard case .stored = try await log.append(F.request([F.event("d")], key: "k")) else { throw Unexpected() }
    }

    @Test func `a block that cannot be sealed is set aside and recorded, and the others are sealed`() async throws {
        let log = try await fixture.open()
        for sequence in 1...3 as ClosedRange<UInt64> {
            var batch = F.batch(sequence, [F.event("\(sequence)")])
            // Admitting lets no such block pass: this is memory that went bad.
            if sequence == 2 { batch.blocks[0].bytes[60] ^= 1 }
            _ = try await log.append(batch)
        }
        try await log.sealAll()
        #expect(try await F.messages(log) == ["1", "3"])
        #expect(await log.status().setAside == 1)
        await log.close()
        let again = try await fixture.open()
        #expect(try await F.messages(again) == ["1", "3"])
    }

    @Test func `small requests that wait for one commit are one arrival, each with its own ids and answers`() async throws {
        let log = try await fixture.open()
        let own = UUID(high: 5, low: 5)
        _ = try await log.append(F.request([F.event("first", id: own)]))
        let outcomes = try await log.append([
            F.request([F.event("a")]), F.request([F.event("again", id: own)]), F.request([F.event("b"), F.event("again", id: own)], key: "k"),
            F.request([F.event("c")], key: "k"),
        ])
        guard case .stored(let a) = outcomes[0], case .repeated(let again) = outcomes[1], case .stored(let b) = outcomes[2] else {
            throw Unexpected()
        }
        #expect(a.count == 1 && again == [own] && b.count == 2 && b[1] == own && Set(a + b).count == 3)
        #expect(outcomes[3] == .repeated(ids: b))
        #expect(try await log.end() == 2)
        #expect(try await F.messages(log) == ["first", "a", "b"])
    }

    @Test func `readers are woken by a commit and by cancellation`() async throws {
        let log = try await fixture.open()
        async let woken: Void = log.waitForBlocks(after: 0)
        _ = try await log.append(F.batch(1, [F.event("a")]))
        await woken
        let waiting = Task { await log.waitForBlocks(after: 100) }
        waiting.cancel()
        await waiting.value
        async let closed: Void = log.waitForBlocks(after: 100)
        await log.close()
        await closed
    }

    @Test func `beyond its limits the queue refuses, but never a request that is alone`() throws {
        let queue = AppendQueue(requestsMax: 2, bytesMax: 1_000_000)
        let ticket = Ticket(try PreparedAppend(F.batch(1, [F.event("a")]), log: F.agent) { 1 })
        try queue.push([ticket, ticket, ticket])
        #expect(throws: LogError.self) { try queue.push([ticket]) }
        #expect(queue.takeAll().count == 3)
        try queue.push([ticket])
        queue.close()
        #expect(throws: LogError.closed) { try queue.push([ticket]) }
    }
}

struct Unexpected: Error {}
