import Expressions
import JSON
import Rules
import Telemetry

/// Raw samples of an aggregator, as `query` gives them for a range selector.
struct StoredSeries {
    let aggregator: AggregatorOptions
    /// Only series of this host.
    let host: String?

    /// What the rules read, each selector once; what they record themselves comes out of the play.
    static func selectors(of groups: [RuleGroup]) -> [[LabelMatcher]] {
        let recorded = Set(groups.flatMap(\.rules).compactMap { if case .recording(let rule) = $0 { rule.name } else { nil } })
        var seen = Set<[LabelMatcher]>()
        return groups.flatMap(\.rules).flatMap { $0.expression.selectors() }
            .filter { !recorded.contains($0.metricName ?? "") && !["ALERTS", "ALERTS_FOR_STATE"].contains($0.metricName ?? "") }
            .map(\.matchers).filter { seen.insert($0).inserted }
    }

    /// Points in `from...to`. Where an answer would be too large for the aggregator it is asked for in halves.
    func load(_ matchers: [LabelMatcher], from: Timestamp, to: Timestamp) async throws -> [SeriesSamples] {
        let milliseconds = max(1, (to.nanoseconds - from.nanoseconds + 999_999) / 1_000_000)
        var wanted = matchers.map(\.description)
        if let host { wanted.append(LabelMatcher("host", equals: host).description) }
        let query = "{" + wanted.joined(separator: ",") + "}[\(milliseconds)ms]"
        do {
            let answer = try await aggregator.get("/api/v1/query", [("query", query), ("time", to.rfc3339)])
            return try StoredSeries.series(in: answer["data"]?["result"], from: from)
        } catch let failure as Failure {
            guard failure.isTooMuch, milliseconds > 60_000 else { throw failure }
            let middle = Timestamp(nanoseconds: from.nanoseconds + (to.nanoseconds - from.nanoseconds) / 2)
            let first = try await load(matchers, from: from, to: middle)
            return first + (try await load(matchers, from: Timestamp(nanoseconds: middle.nanoseconds + 1), to: to))
        }
    }

    private static func series(in result: JSON?, from: Timestamp) throws -> [SeriesSamples] {
        guard let list = result?.array else { throw Failure("the aggregator's answer to a range selector holds no result") }
        return list.map { item in
            let labels = Labels((item["metric"]?.members ?? []).map { Label($0.key, $0.value.string ?? "") })
            let points = (item["values"]?.array ?? []).compactMap { pair -> Point? in
                guard let seconds = pair[0]?.double, let text = pair[1]?.string, let value = number(text) else { return nil }
                return Point(Timestamp(milliseconds: Int64((seconds * 1000).rounded())), value)
            }
            return SeriesSamples(series: labels, points: points.filter { $0.timestamp >= from })
        }
    }

    private static func number(_ text: String) -> Double? {
        switch text {
        case "+Inf": .infinity
        case "-Inf": -.infinity
        case "NaN": .nan
        default: Double(text)
        }
    }
}
