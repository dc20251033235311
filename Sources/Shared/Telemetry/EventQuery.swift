/// The filters of `GET /api/v1/events`; all that are given must hold.
package struct EventQuery: Sendable, Hashable {
    package var source: String?
    /// Exact, or with a trailing `.*`: `deploy.*` holds for `deploy.finished` and `deploy.rollback.started`, not for `deploy`.
    package var type: String?
    /// Exact ones; empty: any.
    package var severities: Set<Severity>
    package var minSeverity: Severity?
    package var host: String?
    package var correlationID: String?
    /// All must be there.
    package var tags: [String]
    /// Inclusive.
    package var start: Timestamp
    /// Exclusive.
    package var end: Timestamp
    /// Whole words, "phrases" and -words, case-insensitive, in `message` and in the string values of `data`: every word and phrase must occur, none
    /// of those behind a `-`.
    package var words: String?
    /// 1…1000.
    package var limit: Int
    package var newestFirst: Bool
    package var cursor: EventCursor?
    /// Rows to pass over first; for clients that page by number. Not together with `cursor`.
    package var offset: Int
    /// Rows that were stored at a later position are left out: a stream's replay ends where its live part begins.
    package var through: LogPosition

    package init(
        source: String? = nil,
        type: String? = nil,
        severities: Set<Severity> = [],
        minSeverity: Severity? = nil,
        host: String? = nil,
        correlationID: String? = nil,
        tags: [String] = [],
        start: Timestamp = .distantPast,
        end: Timestamp = .distantFuture,
        words: String? = nil,
        limit: Int = 100,
        newestFirst: Bool = true,
        cursor: EventCursor? = nil,
        offset: Int = 0,
        through: LogPosition = .max
    ) {
        (self.source, self.type, self.severities, self.minSeverity) = (source, type, severities, minSeverity)
        (self.host, self.correlationID, self.tags, self.start, self.end) = (host, correlationID, tags, start, end)
        (self.words, self.limit, self.newestFirst, self.cursor, self.offset) = (words, limit, newestFirst, cursor, offset)
        self.through = through
    }
}

/// The key of the last row of a page: the next page begins behind it, also while data arrives.
package struct EventCursor: Sendable, Hashable, Comparable {
    package var timestamp: Timestamp
    package var position: LogPosition
    package var row: UInt32

    package init(timestamp: Timestamp, position: LogPosition, row: UInt32) {
        (self.timestamp, self.position, self.row) = (timestamp, position, row)
    }

    package static func < (a: EventCursor, b: EventCursor) -> Bool {
        (a.timestamp.nanoseconds, a.position, a.row) < (b.timestamp.nanoseconds, b.position, b.row)
    }
}

/// One page; a page may be short, only a nil `next` ends the list. Each event carries its id.
package struct EventPage: Sendable, Hashable {
    package var events: [Event]
    package var next: EventCursor?
    /// The events' own keys: a page can begin behind each of them.
    package var keys: [EventCursor]

    package init(events: [Event], next: EventCursor?, keys: [EventCursor] = []) { (self.events, self.next, self.keys) = (events, next, keys) }
}

/// Totals over a time range.
package struct EventStatistics: Sendable, Hashable {
    package var total: Int
    package var bySource: [String: Int]
    package var byType: [String: Int]
    package var bySeverity: [Severity: Int]
    package var byHost: [String: Int]
    package var start: Timestamp
    package var end: Timestamp
    /// Width of the buckets; nil: none were asked for.
    package var interval: Duration?
    /// Earliest first; those without a row are left out.
    package var buckets: [EventBucket]

    package init(
        total: Int = 0,
        bySource: [String: Int] = [:],
        byType: [String: Int] = [:],
        bySeverity: [Severity: Int] = [:],
        byHost: [String: Int] = [:],
        start: Timestamp,
        end: Timestamp,
        interval: Duration? = nil,
        buckets: [EventBucket] = []
    ) {
        (self.total, self.bySource, self.byType, self.bySeverity, self.byHost) = (total, bySource, byType, bySeverity, byHost)
        (self.start, self.end, self.interval, self.buckets) = (start, end, interval, buckets)
    }
}

/// Rows of one stretch of time.
package struct EventBucket: Sendable, Hashable {
    /// A multiple of the interval since the epoch.
    package var start: Timestamp
    package var total: Int
    package var bySeverity: [Severity: Int]

    package init(start: Timestamp, total: Int, bySeverity: [Severity: Int]) {
        (self.start, self.total, self.bySeverity) = (start, total, bySeverity)
    }
}

/// What has few enough different values to be counted by.
package enum EventFacet: String, Sendable, Hashable, CaseIterable { case source, type, severity, host, tag }

/// Values of a facet in the rows of a query, the most frequent first.
package struct EventFacetCounts: Sendable, Hashable {
    package struct Value: Sendable, Hashable {
        package var value: String
        package var count: Int

        package init(value: String, count: Int) { (self.value, self.count) = (value, count) }
    }

    package var facet: EventFacet
    package var values: [Value]
    /// Different values, also those beyond the limit.
    package var distinct: Int
    /// Rows.
    package var total: Int

    package init(facet: EventFacet, values: [Value], distinct: Int, total: Int) {
        (self.facet, self.values, self.distinct, self.total) = (facet, values, distinct, total)
    }
}

/// What Querying answers and Serving shows.
package protocol EventSearching: Sendable {
    func events(_ query: EventQuery) async throws(QueryError) -> EventPage
    func event(id: UUID) async throws(QueryError) -> Event?
    /// Oldest first, at most `limit`.
    func events(correlationID: String, limit: Int) async throws(QueryError) -> [Event]
    /// Totals of the rows that match; limit, cursor and offset count nothing here.
    /// - Parameter interval: also by stretches of time of this length; a whole number of milliseconds.
    func statistics(_ query: EventQuery, interval: Duration?) async throws(QueryError) -> EventStatistics
    /// Values of a facet in the rows that match, the `limit` most frequent.
    func facets(_ query: EventQuery, by facet: EventFacet, limit: Int) async throws(QueryError) -> EventFacetCounts
    /// The next step of an export: as ``events(_:)``, but with as many rows as Querying reads at once; `limit` and `offset` count nothing.
    func exported(_ query: EventQuery) async throws(QueryError) -> EventPage
}

extension EventSearching {
    package func statistics(from start: Timestamp, to end: Timestamp) async throws(QueryError) -> EventStatistics {
        try await statistics(EventQuery(start: start, end: end), interval: nil)
    }
}

/// Why a query has no answer.
package enum QueryError: Error, Sendable, Hashable, CustomStringConvertible {
    /// The query itself is wrong: the sentence says what and what to write.
    case invalid(String)
    /// A limit (rows, bytes, time) was reached; the sentence names it and says how to narrow the query.
    case limit(String)
    case failed(String)

    package var description: String {
        switch self {
        case .invalid(let detail), .limit(let detail), .failed(let detail): detail
        }
    }
}
