import Blocks
import Operating
import Storing
import Telemetry
import TestSupport
import Testing

@testable import Querying

struct MetricReaderTests {
    typealias F = QueryFixture

    private let fixture: QueryFixture

    init() async throws { fixture = try await QueryFixture() }

    private func reader(_ change: (inout QueryLimits) -> Void = { _ in }) -> MetricReader {
        var limits = QueryLimits()
        change(&limits)
        return MetricReader(log: fixture.log, limits: limits, time: fixture.time)
    }

    /// A counter that grows by one a second on two hosts, and a gauge, one block every ten seconds, for an hour up to noon.
    private func fill() async throws {
        for second in stride(from: -3600, through: 0, by: 10) {
            let at = F.noon.advanced(by: .seconds(second))
            try await fixture.store([
                Sample("requests_total", [Label("host", "web-1")], at: at, Double(second + 3600)),
                Sample("requests_total", [Label("host", "web-2")], at: at, Double(2 * (second + 3600))),
                Sample("load", [Label("host", "web-1")], at: at, Double(second)),
            ])
        }
    }

    private func vector(_ reader: MetricReader, _ text: String, at offset: Duration = .zero) async throws -> [String: Double] {
        guard case .vector(let samples) = try await reader.query(text, at: F.noon.advanced(by: offset)) else { throw Unexpected() }
        return Dictionary(uniqueKeysWithValues: samples.map { ($0.series["host"] ?? "", $0.value) })
    }

    @Test func `an instant query reads what was acknowledged before it`() async throws {
        let reader = reader()
        for value in 0..<5 {
            try await fixture.store([Sample("up", [Label("host", "web-1")], at: F.noon.advanced(by: .seconds(value)), Double(value))])
            #expect(try await vector(reader, "up", at: .seconds(10)) == ["web-1": Double(value)])
        }
    }

    @Test(arguments: [Duration.seconds(7200), .seconds(900), .seconds(60)])
    func `the answer is the same wherever the samples are`(window: Duration) async throws {
        try await fill()
        let reader = reader { $0.headWindow = window }
        #expect(try await vector(reader, "rate(requests_total[5m])") == ["web-1": 1, "web-2": 2])
        #expect(try await vector(reader, "sum(rate(requests_total[50m]))") == ["": 3])
        #expect(try await vector(reader, "load", at: .seconds(-1800)) == ["web-1": -1800])
        #expect(try await vector(reader, "requests_total offset 30m") == ["web-1": 1800, "web-2": 3600])
        #expect(try await vector(reader, #"requests_total{host=~"web-[23]"}"#) == ["web-2": 7200])
        #expect(try await vector(reader, "max_over_time(load[1h])") == ["web-1": 0])
        #expect(try await vector(reader, #"{__name__=~"load|none"}"#) == ["web-1": 0])
        let range = try await reader.query(
            "sum by (host) (requests_total)",
            from: F.noon.advanced(by: .seconds(-3000)),
            to: F.noon,
            step: .seconds(600)
        )
        guard case .matrix(let series) = range else { throw Unexpected() }
        #expect(series.count == 2)
        let first = try #require(series.first { $0.labels["host"] == "web-1" })
        #expect(first.points.map(\.value) == [600, 1200, 1800, 2400, 3000, 3600])
        #expect(first.points.map(\.timestamp).last == F.noon)
    }

    @Test func `a scalar and a string are answered as such`() async throws {
        guard case .scalar(let value, let moment) = try await reader().query("1 + 2", at: F.noon) else { throw Unexpected() }
        #expect((value, moment) == (3, F.noon))
        guard case .string(let text, _) = try await reader().query("\"x\"", at: F.noon) else { throw Unexpected() }
        #expect(text == "x")
    }

    @Test func `what cannot be answered says why`() async throws {
        try await fill()
        func refused(_ body: () async throws(QueryError) -> MetricAnswer) async -> QueryError? {
            do {
                _ = try await body()
                return nil
            } catch {
                return error
            }
        }
        let reader = reader()
        guard case .invalid? = await refused({ () throws(QueryError) in try await reader.query("rate(", at: F.noon) }) else { throw Unexpected() }
        let (start, end) = (F.noon.advanced(by: .seconds(-3600)), F.noon)
        for (from, to, step) in [(end, start, Duration.seconds(1)), (start, end, .zero), (start, end, .milliseconds(1))] {
            guard case .invalid? = await refused({ () throws(QueryError) in try await reader.query("load", from: from, to: to, step: step) }) else {
                throw Unexpected()
            }
        }
        for window in [60, 7200] {
            let small = self.reader { limits in
                limits.samplesMax = 100
                limits.headWindow = .seconds(window)
            }
            guard case .limit? = await refused({ () throws(QueryError) in try await small.query("max_over_time(load[1h])", at: end) }) else {
                throw Unexpected()
            }
            #expect(try await small.query("load", at: end) != .vector([]))
        }
        let hurried = self.reader { $0.metricTime = .seconds(-1) }
        guard case .limit? = await refused({ () throws(QueryError) in try await hurried.query("max_over_time(load[1h])", at: end) }) else {
            throw Unexpected()
        }
    }
}

struct Unexpected: Error {}
