/// What one query may cost.
package struct QueryLimits: Sendable, Hashable {
    /// How long a search of events may go on: a list gives a short page then, everything else an error.
    package var eventTime: Duration
    /// Rows that a page by number may pass over.
    package var offsetMax: Int
    /// Directories of sealed events kept between queries, in bytes.
    package var directoryBytes: Int
    /// Digests kept between queries, in bytes: some 2 kB a sealed block with 200 hosts.
    package var digestBytes: Int
    /// Searches of events that may run at once; others wait.
    package var searchThreads: Int
    /// Rows of one step of an export: some megabytes.
    package var exportRows: Int
    /// Buckets of time in one answer.
    package var bucketsMax: Int
    /// Different values that counting may hold.
    package var distinctMax: Int
    /// How long a metric query may read and compute.
    package var metricTime: Duration
    /// Samples that one metric query may load; each takes 16 to 32 bytes until it is answered.
    package var samplesMax: Int
    /// Samples and values that the evaluation of one query may touch; Prometheus's number.
    package var valuesMax: Int
    /// Points a series that a range query may have; Prometheus's number.
    package var pointsMax: Int
    /// Samples that are not sealed yet and held decoded: 8 bytes each. Those over it are decoded for each query.
    package var headSamplesMax: Int
    /// Series that the head may know, 20 bytes each and their names; over it, it begins again with those that are there.
    package var headSeriesMax: Int
    /// Directories of sealed samples kept between queries, in bytes.
    package var sampleCacheBytes: Int
    /// Metric queries that may read at once.
    package var metricThreads: Int

    package init(
        eventTime: Duration = .seconds(5),
        offsetMax: Int = 1_000_000,
        directoryBytes: Int = 24 << 20,
        digestBytes: Int = 24 << 20,
        searchThreads: Int = 4,
        exportRows: Int = 8192,
        bucketsMax: Int = 10_000,
        distinctMax: Int = 100_000,
        metricTime: Duration = .seconds(30),
        samplesMax: Int = 6_000_000,
        valuesMax: Int = 50_000_000,
        pointsMax: Int = 11_000,
        headSamplesMax: Int = 4_000_000,
        headSeriesMax: Int = 2_000_000,
        sampleCacheBytes: Int = 32 << 20,
        metricThreads: Int = 2
    ) {
        (self.eventTime, self.offsetMax) = (eventTime, offsetMax)
        (self.directoryBytes, self.digestBytes, self.searchThreads) = (directoryBytes, digestBytes, searchThreads)
        (self.exportRows, self.bucketsMax, self.distinctMax) = (exportRows, bucketsMax, distinctMax)
        (self.metricTime, self.samplesMax, self.valuesMax, self.pointsMax) = (metricTime, samplesMax, valuesMax, pointsMax)
        (self.headSamplesMax, self.headSeriesMax) = (headSamplesMax, headSeriesMax)
        (self.sampleCacheBytes, self.metricThreads) = (sampleCacheBytes, metricThreads)
    }
}
