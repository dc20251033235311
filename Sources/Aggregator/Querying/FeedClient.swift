import Blocks
import Operating
import Synchronization
import Telemetry

/// A block on its way to clients, decoded once for all of them. How many bytes such blocks hold is counted as long as anybody needs them.
final class FeedBlock: Sendable {
    let block: CachedBlock
    private let held: HeldBytes

    init(_ block: CachedBlock, counting held: HeldBytes) {
        (self.block, self.held) = (block, held)
        held.add(block.bytes)
    }

    deinit { held.add(-block.bytes) }

    var position: LogPosition { block.position }

    /// Rows with the places behind which a client can go on.
    func deliver(_ rows: ArraySlice<Int>) -> StreamDelivery {
        .events(rows.map { StreamedEvent(block.event(at: $0), at: .live(position, row: block.number(of: $0))) })
    }
}

/// The bytes of all blocks that wait for clients.
final class HeldBytes: Sendable {
    private let count = Atomic<Int>(0)

    var bytes: Int { count.load(ordering: .relaxed) }

    func add(_ bytes: Int) { count.wrappingAdd(bytes, ordering: .relaxed) }
}

/// One client's queue: rows of shared blocks. When it is full, what comes is counted instead, until the client has read all that waited and was
/// told how many it missed.
final class FeedClient: Sendable {
    private struct State {
        var queue: [(block: FeedBlock, rows: ArraySlice<Int>)] = []
        /// Where the queue begins; what lies before was taken.
        var head = 0
        var rows = 0
        var missed: MissedEvents?
        /// Blocks up to here are none of this client's.
        var after: LogPosition = 0
        /// Blocks up to here were looked at for this client, as far as it is given them by the feed.
        var seen: LogPosition?
        var isQuiet = false
        var isOver = false

        mutating func miss(_ more: MissedEvents) {
            guard var sum = missed else {
                missed = more
                return
            }
            // A hole of both kinds is the worse one.
            if more.reason == .gone { sum.reason = .gone }
            sum.count += more.count
            (sum.from, sum.to) = (min(sum.from, more.from), max(sum.to, more.to))
            missed = sum
        }
    }

    private enum Taken {
        case rows(FeedBlock, ArraySlice<Int>)
        case missed(MissedEvents)
        case quiet(StreamPlace?)
        case over
        case nothing
    }

    let matcher: EventMatcher
    private let limits: FeedLimits
    private let state = Mutex(State())
    private let bell = Bell()

    init(_ matcher: EventMatcher, limits: FeedLimits) { (self.matcher, self.limits) = (matcher, limits) }

    /// From when on blocks are this client's.
    func begin(after position: LogPosition) { state.withLock { ($0.after, $0.seen) = (position, position) } }

    /// Puts the block's matching rows into the queue.
    /// - Parameter isCrowded: blocks that wait hold too many bytes: who has something waiting already is slow, and misses this one.
    /// - Returns: how many rows were missed.
    @discardableResult
    func offer(_ block: FeedBlock, isCrowded: Bool) -> Int {
        guard state.withLock({ !$0.isOver && block.position > $0.after }) else { return 0 }
        let rows = matcher.rows(of: block.block, from: .distantPast, to: .distantFuture)
        guard !rows.isEmpty else {
            state.withLock { $0.seen = block.position }
            return 0
        }
        let missed = state.withLock { state in
            state.seen = block.position
            let isFull = state.rows >= limits.queuedRowsMax || isCrowded && state.rows > 0
            guard isFull || state.missed != nil else {
                state.queue.append((block, rows[...]))
                state.rows += rows.count
                return 0
            }
            let times = rows.map { block.block.events.timestamps[$0] }
            let (from, to) = (Timestamp(nanoseconds: times.min() ?? 0), Timestamp(nanoseconds: times.max() ?? 0))
            state.miss(MissedEvents(reason: .slow, count: UInt64(rows.count), from: from, to: to))
            return rows.count
        }
        bell.ring()
        return missed
    }

    /// What the client reads by itself has no limit but the reader's own.
    /// - Parameter row: up to here the client has the block already.
    func put(_ block: FeedBlock, behind row: UInt32? = nil) {
        var rows = matcher.rows(of: block.block, from: .distantPast, to: .distantFuture)
        if let row { rows.removeAll { block.block.number(of: $0) <= row } }
        guard !rows.isEmpty else { return }
        state.withLock { state in
            state.queue.append((block, rows[...]))
            state.rows += rows.count
        }
    }

    /// What waits already.
    var waiting: StreamDelivery? {
        guard state.withLock({ $0.head < $0.queue.count }), case .rows(let block, let rows) = take() else { return nil }
        return block.deliver(rows)
    }

    /// What is gone from the log before it could be read.
    func offer(_ gap: Gap) {
        state.withLock { $0.miss(MissedEvents(reason: .gone, count: gap.count, from: gap.from, to: gap.to)) }
        bell.ring()
    }

    /// Nothing happened for a while.
    func tick() {
        state.withLock { $0.isQuiet = true }
        bell.ring()
    }

    func finish() {
        state.withLock { state in
            state.isOver = true
            (state.queue, state.head, state.rows) = ([], 0, 0)
        }
        bell.ring()
    }

    var isOver: Bool { state.withLock { $0.isOver } }

    /// Suspends until there is something; nil when it is over or the task is cancelled.
    func next() async -> StreamDelivery? {
        while !Task.isCancelled {
            let seen = bell.rings
            switch take() {
            case .rows(let block, let rows): return block.deliver(rows)
            case .missed(let missed): return .missed(missed)
            case .quiet(let place): return .quiet(place)
            case .over: return nil
            case .nothing: await bell.wait(after: seen)
            }
        }
        return nil
    }

    private func take() -> Taken {
        state.withLock { state in
            if state.isOver { return .over }
            let wasQuiet = state.isQuiet
            state.isQuiet = false
            guard state.head < state.queue.count else {
                if let missed = state.missed {
                    state.missed = nil
                    return .missed(missed)
                }
                return wasQuiet ? .quiet(state.seen.map { .live($0, row: StreamPlace.everyRow) }) : .nothing
            }
            let (block, rows) = state.queue[state.head]
            let taken = rows.prefix(limits.rowsPerDelivery)
            state.rows -= taken.count
            if taken.count < rows.count {
                state.queue[state.head].rows = rows.dropFirst(taken.count)
            } else {
                state.head += 1
                // What was taken is let go now and then: removing the first each time would move all others.
                if state.head == state.queue.count || state.head >= 32 {
                    state.queue.removeFirst(state.head)
                    state.head = 0
                }
            }
            return .rows(block, taken)
        }
    }
}
