/// One value of one series at one moment.
package struct Sample: Sendable, Hashable {
    /// The metric name (as `__name__`) and the labels.
    package var series: Labels
    package var timestamp: Timestamp
    package var value: Double

    package init(series: Labels, timestamp: Timestamp, value: Double) { (self.series, self.timestamp, self.value) = (series, timestamp, value) }

    package init(_ name: String, _ labels: [Label] = [], at timestamp: Timestamp, _ value: Double) {
        self.init(series: Labels(name: name, labels), timestamp: timestamp, value: value)
    }
}

/// What a metric's numbers mean; `# TYPE` of the Prometheus text format.
package enum MetricKind: String, Sendable, Hashable {
    case counter, gauge, untyped
    /// Its samples have the family's name with `_bucket`, `_sum` or `_count`.
    case histogram
    /// Its samples have the family's name, or that with `_sum` or `_count`.
    case summary
}
