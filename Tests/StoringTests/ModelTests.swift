import Blocks
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// The log against an array: random traffic, restarts in between.
struct ModelTests {
    typealias F = LogFixture

    /// The suite holds it, or its folder would go with its last use.
    private let fixture: LogFixture

    init() throws { fixture = try LogFixture() }

    @Test(arguments: 1...4 as ClosedRange<UInt64>)
    func `random appends, repeats, clones and restarts leave what the model says`(seed: UInt64) async throws {
        var generator = SeededGenerator(seed: seed)
        var log = try await fixture.open()
        var (messages, watermarks, known) = ([String](), [UInt64: UInt64](), Set<UUID>())
        for step in 0..<120 {
            let agent = UInt64.random(in: 1...3, using: &generator)
            let watermark = watermarks[agent] ?? 0
            switch Int.random(in: 0..<20, using: &generator) {
            case 0:
                await log.close()
                log = try await fixture.open()
            case 1 where watermark > 0:
                #expect(try await log.append(batch(UInt64.random(in: 1...watermark, using: &generator), agent, "x")) == .repeated(ids: []))
            case 2 where watermark > 0:
                #expect(try await log.append(batch(watermark, agent, "x", checksum: 1)) == .conflict)
            case 3 where watermark > 0:
                #expect(try await log.append(batch(watermark + 2, agent, "x")) == .outOfOrder(expected: watermark + 1))
            case 4...8:
                let ids = (0..<3).map { _ in UUID(high: 3, low: UInt64.random(in: 0..<40, using: &generator)) }
                _ = try await log.append(F.request(ids.enumerated().map { F.event("\(step)-\($0)", id: $1) }))
                for (row, id) in ids.enumerated() where known.insert(id).inserted { messages.append("\(step)-\(row)") }
            default:
                #expect(try await log.append(batch(watermark + 1, agent, "\(step)")) == .stored(ids: []))
                messages.append("\(step)")
                watermarks[agent] = watermark + 1
            }
        }
        #expect(try await F.messages(log) == messages)
        for (agent, watermark) in watermarks { #expect(try await log.watermarks(of: UUID(high: 8, low: agent)).lanes == [.logs: watermark]) }
        await log.close()
    }

    private func batch(_ sequence: UInt64, _ agent: UInt64, _ message: String, checksum: UInt64? = nil) -> AdmittedBatch {
        F.batch(sequence, [F.event(message)], agent: UUID(high: 8, low: agent), checksum: checksum)
    }

    @Test(arguments: [true, false])
    func `pages by time hold each block that overlaps once, in order`(newestFirst: Bool) async throws {
        let log = try await fixture.open()
        var generator = SeededGenerator(seed: 99)
        var all = [(from: Int64, to: Int64, position: LogPosition)]()
        var batches = [AdmittedBatch]()
        for index in 0..<150 as Range<UInt64> {
            let from = Int64.random(in: 0...1000, using: &generator) * 60_000_000_000
            // From nothing to ten days, so that each class of length occurs.
            let lengths: [Int64] = [0, 30, 600, 7200, 864_000]
            let length = lengths.randomElement(using: &generator)! * 1_000_000_000
            batches.append(F.batch(index + 1, [F.event("a", at: .nanoseconds(from)), F.event("b", at: .nanoseconds(from + length))]))
            all.append((from, from + length, index + 1))
        }
        _ = try await log.append(batches)
        for _ in 0..<12 {
            let start = Int64.random(in: -10...1000, using: &generator) * 60_000_000_000
            let end = start + Int64.random(in: 1...500, using: &generator) * 60_000_000_000
            let expected = all.filter { $0.to >= start && $0.from < end }
                .sorted { newestFirst ? ($0.to, $0.position) > ($1.to, $1.position) : ($0.from, $0.position) < ($1.from, $1.position) }
                .map(\.position)
            var (found, last) = ([LogPosition](), BlockEntry?.none)
            while true {
                let page = try await log.entries(
                    overlapping: F.noon.advanced(by: .nanoseconds(start)),
                    F.noon.advanced(by: .nanoseconds(end)),
                    kinds: [.events, .samples],
                    newestFirst: newestFirst,
                    behind: last,
                    limit: 7
                )
                found += page.map(\.position)
                guard let next = page.last else { break }
                last = next
            }
            #expect(found == expected)
        }
        // One from the beginning of time to its end overlaps everything, though its length is no number.
        var first = F.event("all")
        first.timestamp = .distantPast
        var last = first
        last.timestamp = .distantFuture
        _ = try await log.append(F.batch(1, [first, last], agent: UUID(high: 1, low: 1)))
        let moment = F.noon.advanced(by: .seconds(-100_000))
        let one = try await log.entries(
            overlapping: moment,
            moment.advanced(by: .nanoseconds(1)),
            kinds: [.events],
            newestFirst: newestFirst,
            behind: nil,
            limit: 10
        )
        #expect(one.map(\.position) == [151])
        let everything = try await log.blocks(
            overlapping: .distantPast,
            .distantFuture,
            kinds: [.events],
            newestFirst: newestFirst,
            offset: 100,
            limit: 100
        )
        #expect(everything.count == 51)
    }

    @Test func `retention deletes by arrival, each class by its own age, and gives no position twice`() async throws {
        var fixture = fixture
        fixture.config.eventRetention = .seconds(100)
        fixture.config.metricRetention = .seconds(1000)
        let log = try await fixture.open()
        let sample = Sample("up", at: F.noon, 1)
        let samples = AdmittedBlock(kind: .samples, bytes: SampleBlock.encode([sample]), count: 1, from: F.noon, to: F.noon)
        let id = UUID(high: 7, low: 7)
        _ = try await log.append(F.request([F.event("old", id: id)], key: "k"))
        let origin = AdmittedBatch.Origin.agent(F.identity, lane: .metrics, sequence: 1, checksum: 1)
        _ = try await log.append(AdmittedBatch(origin: origin, receivedAt: F.noon, blocks: [samples]))
        fixture.time.advance(by: .seconds(99))
        #expect(try await log.retain() == false)
        fixture.time.advance(by: .seconds(2))
        while try await log.retain() {}
        #expect(try await F.messages(log) == [])
        #expect(try await log.place(ofClientID: id) == nil)
        #expect(try await log.blocks(after: 0, kinds: [.samples], limit: 1).count == 1)
        fixture.time.advance(by: .seconds(1000))
        while try await log.retain() {}
        #expect(try await log.blocks(after: 0, kinds: [.samples], limit: 1).isEmpty)
        await log.close()
        let again = try await fixture.open()
        _ = try await again.append(F.request([F.event("new")]))
        #expect(try await again.end() == 3)
    }

    @Test func `beyond its size the log gives up the oldest`() async throws {
        var fixture = fixture
        fixture.config.maxSize = 1_000_000
        let log = try await fixture.open()
        var generator = SeededGenerator(seed: 3)
        for sequence in 1...60 as ClosedRange<UInt64> {
            // Random digits, so that compression does not make the test small.
            let message = (0..<3000).map { _ in String(generator.next(), radix: 36) }.joined()
            _ = try await log.append(F.batch(sequence, [F.event(message)]))
        }
        #expect(await log.status().usedBytes > 1_000_000)
        while try await log.retain() {}
        #expect(await log.status().usedBytes <= 1_000_000)
        var left = [StoredBlock]()
        while true {
            let page = try await log.page(after: left.last?.position ?? 0, kinds: [.events], limit: 100)
            if page.blocks.isEmpty { break }
            left += page.blocks
        }
        try #require(left.last?.position == 60)
        #expect(left.count < 60 && left.count > 5)
        #expect(left.map(\.position) == Array(left[0].position...60))
    }
}
