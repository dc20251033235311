import JSON
import Telemetry

/// What the aggregator is to this agent at the moment.
package enum AggregatorState: Sendable, Hashable {
    /// There is none: this host tells its alerts itself.
    case none
    case takes
    /// Unreachable, or it refuses everything.
    case fails(String)
}

/// Who knows of which alert: the aggregator, the local receivers, or nobody yet. Pure.
struct AlarmBook: Sendable {
    struct Entry: Sendable, Equatable {
        var alert: Alert
        /// The aggregator has its row: it tells whom it concerns.
        var isDelivered = false
        /// When a local receiver was told that it fires.
        var toldAt: Timestamp?
        /// Local receivers were told of its end, or need not be.
        var isOver: Bool { alert.state == .resolved && toldAt == nil }
    }

    private(set) var entries: [UInt64: Entry] = [:]
    private var failingSince: Duration?
    private(set) var state = AggregatorState.takes

    // MARK: What happens

    /// Alerts that fire or were resolved, as the judge hands them on; the same with what local receivers were told.
    func marked(_ alerts: [Alert]) -> [Alert] {
        alerts.map { alert in
            guard let entry = entries[alert.fingerprint], entry.alert.startsAt == alert.startsAt, let toldAt = entry.toldAt else { return alert }
            return alert.toldLocally(at: toldAt)
        }
    }

    /// They are on disk.
    mutating func stored(_ alerts: [Alert]) {
        for alert in alerts where alert.state != .pending {
            let known = entries[alert.fingerprint]
            if let known, known.alert.startsAt == alert.startsAt || alert.state == .resolved {
                entries[alert.fingerprint]?.alert = alert
                if entries[alert.fingerprint]?.isOver == true { entries[alert.fingerprint] = nil }
            } else if alert.state == .firing, known != nil || entries.count < AlarmLimits.entriesMax {
                entries[alert.fingerprint] = Entry(alert: alert)
            }
        }
    }

    /// - Parameter isDrained: the aggregator has all that was stored before it was asked for. True when something changed that is to be stored.
    mutating func look(_ state: AggregatorState, isDrained: Bool, at now: Duration) -> Bool {
        self.state = state
        switch state {
        case .none: failingSince = .zero - .seconds(1 << 40)
        case .takes: failingSince = nil
        case .fails: failingSince = failingSince ?? now
        }
        guard isDrained, case .takes = state else { return false }
        var isChanged = false
        for (key, entry) in entries where !entry.isDelivered {
            entries[key]?.isDelivered = true
            isChanged = true
        }
        return isChanged
    }

    /// How long nothing was taken; nil: it is.
    func outage(at now: Duration) -> Duration? { failingSince.map { now - $0 } }

    // MARK: What is to be told

    /// Alerts that fire, that nobody was told of, and ends of those that local receivers were told of. Oldest first.
    func due(after: Duration, at now: Duration) -> [Alert] {
        let isOut = failingSince.map { now - $0 >= after } ?? false
        return entries.values.filter { entry in
            if entry.alert.state == .resolved { return entry.toldAt != nil }
            // That the aggregator is away was waited for already.
            return entry.toldAt == nil && (entry.alert.isAboutAggregator || isOut && !entry.isDelivered)
        }.map(\.alert).sorted { ($0.startsAt, $0.fingerprint) < ($1.startsAt, $1.fingerprint) }
    }

    /// Of what a receiver did not take yet, what it should still hear: not a beginning that has ended or that the aggregator tells by now.
    func stillWanted(_ waiting: [Alert]) -> [Alert] {
        waiting.filter { alert in
            guard alert.state == .firing else { return true }
            guard let entry = entries[alert.fingerprint], entry.alert.startsAt == alert.startsAt, entry.alert.state == .firing else { return false }
            return entry.toldAt != nil || !entry.isDelivered || alert.isAboutAggregator
        }
    }

    /// A local receiver took the notification. Returns the alerts as they are to be stored again, so that the aggregator learns of it.
    mutating func told(_ alerts: [Alert], at now: Timestamp) -> [Alert] {
        var marked: [Alert] = []
        for alert in alerts {
            guard let entry = entries[alert.fingerprint], entry.alert.startsAt == alert.startsAt else { continue }
            if alert.state == .resolved {
                entries[alert.fingerprint] = nil
            } else {
                entries[alert.fingerprint]?.toldAt = now
                guard entry.alert.state == .firing else { continue }
                var copy = entry.alert.toldLocally(at: now)
                copy.updatedAt = max(now, copy.updatedAt)
                marked.append(copy)
            }
        }
        return marked
    }

    // MARK: Through a restart

    static let note = "alarming"

    /// `[{"fingerprint", "starts_at", "told_at"?}]`: alerts that somebody knows of. Times are nanoseconds.
    var noteText: String {
        var writer = JSONWriter()
        writer.beginArray()
        for (key, entry) in entries.sorted(by: { $0.key < $1.key }) where entry.isDelivered || entry.toldAt != nil {
            writer.beginObject()
            writer.member("fingerprint", String(key, radix: 16))
            writer.member("starts_at", entry.alert.startsAt.nanoseconds)
            writer.member("delivered", entry.isDelivered)
            if let toldAt = entry.toldAt { writer.member("told_at", toldAt.nanoseconds) }
            writer.endObject()
        }
        writer.endArray()
        return writer.text == "[]" ? "" : writer.text
    }

    init() {}

    /// What fired before the restart, and who knew of it.
    init(_ checkpoint: Checkpoint) {
        let own = AggregatorWatch(checkpoint).alert.map { [$0] } ?? []
        for alert in checkpoint.alerts + own where alert.state == .firing { entries[alert.fingerprint] = Entry(alert: alert) }
        guard let text = checkpoint.notes[Self.note], let tree = try? JSON.parse(Array(text.utf8)) else { return }
        for known in tree.array ?? [] {
            guard let key = known["fingerprint"]?.string.flatMap({ UInt64($0, radix: 16) }), let entry = entries[key],
                known["starts_at"]?.integer == entry.alert.startsAt.nanoseconds
            else { continue }
            entries[key]?.isDelivered = known["delivered"]?.bool ?? false
            entries[key]?.toldAt = known["told_at"]?.integer.map { Timestamp(nanoseconds: $0) }
        }
    }
}
