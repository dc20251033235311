import Blocks
import Operating
import Storing
import Telemetry
import TestSupport
import Testing

@testable import Querying

struct MetricHeadTests {
    typealias F = QueryFixture

    private let fixture: QueryFixture

    init() async throws { fixture = try await QueryFixture() }

    private func head(_ change: (inout QueryLimits) -> Void = { _ in }) -> MetricHead {
        var limits = QueryLimits()
        change(&limits)
        return MetricHead(log: fixture.log, limits: limits, time: fixture.time)
    }

    private func sample(_ name: String, _ value: Double, at offset: Duration, host: String = "web-1") -> Sample {
        Sample(name, [Label("host", host)], at: F.noon.advanced(by: offset), value)
    }

    private func values(_ head: MetricHead, _ name: String) -> [[Double]] {
        head.select(names: [name], from: .min, to: .max) { _ in true }.series.map(\.values).sorted { $0.count < $1.count }
    }

    @Test func `what was acknowledged is there, by series and in order`() async throws {
        let head = head()
        try await head.catchUp()
        #expect(head.sampleCount == 0)
        try await fixture.store([sample("a", 1, at: .seconds(-20)), sample("b", 5, at: .seconds(-20))])
        try await fixture.store([F.event("in between")])
        try await fixture.store([sample("a", 2, at: .seconds(-10)), sample("a", 7, at: .seconds(-10), host: "web-2")])
        try await head.catchUp()
        #expect(values(head, "a") == [[7], [1, 2]])
        #expect(values(head, "b") == [[5]])
        #expect(head.select(names: nil, from: .min, to: .max) { $0["host"] == "web-2" }.series.map(\.values) == [[7]])
        #expect(head.sampleCount == 4)
    }

    @Test func `late samples stand where they belong, a repeat of a time replaces`() async throws {
        let head = head()
        for (value, offset) in [(1, -30), (3, -10), (2, -20), (9, -10)] as [(Double, Int)] {
            try await fixture.store([sample("a", value, at: .seconds(offset))])
            try await head.catchUp()
        }
        #expect(values(head, "a") == [[1, 2, 9]])
        #expect(head.sampleCount == 3)
    }

    @Test func `after a restart the window is built again from the log, and older samples stay there`() async throws {
        for minute in stride(from: -60, through: 0, by: 1) { try await fixture.store([sample("a", Double(minute), at: .seconds(minute * 60))]) }
        let head = head { $0.headWindow = .seconds(600) }
        try await head.catchUp()
        #expect(values(head, "a") == [(-10...0).map(Double.init)])
        #expect(head.select(names: ["a"], from: .min, to: .max) { _ in true }.covered.lowerBound == F.noon.advanced(by: .seconds(-600)).nanoseconds)
    }

    @Test func `the window moves on, and series without samples are forgotten`() async throws {
        let head = head { $0.headWindow = .seconds(600) }
        try await fixture.store([sample("old", 1, at: .zero), sample("a", 1, at: .zero)])
        try await head.catchUp()
        #expect(head.seriesCount == 2)
        fixture.time.advance(by: .seconds(700))
        try await fixture.store([sample("a", 2, at: .seconds(700))])
        try await head.catchUp()
        #expect(head.seriesCount == 1)
        #expect(values(head, "a") == [[2]])
        // What arrives from before the window is the log's.
        try await fixture.store([sample("old", 3, at: .seconds(1))])
        try await head.catchUp()
        #expect(values(head, "old") == [])
    }

    @Test func `samples are bounded: the floor rises`() async throws {
        let head = head { $0.headSamplesMax = 100 }
        for second in 0..<300 { try await fixture.store([sample("a", Double(second), at: .seconds(second - 300))]) }
        try await head.catchUp()
        #expect(head.sampleCount <= 100)
        let kept = try #require(values(head, "a").first)
        #expect(kept == (300 - kept.count..<300).map(Double.init))
        #expect(kept.count > 20)
    }

    @Test func `a clock far ahead neither empties the head nor hides its samples`() async throws {
        let limits = QueryLimits(headWindow: .seconds(600), headSamplesMax: 10)
        let reader = MetricReader(log: fixture.log, limits: limits, time: fixture.time)
        let (far, ahead) = (Timestamp(nanoseconds: .max), F.noon.advanced(by: .seconds(100_000)))
        for second in 0..<30 {
            try await fixture.store([
                sample("a", Double(second), at: .seconds(second - 30)), Sample("b", at: far, 1), Sample("c", at: ahead, 2),
                Sample("d", at: .distantPast, 3),
            ])
        }
        func value(_ name: String, at moment: Timestamp) async throws -> [Double] {
            guard case .vector(let samples) = try await reader.query(name, at: moment) else { return [] }
            return samples.map(\.value)
        }
        #expect(try await value("a", at: F.noon) == [29])
        #expect(try await value("c", at: ahead) == [2])
        #expect(try await value("b", at: far) == [1])
        // When the time has come the head is built again, and holds it.
        fixture.time.advance(by: .seconds(100_700))
        #expect(try await value("c", at: ahead) == [2])
        #expect(try await value("a", at: F.noon) == [29])
    }

    @Test func `several callers bring it up to date together`() async throws {
        for second in 0..<200 { try await fixture.store([sample("a", Double(second), at: .seconds(second - 300))]) }
        let head = head()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<8 { group.addTask { try await head.catchUp() } }
            try await group.waitForAll()
        }
        #expect(values(head, "a") == [(0..<200).map(Double.init)])
    }
}
