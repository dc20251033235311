/// The answer to a PromQL query, in the four shapes of Prometheus's HTTP interface.
package enum MetricAnswer: Sendable, Hashable {
    case scalar(Double, at: Timestamp)
    case string(String, at: Timestamp)
    /// One sample a series, all at the query's time.
    case vector([Sample])
    /// Points of each series, oldest first.
    case matrix([MetricPoints])
}

/// One series of a range answer.
package struct MetricPoints: Sendable, Hashable {
    package struct Point: Sendable, Hashable {
        package var timestamp: Timestamp
        package var value: Double

        package init(_ timestamp: Timestamp, _ value: Double) { (self.timestamp, self.value) = (timestamp, value) }
    }

    package var labels: Labels
    package var points: [Point]

    package init(labels: Labels, points: [Point]) { (self.labels, self.points) = (labels, points) }
}

/// What Querying answers and Serving shows: PromQL over what the agents sent.
package protocol MetricQuerying: Sendable {
    /// Throws ``QueryError/invalid(_:)`` for an expression that cannot be parsed or has wrong types; the sentence names the column.
    func query(_ expression: String, at time: Timestamp) async throws(QueryError) -> MetricAnswer
    /// Both ends inclusive; `step` greater than zero. Refuses more than 11 000 points a series, as Prometheus does.
    func query(_ expression: String, from start: Timestamp, to end: Timestamp, step: Duration) async throws(QueryError) -> MetricAnswer
}
