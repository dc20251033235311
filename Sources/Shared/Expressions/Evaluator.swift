import Telemetry

/// Walks the tree once and computes each node for all steps of its frame.
struct Evaluator {
    enum Value {
        /// One number a step.
        case scalar([Double])
        case vector(Grid)
        case string(String)
    }

    let source: any SampleSource
    let options: EvaluationOptions
    /// The frame of the whole query: what `start()` and `end()` mean.
    let outer: Frame
    /// Samples read and values computed so far.
    private(set) var samples = 0

    init(source: any SampleSource, options: EvaluationOptions, outer: Frame) { (self.source, self.options, self.outer) = (source, options, outer) }

    /// Counts work, and ends it at the limit or when nobody waits for it.
    mutating func spend(_ count: Int) throws(EvaluationError) {
        samples += count
        guard samples <= options.limits.samplesMax else {
            throw .limit(
                "the expression touches more than \(options.limits.samplesMax) samples (limit samplesMax): ask for a shorter time, a longer step or fewer series"
            )
        }
        if options.shouldStop() { throw .stopped }
    }

    mutating func checkSeries(_ count: Int) throws(EvaluationError) {
        guard count <= options.limits.seriesMax else {
            throw .limit("\(count) series, more than \(options.limits.seriesMax) (limit seriesMax): add matchers to the selector, or aggregate")
        }
    }

    // MARK: Nodes

    mutating func value(of node: Node, over frame: Frame) throws(EvaluationError) -> Value {
        switch node {
        case .number(let number): return .scalar(Array(repeating: number, count: frame.count))
        case .string(let text): return .string(text)
        case .selector(let selector): return .vector(try vector(of: selector, over: frame))
        case .range, .subquery: throw .invalid("a range vector has no value of its own: put it into a function, as in rate(x[5m])")
        case .negated(let inner):
            switch try value(of: inner, over: frame) {
            case .scalar(let numbers): return .scalar(numbers.map { -$0 })
            case .vector(let grid): return .vector(try grid.droppingNames().mapped { -$0 })
            case .string(let text): return .string(text)
            }
        case .call(let function, let arguments): return try call(function, arguments, over: frame)
        case .aggregate(let aggregate): return .vector(try self.aggregate(aggregate, over: frame))
        case .binary(let binary): return try self.binary(binary, over: frame)
        }
    }

    /// The parser saw to it that this node is of this type.
    mutating func scalar(_ node: Node, over frame: Frame) throws(EvaluationError) -> [Double] {
        guard case .scalar(let numbers) = try value(of: node, over: frame) else { throw .invalid("a number is needed") }
        return numbers
    }

    mutating func vector(_ node: Node, over frame: Frame) throws(EvaluationError) -> Grid {
        guard case .vector(let grid) = try value(of: node, over: frame) else { throw .invalid("an instant vector is needed") }
        return grid
    }

    mutating func string(_ node: Node) throws(EvaluationError) -> String {
        guard case .string(let text) = node else { throw .invalid("a string is needed") }
        return text
    }

    // MARK: Selectors

    /// The newest value of each series, if it is no older than the lookback and no staleness marker.
    mutating func vector(of selector: Selector, over frame: Frame) throws(EvaluationError) -> Grid {
        try pick(selector, over: frame) { $0.value }
    }

    /// The time of that value instead of the value: `timestamp(selector)`.
    mutating func timestamps(of selector: Selector, over frame: Frame) throws(EvaluationError) -> Grid {
        try pick(selector, over: frame) { $0.timestamp.nanoseconds.asSeconds }
    }

    private mutating func pick(_ selector: Selector, over frame: Frame, _ choose: (Point) -> Double) throws(EvaluationError) -> Grid {
        let inner = frame.shifted(by: selector.shift, in: outer)
        let lookback = options.lookback.wholeNanoseconds
        let read = Reads.read(of: selector, window: lookback, over: inner)
        let loaded =
            inner.count == 1
            ? try source.selectLatest(selector.matchers, from: read.from, to: read.to)
            : try source.select(selector.matchers, from: read.from, to: read.to)
        try checkSeries(loaded.count)
        try spend(loaded.reduce(0) { $0 + $1.points.count } + loaded.count * frame.count)

        var grid = Grid(width: frame.count)
        for series in loaded {
            var (next, row, hasValue) = (0, -1, false)
            for step in 0..<inner.count {
                let time = inner.time(step)
                while next < series.points.count, series.points[next].timestamp.nanoseconds <= time { next += 1 }
                guard next > 0 else { continue }
                let point = series.points[next - 1]
                guard point.timestamp.nanoseconds >= time.saturatingSubtract(lookback), !Staleness.isMarker(point.value) else { continue }
                if !hasValue { (row, hasValue) = (grid.appendAbsent(series.series), true) }
                grid.values[row * frame.count + step] = choose(point)
            }
            // A pinned selector has the same value at each step.
            if hasValue, inner.count == 1 {
                let value = grid.value(row, 0)
                for step in 1..<max(1, frame.count) { grid.values[row * frame.count + step] = value }
            }
        }
        return grid
    }
}
