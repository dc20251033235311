import Operating
import Sealing
import Telemetry
import TestSupport
import Testing

@testable import Querying
@testable import Storing

/// Metric queries over the real log, from the arrival of a sample to the last row that stands for it.
struct MetricsOverTheLogTests {
    typealias F = QueryFixture

    private let fixture: QueryFixture

    init() async throws { fixture = try await QueryFixture() }

    private func ask(_ reader: MetricReader, _ text: String) async throws -> [Double] {
        guard case .vector(let samples) = try await reader.query(text, at: F.noon) else { return [] }
        return samples.map(\.value)
    }

    @Test func `an answer stays the same while samples are sealed, merged, rolled up, and gone`() async throws {
        let reader = MetricReader(log: fixture.log, time: fixture.time)
        let expressions = [
            "max_over_time(level[1h])", "min_over_time(level[1h])", "sum_over_time(level[1h])", "count_over_time(level[1h])", "max by (host) (level)",
        ]
        for minute in 0..<60 {
            try await fixture.store(
                (0..<6).map { second in
                    let at = F.noon.advanced(by: .seconds((minute - 60) * 60 + second * 10 + 1))
                    return Sample("level", [Label("host", "web-1")], at: at, Double((minute * 6 + second) % 31))
                }
            )
            // What was acknowledged is there at once.
            #expect(try await ask(reader, "count_over_time(level[1h])") == [Double(minute + 1) * 6])
            if minute % 20 == 19 { try await fixture.log.sealAll() }
        }
        var before = [[Double]]()
        for expression in expressions { before.append(try await ask(reader, expression)) }
        #expect(before == [[30], [0], [5_286], [360], [18]])
        func check(_ step: Comment) async throws {
            for (index, expression) in expressions.enumerated() { #expect(try await ask(reader, expression) == before[index], step) }
        }
        fixture.time.advance(by: .seconds(2 * 86_400))
        while try await fixture.log.mergeSamples() {}
        try await check("merged")
        fixture.time.advance(by: .seconds(90 * 86_400))
        while try await fixture.log.retain() {}
        #expect(fixture.log.catalog().sealed.map(\.resolution) == [.minute])
        try await check("minutes")
        fixture.time.advance(by: .seconds(310 * 86_400))
        while try await fixture.log.retain() {}
        #expect(fixture.log.catalog().sealed.map(\.resolution) == [.hour])
        try await check("hours")
        fixture.time.advance(by: .seconds(1500 * 86_400))
        while try await fixture.log.retain() {}
        #expect(try await ask(reader, "level") == [])
    }
}
