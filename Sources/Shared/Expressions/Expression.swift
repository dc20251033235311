package import Telemetry

/// A PromQL expression: parsed and checked once, evaluated as often as wanted, over any source.
///
/// Semantics are those of Prometheus 2.42 (Debian 12), which answers the same for the same samples: windows include both their ends, counters
/// are extrapolated as in `extrapolatedRate`, staleness markers end a series, an instant selector looks back five minutes. From Prometheus 3 it takes
/// a number of seconds where a duration belongs, and the other way round. Native histograms and `holt_winters` are not known.
package struct Expression: Sendable, Hashable, CustomStringConvertible {
    /// As it was written.
    package let text: String
    package let type: ExpressionType
    private let root: Node

    /// Throws with line and column, what stands there and what to write. Limits: ``ExpressionLimits``.
    package init(parsing text: String) throws(ParseError) {
        let (node, type) = try Parser.parse(text)
        (self.text, root, self.type) = (text, node, type)
    }

    package var description: String { text }
    package static func == (a: Expression, b: Expression) -> Bool { a.text == b.text }
    package func hash(into hasher: inout Hasher) { hasher.combine(text) }

    // MARK: Values

    /// The value at one moment. A range vector gives a matrix of its points.
    package func evaluate(
        at time: Timestamp,
        over source: any SampleSource,
        options: EvaluationOptions = EvaluationOptions()
    ) throws(EvaluationError) -> ExpressionValue {
        let frame = Frame(start: time.nanoseconds, step: 1, count: 1)
        var evaluator = Evaluator(source: source, options: options, outer: frame)
        if type == .matrix { return .matrix(try evaluator.matrix(root, over: frame)) }
        switch try evaluator.value(of: root, over: frame) {
        case .scalar(let numbers): return .scalar(Point(time, numbers[0]))
        case .string(let text): return .string(text, at: time)
        case .vector(let grid):
            try evaluator.checkSeries(grid.count)
            return .vector(
                (0..<grid.count).compactMap { row in
                    let value = grid.value(row, 0)
                    return Grid.isAbsent(value) ? nil : Sample(series: grid.labels(of: row), timestamp: time, value: value)
                }
            )
        }
    }

    /// The value at `from`, `from + step`, … up to `to`: a matrix sorted by labels, in which points without a value are missing. A number is a
    /// series without labels. `.invalid` for strings, range vectors, a step that is not above 0, and an end before the start; `.limit` for more
    /// steps than ``EvaluationLimits/stepsMax``.
    package func evaluateRange(
        from: Timestamp,
        to: Timestamp,
        step: Duration,
        over source: any SampleSource,
        options: EvaluationOptions = EvaluationOptions()
    ) throws(EvaluationError) -> [SeriesSamples] {
        let frame = try rangeFrame(from: from, to: to, step: step, options: options)
        var evaluator = Evaluator(source: source, options: options, outer: frame)
        let grid: Grid
        switch try evaluator.value(of: root, over: frame) {
        case .scalar(let numbers):
            var constant = Grid(width: frame.count)
            constant.append(.empty, numbers)
            grid = constant
        case .vector(let vector): grid = vector
        case .string: throw .invalid("a string has no value over time: write a number or an instant vector")
        }
        try evaluator.checkSeries(grid.count)
        let series = (0..<grid.count).map { row in
            SeriesSamples(
                series: grid.labels(of: row),
                points: (0..<frame.count).compactMap { step in
                    let value = grid.value(row, step)
                    return Grid.isAbsent(value) ? nil : Point(Timestamp(nanoseconds: frame.time(step)), value)
                }
            )
        }
        return series.filter { !$0.points.isEmpty }.sorted { $0.series.pairs.lexicographicallyPrecedes($1.series.pairs) }
    }

    private func rangeFrame(from: Timestamp, to: Timestamp, step: Duration, options: EvaluationOptions) throws(EvaluationError) -> Frame {
        guard type == .scalar || type == .vector else {
            throw .invalid("a range evaluation of \(type.phrase): write an instant vector, as in rate(x[5m])")
        }
        guard step > .zero else { throw .invalid("a step of \(step): write one longer than 0") }
        guard to >= from else { throw .invalid("the end \(to) lies before the start \(from): swap them") }
        let steps = to.nanoseconds.saturatingSubtract(from.nanoseconds) / step.wholeNanoseconds
        guard steps < options.limits.stepsMax else {
            throw .limit("\(steps) steps, more than \(options.limits.stepsMax) (limit stepsMax): ask for a longer step or a shorter time")
        }
        return Frame(start: from.nanoseconds, step: step.wholeNanoseconds, count: Int(steps) + 1)
    }

    // MARK: Reads

    /// What ``evaluate(at:over:options:)`` will ask of its source, each read once: for a caller who must load it first.
    package func reads(at time: Timestamp, options: EvaluationOptions = EvaluationOptions()) throws(EvaluationError) -> [SelectorRead] {
        try reads(over: Frame(start: time.nanoseconds, step: 1, count: 1), options)
    }

    /// What ``evaluateRange(from:to:step:over:options:)`` will ask of its source.
    package func reads(
        from: Timestamp,
        to: Timestamp,
        step: Duration,
        options: EvaluationOptions = EvaluationOptions()
    ) throws(EvaluationError) -> [SelectorRead] {
        try reads(over: try rangeFrame(from: from, to: to, step: step, options: options), options)
    }

    private func reads(over frame: Frame, _ options: EvaluationOptions) throws(EvaluationError) -> [SelectorRead] {
        var all: [SelectorRead] = []
        try Reads.collect(root, over: frame, outer: frame, options: options, into: &all)
        var seen: Set<SelectorRead> = []
        return all.filter { seen.insert($0).inserted }
    }

    /// Its matchers, where the whole expression is an instant selector and nothing else: `up{job="node"}`.
    package var plainSelector: [LabelMatcher]? {
        guard case .selector(let selector) = root, selector.shift == TimeShift() else { return nil }
        return selector.matchers
    }

    /// A selector, and how far it looks back.
    package struct SelectorReach: Sendable, Hashable {
        package let matchers: [LabelMatcher]
        /// From the moment of evaluation to the oldest point it may want: range, offset, lookback and subqueries together.
        package let reach: Duration
        /// False for an instant selector, which wants one point.
        package let isRange: Bool
        /// The metric name, where it demands exactly one.
        package var metricName: String? { matchers.first { $0.name == Labels.metricName && $0.operation == .equal }?.value }
    }

    /// Every selector in it: for a memory that keeps what rules read and no more.
    package func selectors(options: EvaluationOptions = EvaluationOptions()) -> [SelectorReach] {
        var found: [SelectorReach] = []
        Reads.selectors(of: root, options: options, into: &found)
        return found
    }
}
