import Blocks
package import Operating
package import Sealing
package import Telemetry

/// Searches of events over the log: newest (or oldest) first, only the arrivals and sealed blocks that can match, only as many as the answer needs. Each
/// search works on a snapshot of the log, on a thread that may block.
package final class EventSearch: EventSearching {
    let log: any LogBrowsing
    let limits: QueryLimits
    let time: any TimeSource
    let cache: SealedCache
    private let threads: SearchThreads

    package init(log: any LogBrowsing, limits: QueryLimits = QueryLimits(), time: any TimeSource) {
        (self.log, self.limits, self.time) = (log, limits, time)
        cache = SealedCache(bytesMax: limits.cacheBytes)
        threads = SearchThreads(count: limits.searchThreads)
    }

    /// A page. When the time is up it is short, and its cursor goes on where the search stopped.
    package func events(_ query: EventQuery) async throws(QueryError) -> EventPage {
        guard (1...1000).contains(query.limit) else { throw .invalid("limit=\(query.limit): write a number from 1 to 1000") }
        guard query.offset >= 0, query.offset <= limits.offsetMax else {
            throw .invalid("offset=\(query.offset): write a number from 0 to \(limits.offsetMax), or use next_cursor")
        }
        guard query.cursor == nil || query.offset == 0 else { throw .invalid("offset and cursor exclude each other: give one of them") }
        guard query.start < query.end else { return EventPage(events: [], next: nil) }
        let matcher = try EventMatcher(query)
        return try await run { (search) throws(QueryError) in
            let found = try search.collect(query, matcher: matcher, count: query.offset + query.limit + 1)
            if let stopped = found.stoppedAt, query.offset > 0 {
                throw .limit(
                    "the search passed over \(found.hits.count) of \(query.offset) rows up to \(stopped.timestamp) and its time was up: "
                        + "narrow start and end, or page with next_cursor"
                )
            }
            let page = Array(found.hits.dropFirst(query.offset).prefix(query.limit))
            let hasMore = found.hits.count > query.offset + query.limit
            return EventPage(events: try search.events(at: page), next: hasMore ? page.last?.key : found.stoppedAt)
        }
    }

    /// Oldest first.
    package func events(correlationID: String, limit: Int) async throws(QueryError) -> [Event] {
        let query = EventQuery(correlationID: correlationID, newestFirst: false)
        let matcher = try EventMatcher(query)
        return try await run { (search) throws(QueryError) in
            let found = try search.collect(query, matcher: matcher, count: limit)
            if let stopped = found.stoppedAt {
                throw .limit(
                    "the search for correlation id \(correlationID) came to \(stopped.timestamp) and its time was up: "
                        + "ask /api/v1/events?correlation_id=… with start and end"
                )
            }
            return try search.events(at: found.hits)
        }
    }

    package func event(id: UUID) async throws(QueryError) -> Event? {
        let place: (position: LogPosition, row: UInt32)?
        do throws(LogError) { place = try await log.place(ofClientID: id) } catch { throw .failed(error.description) }
        return try await run { (search) throws(QueryError) in
            if let place { return try search.event(at: place.position, row: place.row) }
            return try search.event(derivedAs: id)
        }
    }

    /// Runs a search over a snapshot; what it found damaged is set aside before the answer is given.
    func run<Result: Sendable>(_ body: @escaping @Sendable (Search) throws(QueryError) -> Result) async throws(QueryError) -> Result {
        let (catalog, cache) = (log.catalog(), cache)
        let (time, deadline) = (time, time.monotonic() + limits.eventTime)
        let outcome = try await threads.run { () throws(QueryError) in
            let search = Search(catalog: catalog, cache: cache, isTimeUp: { time.monotonic() > deadline || Task.isCancelled })
            return (result: try body(search), damaged: search.damaged)
        }
        for (block, detail) in outcome.damaged { await log.setAside(block, detail: detail) }
        return outcome.result
    }
}
