import Blocks
import Sealing
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// What a reader with a cursor is told of what retention or damage took from it.
struct GapTests {
    typealias F = LogFixture

    private var fixture: LogFixture

    init() throws {
        fixture = try LogFixture()
        fixture.config.eventRetention = .seconds(100)
        fixture.config.sourceRetention = ["audit": .seconds(1000)]
    }

    /// Ten arrivals, each with two rows that go early and one that stays longer.
    private func filled() async throws -> Log {
        let log = try await fixture.open()
        for sequence in 1...10 as ClosedRange<UInt64> {
            let events = [F.event("a\(sequence)"), F.event("b\(sequence)"), F.event("c\(sequence)", source: "audit")]
            _ = try await log.append(F.batch(sequence, events))
            if sequence == 5 { try await log.sealAll() }
        }
        try await log.sealAll()
        return log
    }

    private func read(_ log: Log, from start: LogPosition, limit: Int) async throws -> (messages: [String], gaps: [Gap]) {
        var (messages, gaps, position) = ([String](), [Gap](), start)
        while true {
            let page = try await log.page(after: position, kinds: [.events], limit: limit)
            if let gap = page.gap { gaps.append(gap) }
            for block in page.blocks {
                let decoded = try EventBlock(decoding: block.bytes)
                for row in 0..<decoded.count where decoded.event(at: row).source != Event.ownSource {
                    messages.append(decoded.event(at: row).message ?? "")
                }
            }
            if page.next == position || page.next >= log.book.end && page.blocks.isEmpty { return (messages, gaps) }
            position = page.next
        }
    }

    @Test(arguments: [1, 2, 3, 100])
    func `each row that retention took is told once, however the reader cuts its pages`(limit: Int) async throws {
        let log = try await filled()
        fixture.time.advance(by: .seconds(101))
        while try await log.retain() {}
        let (messages, gaps) = try await read(log, from: 0, limit: limit)
        #expect(messages == (1...10).map { "c\($0)" })
        #expect(gaps.reduce(0) { $0 + $1.count } == 20)
        #expect(gaps.allSatisfy { $0.reason == .retention })
        await log.close()
    }

    @Test func `a reader is told of what lay behind its cursor only`() async throws {
        let log = try await filled()
        fixture.time.advance(by: .seconds(101))
        while try await log.retain() {}
        #expect(try await read(log, from: 5, limit: 100).gaps.map(\.count) == [10])
        #expect(try await read(log, from: 8, limit: 100).gaps.map(\.count) == [4])
        #expect(try await read(log, from: 10, limit: 100).gaps.isEmpty)
        await log.close()
        let again = try await fixture.open()
        #expect(try await read(again, from: 5, limit: 100).gaps.map(\.count) == [10])
        await again.close()
    }

    @Test func `a block that a reader finds damaged is set aside, told once, and passed over`() async throws {
        let log = try await filled()
        let victim = try #require(log.catalog().sealed.filter { $0.count == 10 }.min { $0.first < $1.first })
        let slice = try #require(victim.bytes as? SegmentSlice)
        let path = fixture.config.segmentsPath + "/00000001.blocks"
        let whole: [UInt8]? = TestFiles.bytes(path)
        var bytes = try #require(whole)
        bytes[slice.range.lowerBound + 100] ^= 1
        try TestFiles.write(bytes, to: path)
        let (messages, gaps) = try await read(log, from: 0, limit: 100)
        #expect(messages == (1...5).map { "c\($0)" } + (6...10).flatMap { ["a\($0)", "b\($0)", "c\($0)"] })
        #expect(gaps.map(\.reason) == [.corrupt] && gaps.map(\.count) == [10])
        #expect(await log.status().setAside == 1)
        await log.close()
    }

    @Test func `many spans become few, and no row is forgotten`() {
        var spans = PurgedSpans()
        for index in 1...2000 as ClosedRange<UInt64> {
            spans.add(PurgedSpans.Span(first: index * 10, last: index * 10 + 9, from: F.noon, to: F.noon, rows: 7))
        }
        #expect(spans.spans.count == PurgedSpans.spansMax)
        #expect(spans.loss(after: 0, through: 100_000)?.rows == 14_000)
        #expect(spans.loss(after: 19_999, through: 100_000)?.rows == 7)
        var (position, sum) = (LogPosition(0), 0)
        while position < 30_000 {
            sum += spans.loss(after: position, through: position + 37)?.rows ?? 0
            position += 37
        }
        #expect(sum == 14_000)
    }

    @Test func `beyond the size the segment nearest to its own end goes first`() {
        func segment(_ id: UInt64, _ name: String, days: Int) -> SegmentRow {
            let receivedAt = F.noon.advanced(by: .seconds(-86_400 * days))
            return SegmentRow(id: id, kind: .events, resolution: .raw, retentionClass: name, day: 0, bytes: 1, receivedAt: receivedAt)
        }
        let retention = { (key: SegmentStore.Key) in Duration.seconds(key.retentionClass == "audit" ? 400 * 86_400 : 30 * 86_400) }
        let segments = [segment(1, "audit", days: 300), segment(2, "", days: 25), segment(3, "", days: 20), segment(4, "audit", days: 10)]
        var (left, order) = (segments, [UInt64]())
        while let next = RetentionPlan.firstToGo(of: left, at: F.noon, retention: retention) {
            order.append(next.id)
            left.removeAll { $0.id == next.id }
        }
        #expect(order == [2, 1, 3, 4])
        let equal = [segment(6, "", days: 3), segment(5, "", days: 3)]
        #expect(RetentionPlan.firstToGo(of: equal, at: F.noon, retention: retention)?.id == 5)
    }
}
