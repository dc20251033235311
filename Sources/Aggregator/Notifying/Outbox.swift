import Telemetry

/// Which undelivered notification goes next. Pure; the rows themselves are in the store.
///
/// Notifications of one group and channel go in their order, so that nobody hears "resolved" before "firing". Between groups, fresh ones go
/// before retries. Each channel has a few places of its own.
struct Outbox: Sendable {
    struct Item: Sendable, Hashable {
        var id: UUID
        /// Grows with each notification.
        var ordinal: Int64
        var channel: String
        var group: String
        var createdAt: Timestamp
        var attempts: Int
        var nextAttemptAt: Timestamp
        /// The last attempt reached nobody.
        var isUnreachable = false
    }

    private struct Lane: Sendable {
        /// By ordinal.
        var items: [Item] = []
        var underWay: Set<UUID> = []
        /// When it was last given a place, to be fair between channels.
        var turn: UInt64 = 0
        var lastFailure: String?
        var failuresInARow = 0
    }

    private var lanes: [String: Lane] = [:]
    private var turns: UInt64 = 0

    var pending: [String: Int] { lanes.mapValues(\.items.count).filter { $0.value > 0 } }
    var count: Int { lanes.values.reduce(0) { $0 + $1.items.count } }
    var underWay: Int { lanes.values.reduce(0) { $0 + $1.underWay.count } }
    var oldest: Timestamp? { lanes.values.compactMap { $0.items.first?.createdAt }.min() }

    /// Channels that fail now: how often in a row, and the last reply.
    var failing: [(channel: String, failures: Int, reply: String)] {
        lanes.filter { $0.value.failuresInARow > 0 }.map { ($0.key, $0.value.failuresInARow, $0.value.lastFailure ?? "") }.sorted { $0.0 < $1.0 }
    }

    mutating func add(_ item: Item) { lanes[item.channel, default: Lane()].items.append(item) }

    /// Takes out, as being under way, what may be delivered now.
    mutating func takeDue(at now: Timestamp) -> [Item] {
        var taken: [Item] = []
        var room = NotifyingLimits.deliveriesMax - underWay
        for channel in lanes.keys.sorted(by: { (lanes[$0]?.turn ?? 0, $0) < (lanes[$1]?.turn ?? 0, $1) }) where room > 0 {
            guard let lane = lanes[channel] else { continue }
            let free = min(room, NotifyingLimits.deliveriesPerChannelMax - lane.underWay.count)
            guard free > 0 else { continue }
            let due = Outbox.heads(of: lane).filter { $0.nextAttemptAt <= now }
            let chosen = due.sorted { ($0.attempts == 0 ? 0 : 1, $0.ordinal) < ($1.attempts == 0 ? 0 : 1, $1.ordinal) }.prefix(free)
            guard !chosen.isEmpty else { continue }
            turns += 1
            lanes[channel]?.turn = turns
            lanes[channel]?.underWay.formUnion(chosen.map(\.id))
            taken += chosen
            room -= chosen.count
        }
        return taken
    }

    /// When the next one may go; nil: none can before one under way has ended.
    var nextAttempt: Timestamp? {
        guard underWay < NotifyingLimits.deliveriesMax else { return nil }
        return lanes.values.filter { $0.underWay.count < NotifyingLimits.deliveriesPerChannelMax }
            .compactMap { Outbox.heads(of: $0).map(\.nextAttemptAt).min() }.min()
    }

    /// The first notification of each group that has none under way.
    private static func heads(of lane: Lane) -> [Item] {
        var (seen, heads): (Set<String>, [Item]) = ([], [])
        for item in lane.items where seen.insert(item.group).inserted && !lane.underWay.contains(item.id) { heads.append(item) }
        return heads
    }

    /// An attempt ended for good.
    /// - Parameter failure: what was answered when it failed; nil when it was delivered.
    mutating func finish(_ item: Item, failure: String?, at now: Timestamp) {
        let wasFailing = (lanes[item.channel]?.failuresInARow ?? 0) > 0
        lanes[item.channel]?.underWay.remove(item.id)
        lanes[item.channel]?.items.removeAll { $0.id == item.id }
        lanes[item.channel]?.lastFailure = failure
        // A refusal is an answer: the channel itself is well.
        lanes[item.channel]?.failuresInARow = 0
        if wasFailing { hurry(item.channel, at: now) }
        if lanes[item.channel]?.items.isEmpty == true, failure == nil { lanes[item.channel] = nil }
    }

    /// An attempt failed and is repeated.
    mutating func postpone(_ item: Item, until moment: Timestamp, failure: String, isUnreachable: Bool) {
        lanes[item.channel]?.underWay.remove(item.id)
        lanes[item.channel]?.lastFailure = failure
        lanes[item.channel]?.failuresInARow += 1
        guard let index = lanes[item.channel]?.items.firstIndex(where: { $0.id == item.id }) else { return }
        lanes[item.channel]?.items[index].attempts += 1
        lanes[item.channel]?.items[index].nextAttemptAt = moment
        lanes[item.channel]?.items[index].isUnreachable = isUnreachable
    }

    /// A delivery that was cut short (the program stops): as if it had not been tried.
    mutating func putBack(_ item: Item) { lanes[item.channel]?.underWay.remove(item.id) }

    /// Somebody answers again: what only waits because nobody did need not wait longer.
    private mutating func hurry(_ channel: String, at now: Timestamp) {
        for index in lanes[channel]?.items.indices ?? 0..<0 where lanes[channel]?.items[index].isUnreachable == true {
            lanes[channel]?.items[index].nextAttemptAt = now
        }
    }
}
