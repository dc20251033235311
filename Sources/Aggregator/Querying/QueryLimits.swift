/// What one query may cost.
package struct QueryLimits: Sendable, Hashable {
    /// How long a search of events may go on: a list gives a short page then, everything else an error.
    package var eventTime: Duration
    /// Rows that a page by number may pass over.
    package var offsetMax: Int
    /// Decoded blocks kept between queries, in bytes.
    package var cacheBytes: Int
    /// How long a metric query may read and compute.
    package var metricTime: Duration
    /// Samples that one metric query may read.
    package var samplesMax: Int
    /// Points a series that a range query may have; Prometheus's number.
    package var pointsMax: Int
    /// How much of the past is held in memory, and how many samples at most.
    package var headWindow: Duration
    package var headSamplesMax: Int

    package init(
        eventTime: Duration = .seconds(5),
        offsetMax: Int = 1_000_000,
        cacheBytes: Int = 64 << 20,
        metricTime: Duration = .seconds(30),
        samplesMax: Int = 50_000_000,
        pointsMax: Int = 11_000,
        headWindow: Duration = .seconds(1800),
        headSamplesMax: Int = 4_000_000
    ) {
        (self.eventTime, self.offsetMax, self.cacheBytes) = (eventTime, offsetMax, cacheBytes)
        (self.metricTime, self.samplesMax, self.pointsMax) = (metricTime, samplesMax, pointsMax)
        (self.headWindow, self.headSamplesMax) = (headWindow, headSamplesMax)
    }
}
