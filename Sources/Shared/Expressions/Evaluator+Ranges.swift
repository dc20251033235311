import Telemetry

/// The points of one series in the range before one step. Bounds are inclusive at both ends, as in Prometheus 2.
struct Window {
    let points: [Point]
    let lower: Int
    let upper: Int
    /// Nanoseconds; `end - start` is the length in the brackets.
    let start: Int64
    let end: Int64
    /// The moment of the evaluation; later or earlier than `end` by the selector's shift.
    let evaluatedAt: Int64
    /// As in ``SeriesSamples/counts``.
    var counts: [Double]?

    var count: Int { upper - lower }
    /// How many samples the points stand for.
    var samples: Double { counts.map { $0[lower..<upper].reduce(0, +) } ?? Double(count) }
    var slice: ArraySlice<Point> { points[lower..<upper] }
    var first: Point { points[lower] }
    var last: Point { points[upper - 1] }
}

extension Evaluator {
    /// The range vector of an argument: its series over all that the windows of the frame reach, the length of a window, and where they end.
    private struct Ranges {
        var series: [SeriesSamples]
        let range: Int64
        let inner: Frame
    }

    private mutating func ranges(of node: Node, over frame: Frame, aspect: SampleAspect) throws(EvaluationError) -> Ranges {
        switch node {
        case .range(let selector, let range):
            let inner = frame.shifted(by: selector.shift, in: outer)
            let read = Reads.read(of: selector, window: range, over: inner, aspect: aspect)
            var loaded = try source.select(selector.matchers, from: read.from, to: read.to, aspect: aspect)
            try checkSeries(loaded.count)
            try spend(loaded.reduce(0) { $0 + $1.points.count })
            for index in loaded.indices where loaded[index].points.contains(where: { Staleness.isMarker($0.value) }) {
                if let counts = loaded[index].counts {
                    loaded[index].counts = zip(loaded[index].points, counts).compactMap { Staleness.isMarker($0.value) ? nil : $1 }
                }
                loaded[index].points.removeAll { Staleness.isMarker($0.value) }
            }
            return Ranges(series: loaded, range: range, inner: inner)
        case .subquery(let subquery):
            let inner = frame.shifted(by: subquery.shift, in: outer)
            let steps = try Reads.steps(of: subquery, over: inner, options: options)
            guard steps.count > 0 else { return Ranges(series: [], range: subquery.range, inner: inner) }
            let grid = try vector(subquery.inner, over: steps)
            try spend(grid.count * steps.count)
            let series = (0..<grid.count).map { row in
                SeriesSamples(
                    series: grid.labels(of: row),
                    points: (0..<steps.count).compactMap { step in
                        let value = grid.value(row, step)
                        return Grid.isAbsent(value) ? nil : Point(Timestamp(nanoseconds: steps.time(step)), value)
                    }
                )
            }
            return Ranges(series: series, range: subquery.range, inner: inner)
        default: throw .invalid("a range vector is needed")
        }
    }

    /// Applies `compute` to each series' window before each step that holds a point; nil gives no value there.
    mutating func windowed(
        _ node: Node,
        over frame: Frame,
        keepingName: Bool = false,
        aspect: SampleAspect = .last,
        _ compute: (Window, _ step: Int) -> Double?
    ) throws(EvaluationError) -> Grid {
        let ranges = try ranges(of: node, over: frame, aspect: aspect)
        try spend(ranges.series.count * frame.count)
        var grid = Grid(width: frame.count)
        for series in ranges.series {
            var (lower, upper, row) = (0, 0, -1)
            for step in 0..<frame.count {
                let end = ranges.inner.time(min(step, ranges.inner.count - 1))
                let start = end.saturatingSubtract(ranges.range)
                while upper < series.points.count, series.points[upper].timestamp.nanoseconds <= end { upper += 1 }
                while lower < upper, series.points[lower].timestamp.nanoseconds < start { lower += 1 }
                guard lower < upper else { continue }
                let window = Window(
                    points: series.points,
                    lower: lower,
                    upper: upper,
                    start: start,
                    end: end,
                    evaluatedAt: frame.time(step),
                    counts: series.counts
                )
                guard let value = compute(window, step) else { continue }
                if row < 0 { row = grid.appendAbsent(series.series) }
                grid.values[row * frame.count + step] = value
            }
        }
        return keepingName ? grid : try grid.droppingNames()
    }

    /// The points of a range vector at one moment: what an expression that is nothing but a range is worth.
    mutating func matrix(_ node: Node, over frame: Frame) throws(EvaluationError) -> [SeriesSamples] {
        let ranges = try ranges(of: node, over: frame, aspect: .last)
        let end = ranges.inner.last
        let start = end.saturatingSubtract(ranges.range)
        return ranges.series.compactMap { series in
            let points = series.points.filter { $0.timestamp.nanoseconds >= start && $0.timestamp.nanoseconds <= end }
            return points.isEmpty ? nil : SeriesSamples(series: series.series, points: points)
        }
    }
}
