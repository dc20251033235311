import Expressions
import Sealing
import Telemetry

/// A selector, and what was found for it.
struct SampleRequest {
    let read: SelectorRead
    /// Nil: the selector does not say which names.
    let names: Set<String>?
    private let groupMatchers: [LabelMatcher]
    private let restMatchers: [LabelMatcher]
    /// By the number of the series.
    private(set) var series: [UInt32: SeriesPoints] = [:]

    init(_ read: SelectorRead) {
        self.read = read
        names = read.metricName.map { [$0] }
        groupMatchers = read.matchers.filter { SeriesKey.groupNames.contains($0.name) }
        restMatchers = read.matchers.filter { !SeriesKey.groupNames.contains($0.name) }
    }

    var from: Int64 { read.from.nanoseconds }
    var to: Int64 { read.to.nanoseconds }

    /// A series is wanted when both parts of its labels are.
    func wantsGroup(_ labels: Labels) -> Bool { groupMatchers.allMatch(labels) }
    func wantsRest(_ labels: Labels) -> Bool { restMatchers.allMatch(labels) }

    func overlaps(_ from: Timestamp, _ to: Timestamp) -> Bool { from <= read.to && to >= read.from }

    /// Tells how many rows were taken.
    mutating func insert(_ rows: SampleRows, of number: UInt32) -> Int {
        series[number, default: SeriesPoints()].insert(rows, from: from, to: to, aspect: read.aspect)
    }

    mutating func insert(_ time: Int64, _ value: Double, of number: UInt32) { series[number, default: SeriesPoints()].insert(time, value) }

    /// Hands over what was found; nothing is left here, so that samples are not held twice.
    /// - Parameter index: gave the series their numbers.
    mutating func takeAnswer(_ index: SeriesIndex) -> [SeriesSamples] {
        var answer = [SeriesSamples]()
        answer.reserveCapacity(series.count)
        for number in Array(series.keys) {
            guard let points = series.removeValue(forKey: number), points.count > 0 else { continue }
            answer.append(
                SeriesSamples(
                    series: index.labels(of: Int(number)),
                    points: zip(points.times, points.values).map { Point(Timestamp(nanoseconds: $0), $1) },
                    counts: points.counts
                )
            )
        }
        return answer
    }
}
