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

    private(set) var lanes: [String: Lane] = [:]
    var settings: OutboxConfig
    private var turns: UInt64 = 0
    private(set) var underWay = 0

    init(settings: OutboxConfig = OutboxConfig()) { self.settings = settings }

    var pending: [String: Int] { lanes.mapValues(\.count).filter { $0.value > 0 } }
    var count: Int { lanes.values.reduce(0) { $0 + $1.count } }
    var oldest: Timestamp? { lanes.values.compactMap(\.oldest).min() }

    /// Channels that fail now: how often in a row, and the last reply.
    var failing: [(channel: String, failures: Int, reply: String)] {
        lanes.filter(\.value.isFailing)
            .map { ($0.key, $0.value.breaker.failuresInARow, $0.value.breaker.lastReply ?? "") }.sorted { $0.0 < $1.0 }
    }

    mutating func add(_ item: Item) { lanes[item.channel, default: Lane()].add(item) }

    /// From the store, before anything is taken: this channel was down when the program ended.
    mutating func restoreDown(_ channel: String, since: Timestamp, reply: String, at now: Timestamp) {
        lanes[channel, default: Lane()].breaker = CircuitBreaker(downSince: since, lastReply: reply, at: now)
    }

    /// Takes out, as being under way, what may be delivered now.
    mutating func takeDue(at now: Timestamp) -> [Item] {
        var taken: [Item] = []
        for channel in lanes.keys.sorted(by: { (lanes[$0]?.turn ?? 0, $0) < (lanes[$1]?.turn ?? 0, $1) }) {
            let room = NotifyingLimits.deliveriesMax - underWay
            guard room > 0, let chosen = lanes[channel]?.take(room, at: now), !chosen.isEmpty else { continue }
            turns += 1
            lanes[channel]?.turn = turns
            underWay += chosen.count
            taken += chosen
        }
        return taken
    }

    /// When the next one may go; nil: none can before one under way has ended.
    var nextAttempt: Timestamp? {
        guard underWay < NotifyingLimits.deliveriesMax else { return nil }
        return lanes.values.compactMap(\.nextAttempt).min()
    }

    // MARK: Ends

    /// An attempt ended for good.
    /// - Parameter failure: what was answered when it failed; nil when it was delivered.
    mutating func finish(_ item: Item, failure: String?, at now: Timestamp) {
        guard var lane = lanes.removeValue(forKey: item.channel) else { return }
        let (wasFailing, wasDown) = (lane.breaker.failuresInARow > 0, !lane.breaker.isClosed)
        release(item, from: &lane)
        lane.remove(item)
        // A refusal is an answer: the channel itself is well.
        lane.breaker.answer(failure)
        if wasFailing || wasDown { lane.hurry(all: wasDown, at: now) }
        if lane.count > 0 || failure != nil || !lane.underWay.isEmpty { lanes[item.channel] = lane }
    }

    /// Whether ``postpone(_:until:failure:isUnreachable:isInDoubt:askedToWait:at:)`` would make the channel count as down.
    func wouldOpen(_ item: Item, failure: String, askedToWait: Duration?, at now: Timestamp) -> Bool {
        guard var breaker = lanes[item.channel]?.breaker else { return false }
        return breaker.fail(failure, at: now, askedToWait: askedToWait, settings: settings)
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
        lane.change(item) { waiting in
            waiting.attempts += 1
            waiting.nextAttemptAt = moment
            waiting.isUnreachable = isUnreachable
            waiting.isInDoubt = isInDoubt || item.isInDoubt
            waiting.isAskedToWait = askedToWait != nil
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

    private mutating func release(_ item: Item, from lane: inout Lane) { if lane.release(item) { underWay -= 1 } }

    // MARK: Many at once

    /// What a digest would stand for when this delivery brings its channel back: all that waits and that surely nobody has. Empty when the
    /// channel was not down for long, or when too few wait. In their order.
    func foldable(after item: Item, at now: Timestamp) -> [Item] {
        guard let lane = lanes[item.channel], let downSince = lane.breaker.downSince, now.duration(since: downSince) >= settings.digestAfter else {
            return []
        }
        let waiting = lane.queues.values.filter { queue in
            // All of a group or nothing of it: its notifications must not overtake each other.
            !queue.contains { $0.isInDoubt || $0.isDigest || ($0.id != item.id && lane.isUnderWay($0.id)) }
        }.flatMap { $0 }.filter { $0.id != item.id }
        return waiting.count > settings.digestAbove ? waiting.sorted { $0.ordinal < $1.ordinal } : []
    }

    /// They are told by others now.
    mutating func remove(_ items: [Item]) { for item in items { lanes[item.channel]?.remove(item) } }

    /// Those whose fallback is to be told now, because their channel fails and their time has come; in their order.
    func fallbackDue(at now: Timestamp) -> [Item] {
        guard nextFallback.map({ $0 <= now }) ?? false else { return [] }
        return lanes.values.filter(\.isFailing).flatMap { $0.queues.values.joined() }.filter { $0.fallbackAt.map { $0 <= now } ?? false }
            .sorted { $0.ordinal < $1.ordinal }
    }

    /// The fallback of these has been told.
    mutating func clearFallback(_ items: [Item]) {
        for item in items { lanes[item.channel]?.change(item) { ($0.fallbackAt, $0.hasFallenBack) = (nil, true) } }
    }

    /// The receivers are others now: when is the fallback of one that has not been told?
    mutating func setFallbacks(_ moment: (Item) -> Timestamp?) { for channel in Array(lanes.keys) { lanes[channel]?.setFallbacks(moment) } }

    /// Whether somebody could still be told in its place.
    func canFallBack(_ item: Item) -> Bool {
        lanes[item.channel]?.queues[item.group]?.first { $0.id == item.id }.map { $0.fallbackAt != nil } ?? false
    }

    var nextFallback: Timestamp? { lanes.values.filter(\.isFailing).compactMap(\.nextFallback).min() }
}
