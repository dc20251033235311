package import Operating
package import Sealing
package import Telemetry

/// Searches of events over the log: newest (or oldest) blocks first, only those that can match, only as many as the answer needs. Each query works on
/// a snapshot, on a thread that may block.
package final class EventSearch: EventSearching {
    let log: any LogBrowsing
    let limits: QueryLimits
    let time: any TimeSource
    let cache: DirectoryCache
    private let threads: SearchThreads

    package init(log: any LogBrowsing, limits: QueryLimits = QueryLimits(), time: any TimeSource) {
        (self.log, self.limits, self.time) = (log, limits, time)
        cache = DirectoryCache(directoryBytesMax: limits.directoryBytes, digestBytesMax: limits.digestBytes)
        threads = SearchThreads(limits.searchThreads)
    }

    /// A page. When the time is up it is short, and its cursor goes on where the search stopped.
    @concurrent
    package func events(_ query: EventQuery) async throws(QueryError) -> EventPage {
        guard (1...1000).contains(query.limit) else { throw .invalid("limit=\(query.limit): write a number from 1 to 1000") }
        guard query.offset >= 0, query.offset <= limits.offsetMax else {
            throw .invalid("offset=\(query.offset): write a number from 0 to \(limits.offsetMax), or use next_cursor")
        }
        guard query.cursor == nil || query.offset == 0 else { throw .invalid("offset and cursor exclude each other: give one of them") }
        return try await page(query)
    }

    @concurrent
    package func exported(_ query: EventQuery) async throws(QueryError) -> EventPage {
        var query = query
        (query.limit, query.offset) = (limits.exportRows, 0)
        return try await page(query)
    }

    /// Oldest first.
    @concurrent
    package func events(correlationID: String, limit: Int) async throws(QueryError) -> [Event] {
        let query = EventQuery(correlationID: correlationID, newestFirst: false)
        return try await scan(query, count: limit) { result throws(QueryError) in
            if let stopped = result.stoppedAt {
                throw .limit(
                    "the search for correlation id \(correlationID) came to \(stopped.timestamp) and its time was up: "
                        + "ask /api/v1/events?correlation_id=… with start and end"
                )
            }
            return try result.events(result.hits).events
        }
    }

    // MARK: The search

    private func page(_ query: EventQuery) async throws(QueryError) -> EventPage {
        guard query.start < query.end else { return EventPage(events: [], next: nil) }
        return try await scan(query, count: query.offset + query.limit + 1) { result throws(QueryError) in
            if let stopped = result.stoppedAt, query.offset > 0 {
                throw .limit(
                    "the search passed over \(result.hits.count) of \(query.offset) rows up to \(stopped.timestamp) and its time was up: "
                        + "narrow start and end, or page with next_cursor"
                )
            }
            let page = result.hits.dropFirst(query.offset).prefix(query.limit)
            let hasMore = result.hits.count > query.offset + query.limit
            let (events, keys) = try result.events(page)
            return EventPage(events: events, next: hasMore ? page.last?.key : result.stoppedAt, keys: keys)
        }
    }

    private func scan<Answer: Sendable>(
        _ query: EventQuery,
        count: Int,
        _ answer: @escaping @Sendable (inout EventScan.Result) throws(QueryError) -> Answer
    ) async throws(QueryError) -> Answer {
        let matcher = try EventMatcher(query)
        return try await onThread { catalog, isTimeUp, damaged throws(QueryError) in
            var scan = EventScan(query, matcher, count: count, cache: self.cache, isTimeUp: isTimeUp)
            var result = try scan.run(over: catalog)
            let found = try answer(&result)
            damaged = result.damaged
            return found
        }
    }

    /// Asks on a thread that may block; blocks that turn out to be damaged are told to the log.
    func onThread<Answer: Sendable>(
        _ body:
            @escaping @Sendable (_ catalog: Catalog, _ isTimeUp: @escaping () -> Bool, _ damaged: inout [DamagedBlock]) throws(QueryError) -> Answer
    ) async throws(QueryError) -> Answer {
        let deadline = time.monotonic() + limits.eventTime
        let (log, time) = (log, time)
        let (answer, damaged) = try await threads.run { () throws(QueryError) -> (Answer, [DamagedBlock]) in
            var damaged = [DamagedBlock]()
            let answer = try body(log.catalog(), { time.monotonic() > deadline || Task.isCancelled }, &damaged)
            return (answer, damaged)
        }
        for block in damaged { await log.setAside(block.block, detail: block.detail) }
        return answer
    }
}
