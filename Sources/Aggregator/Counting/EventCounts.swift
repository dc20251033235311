import Blocks
import Telemetry

/// How many events were stored, by source, type, severity and host. Pure: blocks in, changes and samples out.
///
/// Each event counts in one of two series: `tocsin_events_total`, or `tocsin_events_late_total` when it was more than ``CountingLimits/lateAfter`` old on
/// arrival. Together they are all events of the log.
struct EventCounts: Sendable {
    static let metricName = "tocsin_events_total"
    static let lateMetricName = "tocsin_events_late_total"
    /// In place of source, type and host where there are too many label sets.
    static let other = "other"

    struct Key: Sendable, Hashable {
        var source: String
        var type: String
        var host: String
        var severity: Severity
        var isLate: Bool

        var series: Labels {
            Labels(
                name: isLate ? EventCounts.lateMetricName : EventCounts.metricName,
                [Label("source", source), Label("type", type), Label("host", host), Label("severity", severity.label)]
            )
        }
    }

    struct Count: Sendable, Hashable {
        var total: UInt64
        /// By our clock.
        var grewAt: Timestamp
    }

    private(set) var counts: [Key: Count]
    /// To be written: since the last ``takeChanges()``.
    private var changed: Set<Key> = []
    /// To be shown: since the last ``samples(at:all:)``.
    private var grown: Set<Key> = []
    /// Not in the log yet: their first sample is preceded by one of zero, so that their first growth is seen as one.
    private var new: Set<Key> = []
    private(set) var shownAt: Timestamp?
    /// Label sets that were counted as `other`, rows of them; since the start.
    private(set) var folded = 0
    var seriesMax: Int

    init(seriesMax: Int, restoring stored: [Key: Count] = [:]) { (self.seriesMax, counts) = (seriesMax, stored) }

    var hasGrown: Bool { !grown.isEmpty }

    // MARK: Blocks

    /// - Parameters:
    ///   - host: of the agent, for rows that name none.
    ///   - repeated: rows that were stored before.
    mutating func take(_ block: EventLabelColumns, host: String, receivedAt: Timestamp, repeated: Set<UInt32>, now: Timestamp) {
        let lateBefore = receivedAt.advanced(by: .zero - CountingLimits.lateAfter).nanoseconds
        var found: [Codes: Int] = [:]
        // Neighbours are nearly always of the same kind.
        var (last, run): (Codes?, Int) = (nil, 0)
        for row in 0..<block.count where repeated.isEmpty || !repeated.contains(UInt32(row)) {
            let codes = Codes(
                source: block.sources.code(at: row),
                type: block.types.code(at: row),
                host: block.hosts.code(at: row),
                severity: block.severity(at: row),
                isLate: block.timestamps[row] < lateBefore
            )
            if codes == last {
                run += 1
                continue
            }
            if let last { found[last, default: 0] += run }
            (last, run) = (codes, 1)
        }
        if let last { found[last, default: 0] += run }
        for (codes, count) in found {
            let named = block.hosts.values[Int(codes.host)]
            let key = Key(
                source: Self.bounded(block.sources.values[Int(codes.source)]),
                type: Self.bounded(block.types.values[Int(codes.type)]),
                host: Self.bounded(named.isEmpty ? host : named),
                severity: codes.severity,
                isLate: codes.isLate
            )
            add(count, to: key, now: now)
        }
    }

    private struct Codes: Hashable {
        var source: UInt32
        var type: UInt32
        var host: UInt32
        var severity: Severity
        var isLate: Bool
    }

    private mutating func add(_ count: Int, to wanted: Key, now: Timestamp) {
        var key = wanted
        if counts[key] == nil {
            if counts.count >= seriesMax {
                folded += count
                (key.source, key.type, key.host) = (Self.other, Self.other, Self.other)
            }
            if counts[key] == nil { new.insert(key) }
        }
        let known = counts[key]?.total ?? 0
        counts[key] = Count(total: known &+ UInt64(count), grewAt: now)
        changed.insert(key)
        grown.insert(key)
    }

    private static func bounded(_ text: String) -> String {
        text.utf8.count <= CountingLimits.labelCharactersMax ? text : String(text.prefix(CountingLimits.labelCharactersMax))
    }

    // MARK: Time

    /// Lets go of counts that no longer grow.
    mutating func forget(at now: Timestamp) {
        for (key, count) in counts where now.duration(since: count.grewAt) > CountingLimits.forgetAfter && !grown.contains(key) {
            counts[key] = nil
            changed.insert(key)
        }
    }

    // MARK: Outward

    /// What must be written: the count, or nil where it was forgotten.
    mutating func takeChanges() -> [Key: Count?] {
        defer { changed = [] }
        var changes: [Key: Count?] = [:]
        for key in changed { changes[key] = .some(counts[key]) }
        return changes
    }

    /// What grew, or everything, as samples of this moment. ``wereShown(_:at:)`` must follow when they are in the log.
    func samples(at now: Timestamp, all: Bool) -> [Sample] {
        let moment = moment(now)
        let zeroAt = shownAt.flatMap { $0 < moment ? $0 : nil } ?? moment.advanced(by: .zero - CountingLimits.showEvery)
        let keys = all ? Array(counts.keys) : Array(grown)
        var samples: [Sample] = []
        samples.reserveCapacity(keys.count + new.count)
        for key in keys {
            guard let count = counts[key] else { continue }
            let series = key.series
            if new.contains(key) { samples.append(Sample(series: series, timestamp: zeroAt, value: 0)) }
            samples.append(Sample(series: series, timestamp: moment, value: Double(count.total)))
        }
        return samples
    }

    mutating func wereShown(at now: Timestamp) {
        shownAt = moment(now)
        (grown, new) = ([], [])
    }

    /// Never before what was shown: a counter that seems to shrink is taken for one that began anew. A clock that was set back by more is followed.
    private func moment(_ now: Timestamp) -> Timestamp {
        guard let shownAt, now <= shownAt, shownAt.duration(since: now) < .seconds(60) else { return now }
        return shownAt.advanced(by: .milliseconds(1))
    }
}
