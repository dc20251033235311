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
    /// Whole words, case-insensitive, in `message` and in the string values of `data`; every word must occur.
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

    package init(events: [Event], next: EventCursor?) { (self.events, self.next) = (events, next) }
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

    package init(
        total: Int = 0,
        bySource: [String: Int] = [:],
        byType: [String: Int] = [:],
        bySeverity: [Severity: Int] = [:],
        byHost: [String: Int] = [:],
        start: Timestamp,
        end: Timestamp
    ) {
        (self.total, self.bySource, self.byType, self.bySeverity, self.byHost) = (total, bySource, byType, bySeverity, byHost)
        (self.start, self.end) = (start, end)
    }
}

/// What Querying answers and Serving shows.
package protocol EventSearching: Sendable {
    func events(_ query: EventQuery) async throws(QueryError) -> EventPage
    func event(id: UUID) async throws(QueryError) -> Event?
    /// Oldest first, at most `limit`.
    func events(correlationID: String, limit: Int) async throws(QueryError) -> [Event]
    func statistics(from start: Timestamp, to end: Timestamp) async throws(QueryError) -> EventStatistics
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
