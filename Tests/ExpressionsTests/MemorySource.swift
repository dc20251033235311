import Expressions
import Telemetry

/// Series in memory, as a test writes them.
struct MemorySource: SampleSource {
    var series: [SeriesSamples] = []

    init(_ series: [SeriesSamples]) { self.series = series }

    /// `load(step: 60, ["x{a=\"b\"}": [1, 2, nil, 4]])`: values at 0 s, 60 s, …
    init(step: Int64, _ values: [String: [Double?]]) {
        series = values.sorted { $0.key < $1.key }.map { name, values in
            SeriesSamples(
                series: MemorySource.labels(name),
                points: values.enumerated().compactMap { index, value in
                    value.map { Point(Timestamp(milliseconds: Int64(index) * step * 1000), $0) }
                }
            )
        }
    }

    func select(_ matchers: [LabelMatcher], from: Timestamp, to: Timestamp) throws(EvaluationError) -> [SeriesSamples] {
        series.filter { matchers.allMatch($0.series) }.compactMap { one in
            let points = one.points.filter { $0.timestamp >= from && $0.timestamp <= to }
            return points.isEmpty ? nil : SeriesSamples(series: one.series, points: points)
        }
    }

    /// `name{a="b",c="d"}`, values without escapes.
    static func labels(_ text: some StringProtocol) -> Labels {
        let parts = text.split(separator: "{", maxSplits: 1, omittingEmptySubsequences: false)
        var pairs: [Label] = parts[0].isEmpty ? [] : [Label(Labels.metricName, String(parts[0]))]
        if parts.count > 1 {
            for pair in parts[1].dropLast().split(separator: "\",") {
                let halves = pair.split(separator: "=", maxSplits: 1)
                pairs.append(Label(String(halves[0]), String(halves[1].filter { $0 != "\"" })))
            }
        }
        return Labels(pairs)
    }
}

/// The vector that an expression is worth, as `labels → value`; a number stands under "".
func values(_ text: String, at seconds: Int64, _ source: MemorySource) throws -> [String: Double] {
    switch try Expression(parsing: text).evaluate(at: Timestamp(milliseconds: seconds * 1000), over: source) {
    case .scalar(let point): return ["": point.value]
    case .vector(let samples): return Dictionary(uniqueKeysWithValues: samples.map { ($0.series.description, $0.value) })
    default: return [:]
    }
}
