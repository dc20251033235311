import Telemetry

/// Adds `host`, `instance` and `job` to series, once a series: the result is remembered together with the place where its points are kept.
struct HostLabels {
    struct Known {
        let series: Labels
        /// In ``RecentSamples``; nil when no rule reads it.
        let slot: Int?
        var seenAt: Int
    }

    let outer: Labels
    private let knownMax: Int
    private var known: [Labels: Known] = [:]
    private var generation = 0

    init(host: String, knownMax: Int) {
        outer = ["host": host, "instance": host, "job": "tocsin"]
        self.knownMax = knownMax
    }

    /// The host's labels win over a series' own: nobody speaks for another host.
    func added(to series: Labels) -> Labels { outer.merged(over: series) }

    mutating func resolve(_ series: Labels, in recent: inout RecentSamples) -> Known {
        if let index = known.index(forKey: series) {
            known.values[index].seenAt = generation
            return known.values[index]
        }
        let full = added(to: series)
        let entry = Known(series: full, slot: recent.slotIndex(for: full), seenAt: generation)
        if known.count >= knownMax { known.removeAll(keepingCapacity: true) }
        known[series] = entry
        return entry
    }

    /// Places have changed.
    mutating func forgetAll() { known.removeAll(keepingCapacity: true) }

    /// Forgets what was not seen since the last call.
    mutating func forgetUnseen() {
        let last = generation
        known = known.filter { $0.value.seenAt == last }
        generation += 1
    }
}
