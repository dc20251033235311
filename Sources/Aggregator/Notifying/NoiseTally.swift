import Telemetry

/// Counts what rules cost their people. Pure.
struct NoiseTally: Sendable {
    private struct Entry: Sendable {
        var noise: RuleNoise
        var lengths: [Duration] = []
    }

    private let start: Timestamp
    private var entries: [String: Entry] = [:]
    private var last: (fingerprint: UInt64, endsAt: Timestamp?)?

    /// - Parameter start: episodes that ended before it only tell which later ones are flaps.
    init(from start: Timestamp) { self.start = start }

    /// An episode: of one label set in the order of their beginnings, one label set after the other.
    mutating func add(_ alertname: String, fingerprint: UInt64, startsAt: Timestamp, endsAt: Timestamp?, isAcknowledged: Bool) {
        let before = last.flatMap { $0.fingerprint == fingerprint ? $0.endsAt : nil }
        last = (fingerprint, endsAt)
        guard (endsAt ?? .distantFuture) >= start else { return }
        var entry = entries[alertname] ?? Entry(noise: RuleNoise(alertname: alertname))
        entry.noise.episodes += 1
        if isAcknowledged { entry.noise.acknowledged += 1 }
        if let before, startsAt.duration(since: before) <= RuleNoise.flapWindow { entry.noise.flaps += 1 }
        if let endsAt { entry.lengths.append(endsAt.duration(since: startsAt)) }
        entries[alertname] = entry
    }

    mutating func add(_ alertname: String, notifications: Int, pages: Int) {
        entries[alertname, default: Entry(noise: RuleNoise(alertname: alertname))].noise.notifications += notifications
        entries[alertname]?.noise.pages += pages
    }

    /// The noisiest first: by pages, then by episodes.
    var rules: [RuleNoise] {
        let rules = entries.values.map { entry in
            var noise = entry.noise
            let lengths = entry.lengths.sorted()
            if !lengths.isEmpty { noise.medianLength = lengths[(lengths.count - 1) / 2] }
            return noise
        }
        return rules.sorted { a, b in
            if a.pages != b.pages { return a.pages > b.pages }
            return a.episodes == b.episodes ? a.alertname < b.alertname : a.episodes > b.episodes
        }
    }
}
