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
        #expect(try await log.page(after: 0, kinds: [.samples], limit: 1).blocks.count == 1)
        fixture.time.advance(by: .seconds(1000))
        while try await log.retain() {}
        #expect(try await log.page(after: 0, kinds: [.samples], limit: 1).blocks.isEmpty)
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
