import Telemetry

/// Reads one thing of this host's: files of /proc and /sys, system calls, a local socket, or what others left for it. It blocks as long as they do.
protocol Collector: Sendable {
    /// node_exporter's name, the label `collector`.
    static var name: String { get }
    /// Everything that this collector has named so far, for `# HELP` and `# TYPE`.
    var families: [MetricFamily] { get }
    /// Adds this moment's values. What was added before an error is thrown away.
    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError)
}

/// What one collector has read.
struct Readings: Sendable {
    let timestamp: Timestamp
    var samples: [Sample] = []
    /// Of series that come and go: they stand behind all others, which then are the same ones in the same places at each collection.
    var passing: [Sample] = []
    /// Parts that did not answer in time, as `/mnt/nfs`; the rest is whole.
    var stale: [String] = []
    /// What somebody has to mend, in sentences; the rest is whole.
    var problems: [String] = []
    /// Families whose names come from outside, in a file or a program's output: they give way to ours.
    var foreignFamilies: [MetricFamily] = []
    var foreignSamples: [Sample] = []

    init(at timestamp: Timestamp) { self.timestamp = timestamp }

    mutating func add(_ series: Labels, _ value: Double) { samples.append(Sample(series: series, timestamp: timestamp, value: value)) }
    mutating func addPassing(_ series: Labels, _ value: Double) { passing.append(Sample(series: series, timestamp: timestamp, value: value)) }
    mutating func addForeign(_ series: Labels, _ value: Double) {
        foreignSamples.append(Sample(series: series, timestamp: timestamp, value: value))
    }
    mutating func add(_ series: Labels, _ value: UInt64) { add(series, Double(value)) }
}
