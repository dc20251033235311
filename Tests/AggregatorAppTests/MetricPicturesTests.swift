import Operating
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import AggregatorApp

@Suite struct MetricPicturesTests {
    private final class Queries: MetricQuerying {
        private let asked = Mutex<[String]>([])
        private let answer: MetricAnswer

        init(_ answer: MetricAnswer) { self.answer = answer }

        var all: [String] { asked.withLock { $0 } }

        func query(_ expression: String, at time: Timestamp) async throws(QueryError) -> MetricAnswer { throw .failed("no") }

        func query(_ expression: String, from start: Timestamp, to end: Timestamp, step: Duration) async throws(QueryError) -> MetricAnswer {
            asked.withLock { $0.append("\(expression) \(end.duration(since: start)) \(step)") }
            return answer
        }
    }

    @Test(
        arguments: [
            ("rate(x[5m]) > 10", "rate(x[5m])", 10), ("x{a=\"b>c\"} <= -1.5", "x{a=\"b>c\"}", -1.5), ("up == 0", "up", 0),
            ("sum by (host) (x > 3) != 1e3", "sum by (host) (x > 3)", 1e3), ("x > bool 1", "x > bool 1", nil), ("x > y", "x > y", nil),
            ("a > 1 and b > 2", "a > 1 and b > 2", nil), ("absent(x)", "absent(x)", nil), ("not promql >", "not promql >", nil),
            ("x > 1 > 2", "x > 1", 2),
        ] as [(String, String, Double?)]
    )
    func `what is drawn is the expression without its comparison with a number`(text: String, subject: String, threshold: Double?) {
        let divided = MetricPictures.divided(text)
        #expect(divided.subject == subject)
        #expect(divided.threshold == threshold)
    }

    @Test func `only the alert's own series are drawn, from half an hour before it`() async throws {
        let time = ManualTime()
        let start = time.now()
        let mine = MetricPoints(labels: ["host": "a", "mode": "idle"], points: [MetricPoints.Point(start, 1)])
        let queries = Queries(.matrix([mine, MetricPoints(labels: ["host": "b"], points: [MetricPoints.Point(start, 2)])]))
        let alert = Alert(
            labels: ["alertname": "X", "host": "a"],
            state: .firing,
            activeAt: start,
            startsAt: start,
            value: 1,
            updatedAt: start,
            expression: "rate(x[5m]) > 10"
        )
        let curve = try #require(await MetricPictures(queries: queries, time: time).curve(for: alert))
        #expect(curve.series == [mine])
        #expect(curve.threshold == 10)
        #expect(queries.all == ["rate(x[5m]) 1800.0 seconds 15.0 seconds"])
        #expect(await MetricPictures(queries: Queries(.matrix([])), time: time).curve(for: alert) == nil)
    }
}
