import Blocks
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// What retention takes, and what stays.
struct RetentionTests {
    typealias F = LogFixture

    /// The suite holds it, or its folder would go with its last use.
    private let fixture: LogFixture

    init() throws { fixture = try LogFixture() }

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
