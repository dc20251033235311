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
    /// What the client knows of already.
    private let told = Mutex<Gap?>(nil)

    init(of feed: EventFeed, client: FeedClient, query: EventQuery, start: StreamStart, end: LogPosition) {
        (self.feed, self.client) = (feed, client)
        var replay = query
        (replay.newestFirst, replay.limit, replay.offset, replay.end) = (false, Self.rowsPerPage, 0, .distantFuture)
        switch start {
        case .now: phase = Mutex(.reading(after: end, row: nil))
        case .since(let moment):
            (replay.start, replay.cursor, replay.through) = (moment, nil, end)
            phase = Mutex(.replaying(replay))
        case .behind(.replay(let cursor, let through)):
            (replay.start, replay.cursor, replay.through) = (cursor.timestamp, cursor, min(through, end))
            phase = Mutex(.replaying(replay))
        case .behind(.live(let position, let row)):
            // A place ahead of the log is one of another log: the client begins now.
            phase = Mutex(position > end ? .reading(after: end, row: nil) : .reading(after: max(position, 1) - 1, row: row))
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
        guard let last = page.events.indices.last else { return page.next == nil ? nil : .quiet }
        return .events(
            page.events.enumerated().map { index, event in
                StreamedEvent(event, at: index == last ? page.next.map { .replay($0, through: query.through) } : nil)
            }
        )
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
