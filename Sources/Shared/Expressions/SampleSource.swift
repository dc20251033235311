package import Telemetry

/// One value of a series, without the series.
package struct Point: Sendable, Hashable {
    package let timestamp: Timestamp
    package let value: Double

    package init(_ timestamp: Timestamp, _ value: Double) { (self.timestamp, self.value) = (timestamp, value) }
}

/// A series with some of its points, oldest first, no two at the same time.
package struct SeriesSamples: Sendable, Hashable {
    package var series: Labels
    package var points: [Point]
    /// How many samples each point stands for; nil: one each.
    package var counts: [Double]?

    package init(series: Labels, points: [Point], counts: [Double]? = nil) { (self.series, self.points, self.counts) = (series, points, counts) }
}

/// Which number of a point is wanted where samples were rolled up into one a minute or an hour. A raw sample has one number, and it is all of these.
package enum SampleAspect: UInt8, Sendable, Hashable, CaseIterable {
    /// The last sample's value.
    case last
    case minimum
    /// Counters are read by it: what they had reached before a reset is not lost.
    case maximum
    /// With ``SeriesSamples/counts``.
    case sum
}

/// Where an expression finds the series that its selectors name. It answers at once: who must wait for a disk loads what
/// ``Expression/reads(at:options:)`` lists first, and then evaluates over ``LoadedSamples``.
package protocol SampleSource: Sendable {
    /// The series that match all matchers, each once, with their points in `from...to` (both inclusive), staleness markers included. Series
    /// without a point there may be left out. Throws `.source` when it cannot read, `.limit` when it would be too much.
    func select(_ matchers: [LabelMatcher], from: Timestamp, to: Timestamp) throws(EvaluationError) -> [SeriesSamples]

    /// The same for a range vector, whose function wants another number than the last of points that stand for several samples.
    func select(_ matchers: [LabelMatcher], from: Timestamp, to: Timestamp, aspect: SampleAspect) throws(EvaluationError) -> [SeriesSamples]

    /// The same with only the newest point of each series in `from...to`: all that an instant selector needs at one moment.
    func selectLatest(_ matchers: [LabelMatcher], from: Timestamp, to: Timestamp) throws(EvaluationError) -> [SeriesSamples]
}

extension SampleSource {
    /// For sources of raw samples.
    package func select(
        _ matchers: [LabelMatcher],
        from: Timestamp,
        to: Timestamp,
        aspect: SampleAspect
    ) throws(EvaluationError) -> [SeriesSamples] { try select(matchers, from: from, to: to) }

    package func selectLatest(_ matchers: [LabelMatcher], from: Timestamp, to: Timestamp) throws(EvaluationError) -> [SeriesSamples] {
        try select(matchers, from: from, to: to).map { SeriesSamples(series: $0.series, points: $0.points.suffix(1)) }
    }
}

/// What one selector of an expression will read. Equal reads are listed once.
package struct SelectorRead: Sendable, Hashable {
    package let matchers: [LabelMatcher]
    /// Inclusive.
    package let from: Timestamp
    /// Inclusive.
    package let to: Timestamp
    package let aspect: SampleAspect

    package init(matchers: [LabelMatcher], from: Timestamp, to: Timestamp, aspect: SampleAspect = .last) {
        (self.matchers, self.from, self.to, self.aspect) = (matchers, from, to, aspect)
    }

    /// The metric name, where the selector demands exactly one.
    package var metricName: String? {
        matchers.first { $0.name == Labels.metricName && $0.operation == .equal }?.value
    }
}

/// The answers to the reads of one expression at one moment or range, loaded beforehand.
package struct LoadedSamples: SampleSource {
    private let answers: [SelectorRead: [SeriesSamples]]

    package init(_ answers: [SelectorRead: [SeriesSamples]]) { self.answers = answers }

    package func select(_ matchers: [LabelMatcher], from: Timestamp, to: Timestamp) throws(EvaluationError) -> [SeriesSamples] {
        try select(matchers, from: from, to: to, aspect: .last)
    }

    package func select(
        _ matchers: [LabelMatcher],
        from: Timestamp,
        to: Timestamp,
        aspect: SampleAspect
    ) throws(EvaluationError) -> [SeriesSamples] {
        guard let answer = answers[SelectorRead(matchers: matchers, from: from, to: to, aspect: aspect)] else {
            throw .source("the series of a selector were not loaded before the evaluation: evaluate at the times for which reads were listed")
        }
        return answer
    }
}

/// Prometheus's staleness marker: a NaN of its own that says "this series ends here".
package enum Staleness {
    /// The bits of `value.StaleNaN` in Prometheus.
    package static let bits: UInt64 = 0x7FF0_0000_0000_0002
    package static let marker = Double(bitPattern: bits)

    @inline(__always)
    package static func isMarker(_ value: Double) -> Bool { value.bitPattern == bits }
}
