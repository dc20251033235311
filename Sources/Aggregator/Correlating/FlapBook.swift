import Telemetry

/// `flapping`: when an alert that comes and goes is held.
package struct FlappingConfig: Sendable, Hashable {
    /// So many changes between firing and resolved …
    package var changes: Int
    /// … within this time, and the alert flaps.
    package var window: Duration
    /// It is let go when it has not changed for so long.
    package var steady: Duration

    package init(changes: Int = 4, window: Duration = .seconds(600), steady: Duration = .seconds(600)) {
        (self.changes, self.window, self.steady) = (changes, window, steady)
    }
}

/// What is known of one alert that changed lately.
struct FlapEntry: Sendable, Hashable {
    /// Of the changes within the window, by our clock, oldest first; at most ``FlappingConfig/changes``.
    var times: [Timestamp]
    /// While it flaps.
    var flapping: Flapping?

    var changedAt: Timestamp { times.last ?? .distantPast }
}

/// What becomes of a change of an alert.
enum FlapVerdict: Sendable, Hashable {
    /// It is told.
    case tell
    /// With it the alert flaps: that is told, once, in its place.
    case say(Flapping)
    /// Held: people know that the alert flaps.
    case hold
}

/// Which alerts flap. Pure. It stands between what the book of alerts decides and what people are told: the book keeps the truth.
///
/// ```
/// calm ──`changes` within `window`──▶ flapping ──no change for `steady`──▶ calm
///         told as it comes            said once     the true state is told
/// ```
/// While it flaps people know the alert as firing.
struct FlapBook: Sendable {
    /// Nil: nothing is held.
    private var config: FlappingConfig?
    private(set) var entries: [AlertKey: FlapEntry]
    /// Since the last `takeChanges()`.
    private var changed: Set<AlertKey> = []

    init(_ config: FlappingConfig?, restoring stored: [AlertKey: FlapEntry] = [:]) { (self.config, entries) = (config, stored) }

    /// What changed lately counts by the new limits; nil: what is held is let go.
    mutating func adopt(_ config: FlappingConfig?) { self.config = config }

    /// An alert began to fire or was resolved, in truth and now.
    mutating func take(_ key: AlertKey, now: Timestamp) -> FlapVerdict {
        guard let config else { return .tell }
        var entry = entries[key] ?? FlapEntry(times: [])
        // A clock that was set back has no changes of later than now.
        entry.times = entry.times.map { min($0, now) }.filter { now.duration(since: $0) < config.window } + [now]
        entry.times = entry.times.suffix(config.changes)
        changed.insert(key)
        defer { entries[key] = entry }
        if let before = entry.flapping {
            entry.flapping = Flapping(since: before.since, changes: before.changes + 1)
            return .hold
        }
        guard entry.times.count >= config.changes else { return .tell }
        let flapping = Flapping(since: entry.times.first ?? now, changes: entry.times.count)
        entry.flapping = flapping
        return .say(flapping)
    }

    /// Alerts that were steady for long enough, and no longer flap: their true state is to be told.
    mutating func judge(now: Timestamp) -> [AlertKey] {
        var steady: [AlertKey] = []
        for (key, entry) in entries {
            let quiet = now.duration(since: entry.changedAt)
            if let config, quiet < (entry.flapping == nil ? config.window : config.steady) {
                guard quiet < .zero else { continue }
                // The clock was set back: it is counted from now.
                entries[key]?.times = entry.times.map { min($0, now) }
                changed.insert(key)
                continue
            }
            if entry.flapping != nil { steady.append(key) }
            entries[key] = nil
            changed.insert(key)
        }
        return steady.sorted { ($0.host, $0.fingerprint) < ($1.host, $1.fingerprint) }
    }

    /// When ``judge(now:)`` has something next; nil: nothing changed lately.
    func nextDeadline() -> Timestamp? {
        guard let config else { return entries.isEmpty ? nil : .distantPast }
        return entries.values.map { $0.changedAt.advanced(by: $0.flapping == nil ? config.window : config.steady) }.min()
    }

    func flapping(_ key: AlertKey) -> Flapping? { entries[key]?.flapping }

    /// What must be written: the entry, or nil where it is over.
    mutating func takeChanges() -> [AlertKey: FlapEntry?] {
        defer { changed = [] }
        var changes: [AlertKey: FlapEntry?] = [:]
        for key in changed { changes[key] = .some(entries[key]) }
        return changes
    }

    var hasChanges: Bool { !changed.isEmpty }

    /// How often, for people: `5 changes within 600 s`.
    func words(_ flapping: Flapping, now: Timestamp) -> String {
        let seconds = Int(now.duration(since: flapping.since).inSeconds.rounded(.up))
        let steady = Int((config?.steady ?? .zero).inSeconds)
        return "\(flapping.changes) changes within \(seconds) s; held until it is steady for \(steady) s"
    }
}
