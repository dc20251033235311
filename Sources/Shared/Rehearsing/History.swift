package import Expressions
package import Telemetry

/// Series in memory with their points, that rules are evaluated over and that recording rules add to.
package struct History: SampleSource {
    private var points: [Labels: [Point]] = [:]
    /// Series by metric name: most selectors demand one.
    private var byName: [String: [Labels]] = [:]

    package init() {}

    package var seriesCount: Int { points.count }
    package var pointCount: Int { points.values.reduce(0) { $0 + $1.count } }

    /// Adds a point; one that is not newer than the series' last replaces nothing and is left out.
    package mutating func append(_ point: Point, to series: Labels) {
        if points[series] == nil { byName[series.name ?? "", default: []].append(series) }
        if let last = points[series]?.last, last.timestamp >= point.timestamp { return }
        points[series, default: []].append(point)
    }

    /// Forgets what lies before `moment`, and series that have nothing else.
    package mutating func forget(before moment: Timestamp) {
        for (series, all) in points {
            guard let first = all.first, first.timestamp < moment else { continue }
            let kept = Array(all[History.index(of: moment, in: all)...])
            points[series] = kept.isEmpty ? nil : kept
            if kept.isEmpty { byName[series.name ?? "", default: []].removeAll { $0 == series } }
        }
    }

    package func select(_ matchers: [LabelMatcher], from: Timestamp, to: Timestamp) throws(EvaluationError) -> [SeriesSamples] {
        let name = matchers.first { $0.name == Labels.metricName && $0.operation == .equal }?.value
        let candidates = name.map { byName[$0] ?? [] } ?? Array(points.keys)
        var found = [SeriesSamples]()
        for series in candidates where matchers.allMatch(series) {
            guard let all = points[series] else { continue }
            let start = History.index(of: from, in: all)
            let end = to == .distantFuture ? all.count : History.index(of: Timestamp(nanoseconds: to.nanoseconds + 1), in: all)
            if start < end { found.append(SeriesSamples(series: series, points: Array(all[start..<end]))) }
        }
        return found
    }

    /// Of the first point at or after `moment`.
    private static func index(of moment: Timestamp, in points: [Point]) -> Int {
        var (low, high) = (0, points.count)
        while low < high {
            let middle = (low + high) / 2
            if points[middle].timestamp < moment { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
