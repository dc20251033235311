/// The metric of an alert around the moment at which it began.
package struct MetricCurve: Sendable, Hashable {
    /// What is drawn, as PromQL.
    package var expression: String
    /// Series of the alert's own labels, oldest point first.
    package var series: [MetricPoints]
    /// The value that the rule compares with; nil when it compares with none.
    package var threshold: Double?
    package var from: Timestamp
    package var to: Timestamp

    package init(expression: String, series: [MetricPoints], threshold: Double?, from: Timestamp, to: Timestamp) {
        (self.expression, self.series, self.threshold, self.from, self.to) = (expression, series, threshold, from, to)
    }
}

/// Who knows an alert's metric, for the picture in a mail.
package protocol MetricPictureSource: Sendable {
    /// Nil when there is nothing to draw, or when it would take too long: a mail does not wait for its picture.
    func curve(for alert: Alert) async -> MetricCurve?
}
