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
    /// The series of the last collection, in its order: mostly the next one has the same ones in the same places.
    private var order: [(given: Labels, known: Known)] = []
    private var generation = 0

    init(host: String, knownMax: Int) {
        outer = ["host": host, "instance": host, "job": "tocsin"]
        self.knownMax = knownMax
    }

    /// The host's labels win over a series' own: nobody speaks for another host.
    func added(to series: Labels) -> Labels { outer.merged(over: series) }

    /// Gives each sample of a collection its whole series, and `body` its place, if a rule reads it.
    mutating func resolve(_ samples: inout [Sample], in recent: inout RecentSamples, _ body: (Sample, _ slot: Int, inout RecentSamples) -> Void) {
        guard !samples.isEmpty else { return }
        order.reserveCapacity(samples.count)
        for row in samples.indices {
            let given = samples[row].series
            if row == order.count {
                order.append((given, resolve(given, in: &recent)))
            } else if order[row].given != given {
                order[row] = (given, resolve(given, in: &recent))
            }
            samples[row].series = order[row].known.series
            if let slot = order[row].known.slot { body(samples[row], slot, &recent) }
        }
        order.removeSubrange(samples.count...)
    }

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
    mutating func forgetAll() {
        known.removeAll(keepingCapacity: true)
        order.removeAll(keepingCapacity: true)
    }

    /// Forgets what was not seen since the last call.
    mutating func forgetUnseen() {
        let last = generation
        for row in order { if let index = known.index(forKey: row.given) { known.values[index].seenAt = last } }
        known = known.filter { $0.value.seenAt == last }
        generation += 1
    }
}
