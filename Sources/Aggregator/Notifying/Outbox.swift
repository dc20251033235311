import Telemetry

/// Which undelivered notification goes next. Pure; the rows themselves are in the store.
///
/// Notifications of one group and channel go in their order, so that nobody hears "resolved" before "firing". Between groups, fresh ones go
/// before retries. Each channel has a few places of its own, and a ``CircuitBreaker``.
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
        /// Since when it is tried: when it was made, or sent again.
        var queuedAt: Timestamp
        /// The last attempt reached nobody.
        var isUnreachable = false
        /// The provider asked to be left alone until ``nextAttemptAt``.
        var isAskedToWait = false
        /// Whether somebody may have taken it although nobody said so: an attempt broke off, or began and never ended. Such a one keeps its key
        /// and is not put into a digest, where it would be told under another.
        var isInDoubt = false
        /// Stands for many others; what comes after it waits for it.
        var isDigest = false
        /// When the receiver's fallback is told, if it is still here; nil: never, or that was done.
        var fallbackAt: Timestamp?
        var hasFallenBack = false

        init(
            id: UUID,
            ordinal: Int64,
            channel: String,
            group: String,
            createdAt: Timestamp,
            attempts: Int,
            nextAttemptAt: Timestamp,
            queuedAt: Timestamp? = nil,
            isInDoubt: Bool = false,
            isDigest: Bool = false,
            fallbackAt: Timestamp? = nil
        ) {
            (self.id, self.ordinal, self.channel, self.group, self.createdAt) = (id, ordinal, channel, group, createdAt)
            (self.attempts, self.nextAttemptAt, self.queuedAt) = (attempts, nextAttemptAt, queuedAt ?? createdAt)
            (self.isInDoubt, self.isDigest, self.fallbackAt) = (isInDoubt, isDigest, fallbackAt)
        }
    }

    struct Lane: Sendable {
        /// By group, each in its order.
        var queues: [String: [Item]] = [:]
        var underWay: Set<UUID> = []
        /// When it was last given a place, to be fair between channels.
        var turn: UInt64 = 0
        var breaker = CircuitBreaker()
        var count = 0

        var first: Item? { queues.values.compactMap(\.first).min { $0.ordinal < $1.ordinal } }
    }

    private(set) var lanes: [String: Lane] = [:]
    var settings: OutboxConfig
    private var turns: UInt64 = 0
    private(set) var underWay = 0

    init(settings: OutboxConfig = OutboxConfig()) { self.settings = settings }

    var pending: [String: Int] { lanes.mapValues(\.count).filter { $0.value > 0 } }
    var count: Int { lanes.values.reduce(0) { $0 + $1.count } }
    var oldest: Timestamp? { lanes.values.compactMap { $0.first?.createdAt }.min() }

    /// Channels that fail now: how often in a row, and the last reply.
    var failing: [(channel: String, failures: Int, reply: String)] {
        lanes.filter { $0.value.breaker.failuresInARow > 0 || !$0.value.breaker.isClosed }
            .map { ($0.key, $0.value.breaker.failuresInARow, $0.value.breaker.lastReply ?? "") }.sorted { $0.0 < $1.0 }
    }

    mutating func add(_ item: Item) {
        lanes[item.channel, default: Lane()].queues[item.group, default: []].append(item)
        lanes[item.channel]?.count += 1
    }

    /// From the store, before anything is taken: this channel was down when the program ended.
    mutating func restoreDown(_ channel: String, since: Timestamp, reply: String, at now: Timestamp) {
        lanes[channel, default: Lane()].breaker = CircuitBreaker(downSince: since, lastReply: reply, at: now)
    }

    /// Takes out, as being under way, what may be delivered now.
    mutating func takeDue(at now: Timestamp) -> [Item] {
        var taken: [Item] = []
        var room = NotifyingLimits.deliveriesMax - underWay
        for channel in lanes.keys.sorted(by: { (lanes[$0]?.turn ?? 0, $0) < (lanes[$1]?.turn ?? 0, $1) }) where room > 0 {
            guard let lane = lanes[channel], lane.count > lane.underWay.count else { continue }
            let free = lane.breaker.allowance(at: now, free: min(room, NotifyingLimits.deliveriesPerChannelMax - lane.underWay.count))
            guard free > 0 else { continue }
            let chosen = Outbox.choose(free, from: Outbox.heads(of: lane).filter { $0.nextAttemptAt <= now || !lane.breaker.isClosed }, of: lane)
            guard !chosen.isEmpty else { continue }
            turns += 1
            lanes[channel]?.turn = turns
            lanes[channel]?.underWay.formUnion(chosen.map(\.id))
            lanes[channel]?.breaker.begin()
            underWay += chosen.count
            taken += chosen
            room -= chosen.count
        }
        return taken
    }

    private static func choose(_ count: Int, from heads: [Item], of lane: Lane) -> [Item] {
        if !lane.breaker.isClosed {
            // A probe of one that may have arrived already leaves the others free of that doubt. With few of them it could be their own fault.
            let doubtful = heads.filter(\.isInDoubt)
            if doubtful.count >= 3, let probe = doubtful.min(by: { ($0.attempts, $0.ordinal) < ($1.attempts, $1.ordinal) }) { return [probe] }
        }
        func rank(_ item: Item) -> (Int, Int64) { (item.attempts == 0 ? 0 : 1, item.ordinal) }
        guard count < heads.count else { return heads.sorted { rank($0) < rank($1) } }
        var (rest, chosen) = (heads, [Item]())
        while chosen.count < count, let index = rest.indices.min(by: { rank(rest[$0]) < rank(rest[$1]) }) { chosen.append(rest.remove(at: index)) }
        return chosen
    }

    /// When the next one may go; nil: none can before one under way has ended.
    var nextAttempt: Timestamp? {
        guard underWay < NotifyingLimits.deliveriesMax else { return nil }
        return lanes.values.filter { $0.underWay.count < NotifyingLimits.deliveriesPerChannelMax && $0.count > $0.underWay.count }
            .compactMap { lane in
                // A probe does not wait for its own back-off, only for the channel's.
                guard let first = Outbox.heads(of: lane).map(\.nextAttemptAt).min() else { return nil }
                return lane.breaker.earliest(lane.breaker.isClosed ? first : Timestamp(nanoseconds: .min))
            }.min()
    }

    /// The first notification of each group that has none under way. What comes after a digest waits for it: it tells of those groups too.
    private static func heads(of lane: Lane) -> [Item] {
        let barrier = lane.queues.lazy.compactMap { $0.value.first { $0.isDigest }?.ordinal }.min() ?? .max
        return lane.queues.values.compactMap { queue in
            guard let first = queue.first, first.ordinal <= barrier, !lane.underWay.contains(first.id) else { return nil }
            return first
        }
    }

    // MARK: Ends

    /// An attempt ended for good.
    /// - Parameter failure: what was answered when it failed; nil when it was delivered.
    mutating func finish(_ item: Item, failure: String?, at now: Timestamp) {
        guard var lane = lanes.removeValue(forKey: item.channel) else { return }
        let (wasFailing, wasDown) = (lane.breaker.failuresInARow > 0, !lane.breaker.isClosed)
        release(item, from: &lane)
        Outbox.remove(item, from: &lane)
        // A refusal is an answer: the channel itself is well.
        lane.breaker.answer(failure)
        // Somebody answers again: what only waits because nobody did need not wait longer.
        if wasFailing || wasDown {
            for group in lane.queues.keys {
                for index in lane.queues[group, default: []].indices {
                    guard let other = lane.queues[group]?[index], other.isUnreachable || wasDown, !other.isAskedToWait else { continue }
                    lane.queues[group]?[index].nextAttemptAt = min(other.nextAttemptAt, now)
                }
            }
        }
        if lane.count > 0 || failure != nil || !lane.underWay.isEmpty { lanes[item.channel] = lane }
    }

    /// An attempt failed and is repeated. True when the channel counts as down from now on.
    @discardableResult
    mutating func postpone(
        _ item: Item,
        until moment: Timestamp,
        failure: String,
        isUnreachable: Bool,
        isInDoubt: Bool = false,
        askedToWait: Duration? = nil,
        at now: Timestamp? = nil
    ) -> Bool {
        guard var lane = lanes.removeValue(forKey: item.channel) else { return false }
        defer { lanes[item.channel] = lane }
        release(item, from: &lane)
        if let index = lane.queues[item.group]?.firstIndex(where: { $0.id == item.id }) {
            lane.queues[item.group]?[index].attempts += 1
            lane.queues[item.group]?[index].nextAttemptAt = moment
            lane.queues[item.group]?[index].isUnreachable = isUnreachable
            lane.queues[item.group]?[index].isInDoubt = isInDoubt || item.isInDoubt
            lane.queues[item.group]?[index].isAskedToWait = askedToWait != nil
        }
        return lane.breaker.fail(failure, at: now ?? item.nextAttemptAt, askedToWait: askedToWait, settings: settings)
    }

    /// A delivery that was cut short (the program stops): as if it had not been tried.
    mutating func putBack(_ item: Item, at now: Timestamp) {
        guard var lane = lanes.removeValue(forKey: item.channel) else { return }
        release(item, from: &lane)
        lane.breaker.putBack(at: now)
        lanes[item.channel] = lane
    }

    private mutating func release(_ item: Item, from lane: inout Lane) {
        if lane.underWay.remove(item.id) != nil { underWay -= 1 }
    }

    private static func remove(_ item: Item, from lane: inout Lane) {
        guard let index = lane.queues[item.group]?.firstIndex(where: { $0.id == item.id }) else { return }
        lane.queues[item.group]?.remove(at: index)
        lane.count -= 1
        if lane.queues[item.group]?.isEmpty == true { lane.queues[item.group] = nil }
    }

    // MARK: Many at once

    /// What a digest would stand for when this delivery brings its channel back: all that waits and that surely nobody has. Empty when the
    /// channel was not down for long, or when too few wait. In their order.
    func foldable(after item: Item, at now: Timestamp) -> [Item] {
        guard let lane = lanes[item.channel], let downSince = lane.breaker.downSince, now.duration(since: downSince) >= settings.digestAfter else {
            return []
        }
        let waiting = lane.queues.values.filter { queue in
            // All of a group or nothing of it: its notifications must not overtake each other.
            !queue.contains { $0.isInDoubt || $0.isDigest || ($0.id != item.id && lane.underWay.contains($0.id)) }
        }.flatMap { $0 }.filter { $0.id != item.id }
        return waiting.count > settings.digestAbove ? waiting.sorted { $0.ordinal < $1.ordinal } : []
    }

    /// They are told by others now.
    mutating func remove(_ items: [Item]) {
        for item in items {
            guard var lane = lanes.removeValue(forKey: item.channel) else { continue }
            Outbox.remove(item, from: &lane)
            lanes[item.channel] = lane
        }
    }

    /// Those whose fallback is to be told now, because their channel fails and their time has come; in their order.
    func fallbackDue(at now: Timestamp) -> [Item] {
        failingLanes.flatMap { $0.queues.values.joined() }.filter { $0.fallbackAt.map { $0 <= now } ?? false }.sorted { $0.ordinal < $1.ordinal }
    }

    /// The fallback of these has been told.
    mutating func clearFallback(_ items: [Item]) {
        for item in items {
            guard let index = lanes[item.channel]?.queues[item.group]?.firstIndex(where: { $0.id == item.id }) else { continue }
            lanes[item.channel]?.queues[item.group]?[index].fallbackAt = nil
            lanes[item.channel]?.queues[item.group]?[index].hasFallenBack = true
        }
    }

    /// The receivers are others now: when is the fallback of one that has not been told?
    mutating func setFallbacks(_ moment: (Item) -> Timestamp?) {
        for (channel, lane) in lanes {
            let queues = lane.queues.mapValues { queue in
                queue.map { item in
                    var item = item
                    if !item.hasFallenBack { item.fallbackAt = moment(item) }
                    return item
                }
            }
            lanes[channel]?.queues = queues
        }
    }

    /// Whether somebody could still be told in its place.
    func canFallBack(_ item: Item) -> Bool {
        lanes[item.channel]?.queues[item.group]?.first { $0.id == item.id }.map { $0.fallbackAt != nil } ?? false
    }

    var nextFallback: Timestamp? { failingLanes.compactMap { $0.queues.values.joined().compactMap(\.fallbackAt).min() }.min() }

    private var failingLanes: [Lane] { lanes.values.filter { $0.breaker.failuresInARow > 0 || !$0.breaker.isClosed } }
}
