import Blocks
package import Operating
package import Telemetry

/// Searches of events over the log: newest (or oldest) blocks first, only those that can match, only as many as the answer needs.
package final class EventSearch: EventSearching {
    /// Entries that are asked for at once.
    private static let entriesPerPage = 128
    /// Blocks that are read at once; a first page mostly needs one.
    private static let blocksPerRead = 16

    let log: any LogCatalog
    let limits: QueryLimits
    let time: any TimeSource
    private let cache: BlockCache

    package init(log: any LogCatalog, limits: QueryLimits = QueryLimits(), time: any TimeSource) {
        (self.log, self.limits, self.time) = (log, limits, time)
        cache = BlockCache(bytesMax: limits.cacheBytes)
    }

    /// A page. When the time is up it is short, and its cursor goes on where the search stopped.
    @concurrent
    package func events(_ query: EventQuery) async throws(QueryError) -> EventPage {
        guard (1...1000).contains(query.limit) else { throw .invalid("limit=\(query.limit): write a number from 1 to 1000") }
        guard query.offset >= 0, query.offset <= limits.offsetMax else {
            throw .invalid("offset=\(query.offset): write a number from 0 to \(limits.offsetMax), or use next_cursor")
        }
        guard query.cursor == nil || query.offset == 0 else { throw .invalid("offset and cursor exclude each other: give one of them") }
        guard query.start < query.end else { return EventPage(events: [], next: nil) }
        let found = try await collect(query, matcher: EventMatcher(query), count: query.offset + query.limit + 1)
        if let stopped = found.stoppedAt, query.offset > 0 {
            throw .limit(
                "the search passed over \(found.hits.count) of \(query.offset) rows up to \(stopped.timestamp) and its time was up: "
                    + "narrow start and end, or page with next_cursor"
            )
        }
        let page = found.hits.dropFirst(query.offset).prefix(query.limit)
        let hasMore = found.hits.count > query.offset + query.limit
        return EventPage(events: try await events(at: Array(page)), next: hasMore ? page.last : found.stoppedAt)
    }

    /// Oldest first.
    @concurrent
    package func events(correlationID: String, limit: Int) async throws(QueryError) -> [Event] {
        let query = EventQuery(correlationID: correlationID, newestFirst: false)
        let found = try await collect(query, matcher: EventMatcher(query), count: limit)
        if let stopped = found.stoppedAt {
            throw .limit(
                "the search for correlation id \(correlationID) came to \(stopped.timestamp) and its time was up: "
                    + "ask /api/v1/events?correlation_id=… with start and end"
            )
        }
        return try await events(at: found.hits)
    }

    @concurrent
    package func event(id: UUID) async throws(QueryError) -> Event? {
        do throws(LogError) {
            if let place = try await log.place(ofClientID: id) {
                guard let block = try await blocks(at: [place.position]).first, Int(place.row) < block.events.count else { return nil }
                return block.event(at: Int(place.row))
            }
            // An id that the aggregator gave says its millisecond, and there the row's own id is computed again.
            guard let millisecond = id.millisecond, millisecond < Int64.max / 1_000_000 - 1 else { return nil }
            let (start, end) = (Timestamp(milliseconds: millisecond), Timestamp(milliseconds: millisecond + 1))
            var last: BlockEntry?
            while true {
                let entries = try await log.entries(
                    overlapping: start,
                    end,
                    kinds: [.events],
                    newestFirst: true,
                    behind: last,
                    limit: Self.entriesPerPage
                )
                for chunk in entries.chunks(of: Self.blocksPerRead) {
                    for block in try await blocks(at: chunk.map(\.position)) {
                        for row in 0..<block.events.count where Timestamp(nanoseconds: block.events.timestamps[row]).milliseconds == millisecond {
                            if block.events.ids[UInt32(row)] == nil, block.id(of: row) == id { return block.event(at: row) }
                        }
                    }
                }
                guard let next = entries.last else { return nil }
                last = next
            }
        } catch {
            throw .failed(error.description)
        }
    }

    // MARK: The search

    /// The rows as events, in this order; a row whose block is gone meanwhile is left out.
    private func events(at places: [EventCursor]) async throws(QueryError) -> [Event] {
        var events = [EventCursor: Event](minimumCapacity: places.count)
        let rows = Dictionary(grouping: places, by: \.position)
        do throws(LogError) {
            for chunk in rows.keys.sorted().chunks(of: Self.blocksPerRead) {
                for block in try await blocks(at: Array(chunk)) {
                    for place in rows[block.position] ?? [] { events[place] = block.event(at: Int(place.row)) }
                }
            }
        } catch {
            throw .failed(error.description)
        }
        return places.compactMap { events[$0] }
    }

    /// The best `count` rows in the query's order, behind its cursor. `stoppedAt`: the time was up, and all rows up to there are in it.
    private func collect(_ query: EventQuery, matcher: EventMatcher, count: Int) async throws(QueryError) -> (
        hits: [EventCursor], stoppedAt: EventCursor?
    ) {
        do throws(LogError) {
            return try await search(query, matcher: matcher, count: count)
        } catch {
            throw .failed(error.description)
        }
    }

    private func search(_ query: EventQuery, matcher: EventMatcher, count: Int) async throws(LogError) -> (
        hits: [EventCursor], stoppedAt: EventCursor?
    ) {
        let newestFirst = query.newestFirst
        var (start, end) = (query.start, query.end)
        if let cursor = query.cursor {
            if newestFirst, cursor.timestamp < end { end = Timestamp(nanoseconds: cursor.timestamp.nanoseconds &+ 1) }
            if !newestFirst { start = max(start, cursor.timestamp) }
        }
        guard start < end else { return ([], nil) }
        let deadline = time.monotonic() + limits.eventTime
        var ranking = Ranking(count: count, newestFirst: newestFirst, cursor: query.cursor)
        var last: BlockEntry?
        var chunkSize = 1
        while true {
            let page = try await log.entries(
                overlapping: start,
                end,
                kinds: [.events],
                newestFirst: newestFirst,
                behind: last,
                limit: Self.entriesPerPage
            )
            guard let lastOfPage = page.last else { return (ranking.finish(), nil) }
            var next = page.startIndex
            while next < page.endIndex {
                // Blocks come by their first row in the query's order: once that is worse than the last row wanted, none can be better.
                let edge = newestFirst ? page[next].to : page[next].from
                if ranking.isComplete(before: edge) { return (ranking.finish(), nil) }
                if time.monotonic() > deadline, let stopped = ranking.stop(before: edge, since: query.cursor) { return stopped }
                var chunk = [BlockEntry]()
                while next < page.endIndex, chunk.count < chunkSize {
                    if matcher.mayMatch(page[next]) { chunk.append(page[next]) }
                    next += 1
                }
                for block in try await blocks(at: chunk.map(\.position)) {
                    for row in matcher.rows(of: block, from: start, to: end) {
                        let time = Timestamp(nanoseconds: block.events.timestamps[row])
                        ranking.insert(EventCursor(timestamp: time, position: block.position, row: UInt32(row)))
                    }
                }
                chunkSize = min(chunkSize * 2, Self.blocksPerRead)
                await Task.yield()
            }
            last = lastOfPage
        }
    }

    /// Blocks by position, from the cache or the log; what is gone meanwhile, or damaged, is left out.
    func blocks(at positions: [LogPosition]) async throws(LogError) -> [CachedBlock] {
        var found = [LogPosition: CachedBlock]()
        for position in positions { found[position] = cache.block(at: position) }
        let missing = positions.filter { found[$0] == nil }
        if !missing.isEmpty {
            for stored in try await log.blocks(at: missing) {
                guard let block = try? CachedBlock(stored) else { continue }
                cache.insert(block)
                found[stored.position] = block
            }
        }
        return positions.compactMap { found[$0] }
    }

    /// The best rows so far, by their places: blocks are not held.
    private struct Ranking {
        let count: Int
        let newestFirst: Bool
        let cursor: EventCursor?
        private var hits: [EventCursor] = []
        private var isSorted = true
        /// The worst of a full ranking: what is not better need not be kept.
        private var worst: EventCursor?

        init(count: Int, newestFirst: Bool, cursor: EventCursor?) { (self.count, self.newestFirst, self.cursor) = (count, newestFirst, cursor) }

        private func precedes(_ a: EventCursor, _ b: EventCursor) -> Bool { newestFirst ? a > b : a < b }

        mutating func insert(_ key: EventCursor) {
            if let cursor, !precedes(cursor, key) { return }
            if let worst, !precedes(key, worst) { return }
            hits.append(key)
            isSorted = false
            if hits.count >= count * 2 + 64 { trim() }
        }

        private mutating func trim() {
            if !isSorted { hits.sort(by: precedes) }
            isSorted = true
            if hits.count > count { hits.removeLast(hits.count - count) }
            if hits.count == count { worst = hits.last }
        }

        /// Whether no row at or behind `edge` can be among the best.
        mutating func isComplete(before edge: Timestamp) -> Bool {
            guard hits.count >= count else { return false }
            trim()
            guard let worst else { return count == 0 }
            return newestFirst ? worst.timestamp > edge : worst.timestamp < edge
        }

        mutating func finish() -> [EventCursor] {
            trim()
            return hits
        }

        /// What is certain when the search stops before blocks whose first row is at `edge`. Nil when that would be no step forward.
        mutating func stop(before edge: Timestamp, since cursor: EventCursor?) -> (hits: [EventCursor], stoppedAt: EventCursor?)? {
            let place =
                newestFirst
                ? EventCursor(timestamp: edge, position: .max, row: .max) : EventCursor(timestamp: edge, position: 0, row: 0)
            if let cursor, !precedes(cursor, place) { return nil }
            trim()
            return (hits.filter { precedes($0, place) }, place)
        }
    }
}

extension Array {
    func chunks(of size: Int) -> [ArraySlice<Element>] {
        stride(from: 0, to: count, by: size).map { self[$0..<Swift.min($0 + size, count)] }
    }
}
