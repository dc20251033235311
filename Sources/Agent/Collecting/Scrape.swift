package import Telemetry

/// One collection: every collector's values at one moment, and how each of them fared.
package struct Scrape: Sendable {
    package let timestamp: Timestamp
    package let samples: [Sample]
    /// Name, help and kind of the metrics in `samples`; more may be in it.
    package let families: [MetricFamily]
    package let collectors: [CollectorStatus]
    /// Collectors and mounts that stopped answering at this collection, and those that came back.
    package let gaps: [Gap]

    package init(timestamp: Timestamp, samples: [Sample], families: [MetricFamily], collectors: [CollectorStatus], gaps: [Gap] = []) {
        (self.timestamp, self.samples, self.families) = (timestamp, samples, families)
        (self.collectors, self.gaps) = (collectors, gaps)
    }

    /// The samples of each family, families sorted by name.
    package var grouped: [(family: MetricFamily, samples: [Sample])] {
        let known = Dictionary(families.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
        let byName = Dictionary(grouping: samples) { $0.series.name ?? "" }
        return byName.keys.sorted().map { name in (known[name] ?? MetricFamily(name, .untyped, ""), byName[name] ?? []) }
    }
}
