import Operating
import Sealing
import Telemetry
import TestSupport
import Testing

@testable import Querying

struct MetricReaderTests {
    private typealias F = SampleLog

    private let log = SampleLog()

    private func reader(_ change: (inout QueryLimits) -> Void = { _ in }) -> MetricReader {
        var limits = QueryLimits()
        change(&limits)
        return MetricReader(log: log, limits: limits, time: log.time)
    }

    /// Where the samples are when they are asked for.
    enum Place: CaseIterable { case arrivals, both, sealed, merged }

    private func put(_ place: Place) throws {
        switch place {
        case .arrivals: break
        case .both: try log.seal(keeping: 37)
        case .sealed, .merged:
            for kept in [300, 200, 120, 0] { try log.seal(keeping: kept) }
            if place == .merged { try log.merge(to: .raw) }
        }
    }

    /// A counter that grows by one a second on two hosts, and a gauge, one block every ten seconds, for an hour up to noon.
    private func fill() {
        for second in stride(from: -3600, through: 0, by: 10) {
            let at = F.noon.advanced(by: .seconds(second))
            log.store([
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
            log.store([Sample("up", [Label("host", "web-1")], at: F.noon.advanced(by: .seconds(value)), Double(value))])
            #expect(try await vector(reader, "up", at: .seconds(10)) == ["web-1": Double(value)])
        }
    }

    @Test(arguments: Place.allCases)
    func `the answer is the same wherever the samples are`(place: Place) async throws {
        fill()
        try put(place)
        let reader = reader()
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
        fill()
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
        for place in [Place.arrivals, .both, .sealed] {
            try put(place)
            let small = self.reader { $0.samplesMax = 100 }
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

    @Test func `a damaged block is set aside and reported, and the rest is answered`() async throws {
        fill()
        try put(.sealed)
        try log.damage(at: -3)
        let reader = reader()
        #expect(try await vector(reader, "load") == ["web-1": 0])
        // The block of the oldest samples is gone.
        #expect(try await vector(reader, "count_over_time(load[1h])")["web-1"].map { $0 > 250 && $0 < 361 } == true)
        #expect(log.damage.count == 1)
        #expect(log.catalog().sealed.count == 3)
    }

    // MARK: Rolled up

    @Test(arguments: [Resolution.minute, .hour])
    func `rolled up samples answer with the number that a function wants`(resolution: Resolution) async throws {
        // Seven hours up to noon: a gauge that goes up and down within each minute, a counter that is reset in the middle.
        for second in stride(from: -25_190, through: 0, by: 10) {
            let at = F.noon.advanced(by: .seconds(second - 10))
            let phase = Double((second + 25_200) / 10 % 6)
            let counted = Double(second + 25_200)
            log.store([
                Sample("level", [Label("host", "web-1")], at: at, phase < 3 ? phase : -phase),
                Sample("steady_total", [Label("host", "web-1")], at: at, counted),
                Sample("reset_total", [Label("host", "web-1")], at: at, counted < 12_650 ? counted : counted - 12_640),
            ])
        }
        let raw = reader()
        let expressions = [
            "max_over_time(level[3h])", "min_over_time(level[3h])", "sum_over_time(level[3h])", "count_over_time(level[3h])",
            "avg_over_time(level[3h])", "increase(reset_total[6h]) > bool 21000", "resets(reset_total[6h])", "count_over_time(level[3h:1h])",
        ]
        var before = [[String: Double]]()
        for expression in expressions { before.append(try await vector(raw, expression, at: .seconds(-1))) }
        #expect(before[0] == ["web-1": 2] && before[1] == ["web-1": -5] && before[3] == ["web-1": 1080] && before[6] == ["web-1": 1])
        let rate = try #require(try await vector(raw, "rate(steady_total[6h])")["web-1"])
        #expect(abs(rate - 1) < 1e-9)
        // Minutes may stand beside raw samples; hours stand for themselves, as retention has it.
        try log.seal(keeping: resolution == .hour ? 0 : 200)
        try log.merge(to: .minute)
        if resolution == .hour { try log.merge(to: .hour) }
        let rolled = reader()
        for (index, expression) in expressions.enumerated() {
            let after = try await vector(rolled, expression, at: .seconds(-1))
            for (host, value) in before[index] { #expect(abs((after[host] ?? .nan) - value) <= 1e-9 * abs(value), "\(expression)") }
            #expect(after.count == before[index].count)
        }
        let rolledRate = try #require(try await vector(rolled, "rate(steady_total[6h])")["web-1"])
        #expect(abs(rolledRate - 1) < 0.01)
        // The value of a moment is the last of its minute or hour; an hour's is found too.
        let value = try await vector(rolled, "steady_total", at: .seconds(-3 * 3600 - 1))
        #expect(value == ["web-1": 25_200 - 3 * 3600])
    }

    @Test func `a series that ended stays ended when it is rolled up`() async throws {
        for second in stride(from: -600, to: 0, by: 10) {
            log.store([Sample("up", [Label("host", "a")], at: F.noon.advanced(by: .seconds(second)), 1)])
        }
        log.store([Sample("up", [Label("host", "a")], at: F.noon, Double(bitPattern: 0x7FF0_0000_0000_0002))])
        try log.seal()
        try log.merge(to: .minute)
        let reader = reader()
        #expect(try await vector(reader, "up", at: .seconds(-1)) == ["a": 1])
        #expect(try await vector(reader, "up", at: .seconds(30)) == [:])
        #expect(try await vector(reader, "sum_over_time(up[20m])", at: .seconds(1)) == ["a": 60])
    }

    @Test func `several questions at once are answered while samples arrive and are sealed`() async throws {
        fill()
        let reader = reader()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for _ in 0..<6 {
                group.addTask {
                    for _ in 0..<10 {
                        let counted = try await vector(reader, "count_over_time(load[1h])")
                        #expect(counted == ["web-1": 361])
                    }
                }
            }
            for kept in [250, 100, 10, 0] {
                try log.seal(keeping: kept)
                await Task.yield()
            }
            try log.merge(to: .raw)
            try await group.waitForAll()
        }
    }
}

struct Unexpected: Error {}
