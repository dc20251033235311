import Telemetry

extension Outbox {
    /// What waits for one channel: a queue for each group, and the first of each in the order in which they go, so that choosing among ten thousand groups
    /// looks at numbers and copies only what it takes.
    struct Lane: Sendable {
        /// The first notification of a group.
        struct Head: Sendable, Hashable {
            var ordinal: Int64
            var nextAttemptAt: Timestamp
            var attempts: Int
            var isInDoubt: Bool
            var isUnderWay: Bool

            init(_ item: Item, isUnderWay: Bool) {
                (ordinal, nextAttemptAt, attempts, isInDoubt) = (item.ordinal, item.nextAttemptAt, item.attempts, item.isInDoubt)
                self.isUnderWay = isUnderWay
            }

            /// Fresh ones before retries, each in the order in which they were made.
            func goes(before other: Head) -> Bool { (attempts == 0 ? 0 : 1, ordinal) < (other.attempts == 0 ? 0 : 1, other.ordinal) }
        }

        /// By group, each in its order.
        private(set) var queues: [String: [Item]] = [:]
        /// Of each group, in the order in which they go.
        private(set) var heads: [Head] = []
        private var groups: [Int64: String] = [:]
        /// The first digest of each group that has one.
        private var digests: [String: Int64] = [:]
        private(set) var underWay: Set<UUID> = []
        private(set) var count = 0
        /// When it was last given a place, to be fair between channels.
        var turn: UInt64 = 0
        var breaker = CircuitBreaker()

        var isFailing: Bool { breaker.failuresInARow > 0 || !breaker.isClosed }
        var oldest: Timestamp? { heads.min { $0.ordinal < $1.ordinal }.flatMap { item(of: $0)?.createdAt } }

        func isUnderWay(_ id: UUID) -> Bool { underWay.contains(id) }

        private func item(of head: Head) -> Item? { groups[head.ordinal].flatMap { queues[$0]?.first } }

        // MARK: Changes

        /// The only way to change a queue: what is known of its first one follows.
        mutating func edit<Result>(_ group: String, _ body: (inout [Item]) -> Result) -> Result {
            let old = queues[group]?.first.map { Head($0, isUnderWay: underWay.contains($0.id)) }
            count -= queues[group]?.count ?? 0
            let result = body(&queues[group, default: []])
            count += queues[group]?.count ?? 0
            digests[group] = queues[group]?.first { $0.isDigest }?.ordinal
            let new = queues[group]?.first.map { Head($0, isUnderWay: underWay.contains($0.id)) }
            if new == nil { queues[group] = nil }
            if old != new { replace(old, by: new, of: group) }
            return result
        }

        private mutating func replace(_ old: Head?, by new: Head?, of group: String) {
            if let old {
                heads.remove(at: place(of: old))
                groups[old.ordinal] = nil
            }
            if let new {
                heads.insert(new, at: place(of: new))
                groups[new.ordinal] = group
            }
        }

        /// Where it stands, or would.
        private func place(of head: Head) -> Int {
            var (low, high) = (0, heads.count)
            while low < high {
                let middle = (low + high) / 2
                if heads[middle].goes(before: head) { low = middle + 1 } else { high = middle }
            }
            return low
        }

        mutating func add(_ item: Item) { edit(item.group) { $0.append(item) } }

        mutating func remove(_ item: Item) { edit(item.group) { queue in queue.removeAll { $0.id == item.id } } }

        /// - Returns: false when it is not here any more.
        @discardableResult
        mutating func change(_ item: Item, _ body: (inout Item) -> Void) -> Bool {
            guard queues[item.group] != nil else { return false }
            return edit(item.group) { queue in
                guard let index = queue.firstIndex(where: { $0.id == item.id }) else { return false }
                body(&queue[index])
                return true
            }
        }

        /// - Returns: whether it was under way.
        mutating func release(_ item: Item) -> Bool {
            guard underWay.remove(item.id) != nil else { return false }
            setUnderWay(item, false)
            return true
        }

        private mutating func setUnderWay(_ item: Item, _ isUnderWay: Bool) {
            guard let first = queues[item.group]?.first, first.id == item.id else { return }
            heads[place(of: Head(first, isUnderWay: isUnderWay))].isUnderWay = isUnderWay
        }

        /// Somebody answers again: what only waits because nobody did need not wait longer.
        mutating func hurry(all: Bool, at now: Timestamp) {
            for group in heads.filter({ $0.nextAttemptAt > now }).compactMap({ groups[$0.ordinal] }) {
                edit(group) { queue in
                    for index in queue.indices where (queue[index].isUnreachable || all) && !queue[index].isAskedToWait {
                        queue[index].nextAttemptAt = min(queue[index].nextAttemptAt, now)
                    }
                }
            }
        }

        mutating func setFallbacks(_ moment: (Item) -> Timestamp?) {
            for group in Array(queues.keys) {
                edit(group) { queue in
                    for index in queue.indices where !queue[index].hasFallenBack { queue[index].fallbackAt = moment(queue[index]) }
                }
            }
        }

        // MARK: Choosing

        /// Takes out, as being under way, what may be delivered now.
        mutating func take(_ room: Int, at now: Timestamp) -> [Item] {
            guard count > underWay.count else { return [] }
            let free = breaker.allowance(at: now, free: min(room, NotifyingLimits.deliveriesPerChannelMax - underWay.count))
            guard free > 0 else { return [] }
            let chosen = choose(free, at: now)
            for item in chosen {
                underWay.insert(item.id)
                setUnderWay(item, true)
            }
            if !chosen.isEmpty { breaker.begin() }
            return chosen
        }

        /// What comes after a digest waits for it: it tells of those groups too.
        private var barrier: Int64 { digests.values.min() ?? .max }

        private func choose(_ count: Int, at now: Timestamp) -> [Item] {
            let barrier = barrier
            if !breaker.isClosed {
                // A probe of one that may have arrived already leaves the others free of that doubt. With few of them it could be their own fault.
                let doubtful = heads.filter { $0.isInDoubt && !$0.isUnderWay && $0.ordinal <= barrier }
                if doubtful.count >= 3, let probe = doubtful.min(by: { ($0.attempts, $0.ordinal) < ($1.attempts, $1.ordinal) }) {
                    return [probe].compactMap { item(of: $0) }
                }
            }
            var chosen: [Item] = []
            for index in heads.indices {
                if chosen.count == count { break }
                let head = heads[index]
                // A probe does not wait for its own back-off, only for the channel's.
                guard !head.isUnderWay, head.ordinal <= barrier, head.nextAttemptAt <= now || !breaker.isClosed else { continue }
                if let item = item(of: head) { chosen.append(item) }
            }
            return chosen
        }

        /// When the next one may go; nil: none can before one under way has ended.
        var nextAttempt: Timestamp? {
            guard underWay.count < NotifyingLimits.deliveriesPerChannelMax, count > underWay.count else { return nil }
            let barrier = barrier
            var first: Timestamp?
            for index in heads.indices where !heads[index].isUnderWay && heads[index].ordinal <= barrier {
                first = min(first ?? heads[index].nextAttemptAt, heads[index].nextAttemptAt)
            }
            guard let first else { return nil }
            return breaker.earliest(breaker.isClosed ? first : Timestamp(nanoseconds: .min))
        }

        /// When the first fallback is to be told; nil: none.
        var nextFallback: Timestamp? {
            var first: Timestamp?
            for queue in queues.values {
                for index in queue.indices {
                    if let moment = queue[index].fallbackAt, moment < first ?? Timestamp(nanoseconds: .max) { first = moment }
                }
            }
            return first
        }
    }
}
