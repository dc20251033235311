import Blocks
import Synchronization
import Telemetry

/// One client's way from the past into the present.
final class FeedSubscription: EventSubscription {
    private enum Phase {
        /// From the search, by time, up to the position at subscription.
        case replaying(EventQuery)
        /// From the log, block by block, behind this position and this row of the block that follows.
        case reading(after: LogPosition, row: UInt32?)
        /// From the feed.
        case live
        case over
    }

    /// Blocks that are read at once while catching up.
    private static let blocksPerRead = 8
    private static let rowsPerPage = 500

    private let feed: EventFeed
    private let client: FeedClient
    private let phase: Mutex<Phase>
    let beginning: StreamPlace
    /// What the client knows of already.
    private let told = Mutex<Gap?>(nil)

    init(of feed: EventFeed, client: FeedClient, query: EventQuery, start: StreamStart, end: LogPosition) {
        (self.feed, self.client) = (feed, client)
        var replay = query
        (replay.newestFirst, replay.limit, replay.offset, replay.end) = (false, Self.rowsPerPage, 0, .distantFuture)
        switch start {
        case .now: beginning = .live(end, row: StreamPlace.everyRow)
        // No row stands at position 0: behind this key is all from the moment on.
        case .since(let moment): beginning = .replay(EventCursor(timestamp: moment, position: 0, row: 0), through: end)
        // A place ahead of the log is one of another log: the client begins now.
        case .behind(.live(let position, _)) where position > end: beginning = .live(end, row: StreamPlace.everyRow)
        case .behind(.replay(let cursor, let through)): beginning = .replay(cursor, through: min(through, end))
        case .behind(let place): beginning = place
        }
        switch beginning {
        case .live(let position, let row) where row == StreamPlace.everyRow || position == 0: phase = Mutex(.reading(after: position, row: nil))
        case .live(let position, let row): phase = Mutex(.reading(after: position - 1, row: row))
        case .replay(let cursor, let through):
            (replay.start, replay.cursor, replay.through) = (cursor.timestamp, cursor, through)
            phase = Mutex(.replaying(replay))
        }
    }

    deinit { feed.leave(client) }

    func cancel() {
        phase.withLock { $0 = .over }
        client.finish()
    }

    @concurrent
    func next() async throws(QueryError) -> StreamDelivery? {
        while !Task.isCancelled, !client.isOver, !feed.isFinished {
            switch phase.withLock({ $0 }) {
            case .over: return nil
            case .live: return await client.next()
            case .replaying(let query):
                if let delivery = try await replay(query) { return delivery }
            case .reading(let position, let row):
                if row == nil, feed.join(client, after: position) {
                    go(to: .live)
                } else if let delivery = client.waiting {
                    return delivery
                } else if let hole = try await read(after: position, row: row) {
                    return hole
                }
            }
        }
        return nil
    }

    /// A page of what is stored; nil when there is no more of it.
    private func replay(_ query: EventQuery) async throws(QueryError) -> StreamDelivery? {
        let page = try await feed.searching.events(query)
        var rest = query
        rest.cursor = page.next
        go(to: page.next == nil ? .reading(after: query.through, row: nil) : .replaying(rest))
        guard !page.events.isEmpty else { return page.next.map { .quiet(.replay($0, through: query.through)) } }
        return .events(zip(page.events, page.keys).map { StreamedEvent($0, at: .replay($1, through: query.through)) })
    }

    /// Puts what matches of the next blocks into the client's queue. When some are gone, that is told first, and they are read the next time.
    private func read(after position: LogPosition, row: UInt32?) async throws(QueryError) -> StreamDelivery? {
        do throws(LogError) {
            let page = try await feed.log.page(after: position, kinds: [.events], limit: Self.blocksPerRead)
            // A gap is told again by each page until the reader has passed it.
            if let gap = page.gap, told.withLock({ $0.replace(with: gap) }) {
                return .missed(MissedEvents(reason: .gone, count: gap.count, from: gap.from, to: gap.to))
            }
            for stored in page.blocks {
                guard let block = try? CachedBlock(stored) else { continue }
                client.put(FeedBlock(block, counting: feed.held), behind: stored.position == position + 1 ? row : nil)
            }
            go(to: .reading(after: page.next, row: nil))
            return nil
        } catch {
            throw .failed(error.description)
        }
    }

    private func go(to next: Phase) {
        phase.withLock { phase in
            if case .over = phase { return }
            phase = next
        }
    }
}

extension Gap? {
    /// True when it is another one than before.
    fileprivate mutating func replace(with gap: Gap) -> Bool {
        defer { self = gap }
        return self != gap
    }
}
