package import Telemetry

/// One collection: every collector's values at one moment, and how each of them fared.
package struct Scrape: Sendable {
    package let timestamp: Timestamp
    package let samples: [Sample]
    /// Name, help and kind of the metrics in `samples`, a list a collector; more may be in them.
    package let familyLists: [[MetricFamily]]
    package let collectors: [CollectorStatus]
    /// Collectors and mounts that stopped answering at this collection, and those that came back.
    package internal(set) var gaps: [Gap]

    package init(
        timestamp: Timestamp,
        samples: [Sample],
        familyLists: [[MetricFamily]],
        collectors: [CollectorStatus],
        gaps: [Gap] = []
    ) {
        (self.timestamp, self.samples, self.familyLists) = (timestamp, samples, familyLists)
        (self.collectors, self.gaps) = (collectors, gaps)
    }

    package var families: [MetricFamily] { familyLists.flatMap(\.self) }

    /// The samples of each family, families sorted by name, samples in the order in which they were read.
    package var grouped: [(family: MetricFamily, samples: [Sample])] {
        var known: [String: MetricFamily] = [:]
        for family in familyLists.joined() where known[family.name] == nil { known[family.name] = family }
        let byName = Dictionary(grouping: samples) { sample in
            let name = sample.series.name ?? ""
            if known[name] != nil { return name }
            // A histogram's and a summary's parts stand under their family.
            for (suffix, kinds) in ExposedFamily.suffixes where name.hasSuffix(suffix) {
                let base = String(name.dropLast(suffix.count))
                if let family = known[base], kinds.contains(family.kind) { return base }
            }
            return name
        }
        return byName.keys.sorted().map { name in (known[name] ?? MetricFamily(name, .untyped, ""), byName[name] ?? []) }
    }
}
