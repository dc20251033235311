/// What an expression may be. They are there for hostile and for mistaken input; a real rule stays far below.
package enum ExpressionLimits {
    /// Longest text of an expression, bytes. Generated dashboards reach some KiB.
    package static let textBytesMax = 64 * 1024
    /// Deepest nesting of a tree. Parsing and evaluation recurse, and a thread's stack is 512 KiB.
    package static let depthMax = 200
    /// Longest range, offset or step. Keeps all arithmetic on times inside Int64 nanoseconds.
    package static let durationMax = Duration.seconds(50 * 365 * 86_400)
}

/// What one evaluation may use.
package struct EvaluationLimits: Sendable, Hashable {
    /// Samples read and values computed in one evaluation, as Prometheus's `query.max-samples`: 16 bytes each.
    package var samplesMax = 50_000_000
    /// Series in any vector on the way, and in the answer.
    package var seriesMax = 100_000
    /// Steps of a range evaluation: a week at one minute, as in Prometheus. A subquery may have as many.
    package var stepsMax = 11_000

    package init() {}

    package init(samplesMax: Int, seriesMax: Int, stepsMax: Int = 11_000) {
        (self.samplesMax, self.seriesMax, self.stepsMax) = (samplesMax, seriesMax, stepsMax)
    }
}

/// How to evaluate.
package struct EvaluationOptions: Sendable {
    /// How old the newest point of a series may be to count as its value now.
    package var lookback = Duration.seconds(300)
    /// Step of a subquery that names none; Prometheus's global evaluation interval.
    package var subqueryStep = Duration.seconds(60)
    package var limits = EvaluationLimits()
    /// Asked now and then during an evaluation; true ends it with `.stopped`. For deadlines and clients that went away.
    package var shouldStop: @Sendable () -> Bool = { false }

    package init() {}
}
