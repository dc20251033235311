import Answering
import Telemetry

/// The query string of `GET /api/v1/events` as an ``EventQuery``, and cursors as text.
enum EventFilter {
    static let limitMax = 1_000
    static let limitDefault = 100
    /// Rows that `offset` may pass over: behind it a cursor is the cheaper way.
    static let offsetMax = 1_000_000

    /// Those that say which events, not when and how many.
    private static let filterNames = [
        "source", "source_system", "type", "event_type", "severity", "min_severity", "host", "correlation_id", "tag", "tags", "q",
    ]

    static func query(_ parameters: FormParameters) throws(Problem) -> EventQuery {
        try parameters.refuseOthers(than: filterNames + ["start", "end", "limit", "cursor", "offset", "sort_order", "fields"])
        var query = try filters(parameters)
        (query.start, query.end) = try range(parameters)
        query.limit = try parameters.integer("limit", in: 1...limitMax, default: limitDefault)
        query.offset = try parameters.integer("offset", in: 0...offsetMax, default: 0)
        query.newestFirst = try isNewestFirst(parameters)
        if let text = try parameters.value("cursor") {
            query.cursor = try cursor(text)
            if query.offset > 0 { throw wrong("offset", String(query.offset), "give cursor or offset, not both") }
        }
        return query
    }

    /// The filters of an export; all rows that match, from `cursor` on.
    static func exportQuery(_ parameters: FormParameters) throws(Problem) -> EventQuery {
        try parameters.refuseOthers(than: filterNames + ["start", "end", "limit", "cursor", "sort_order", "fields"])
        var query = try filters(parameters)
        (query.start, query.end) = try range(parameters)
        query.newestFirst = try isNewestFirst(parameters)
        if let text = try parameters.value("cursor") { query.cursor = try cursor(text) }
        return query
    }

    /// The filters of totals and facets.
    static func countQuery(_ parameters: FormParameters, besides names: [String]) throws(Problem) -> EventQuery {
        try parameters.refuseOthers(than: filterNames + ["start", "end"] + names)
        var query = try filters(parameters)
        (query.start, query.end) = try range(parameters)
        return query
    }

    /// The filters of a live stream.
    static func streamQuery(_ parameters: FormParameters) throws(Problem) -> EventQuery {
        try parameters.refuseOthers(than: filterNames + ["since", "position"])
        return try filters(parameters)
    }

    /// `fields`: members of an event by their names, comma-separated; all when there is none.
    static func fields(_ parameters: FormParameters) throws(Problem) -> [EventField] {
        var wanted = Set<EventField>()
        for name in parameters.values("fields").flatMap({ $0.split(separator: ",") }) {
            guard let field = EventField(rawValue: String(name)) else {
                throw wrong("fields", String(name), "write \(EventField.allCases.map(\.rawValue).joined(separator: ", "))")
            }
            wanted.insert(field)
        }
        return wanted.isEmpty ? EventField.allCases : EventField.allCases.filter(wanted.contains)
    }

    private static func filters(_ parameters: FormParameters) throws(Problem) -> EventQuery {
        var query = EventQuery()
        query.source = try parameters.value("source", "source_system")
        query.type = try parameters.value("type", "event_type")
        for word in parameters.values("severity").flatMap({ $0.split(separator: ",") }) {
            query.severities.insert(try severity(String(word), "severity"))
        }
        if let word = try parameters.value("min_severity") { query.minSeverity = try severity(word, "min_severity") }
        query.host = try parameters.value("host")
        query.correlationID = try parameters.value("correlation_id")
        query.tags = parameters.values("tag", "tags").flatMap { $0.split(separator: ",").map(String.init) }
        query.words = try parameters.value("q")
        return query
    }

    private static func isNewestFirst(_ parameters: FormParameters) throws(Problem) -> Bool {
        switch try parameters.value("sort_order") {
        case nil, "desc": return true
        case "asc": return false
        case let other?: throw wrong("sort_order", other, "write asc or desc")
        }
    }

    private static func cursor(_ text: String) throws(Problem) -> EventCursor {
        guard let cursor = EventCursor(text: text) else { throw wrong("cursor", text, "give the next_cursor of the page before, unchanged") }
        return cursor
    }

    /// `start` inclusive, `end` exclusive.
    static func range(_ parameters: FormParameters) throws(Problem) -> (start: Timestamp, end: Timestamp) {
        let start = try parameters.timestamp("start") ?? .distantPast
        let end = try parameters.timestamp("end") ?? .distantFuture
        guard start <= end else { throw wrong("start", "\(start)", "start lies behind end (\(end)); exchange them") }
        return (start, end)
    }

    private static func severity(_ word: String, _ name: String) throws(Problem) -> Severity {
        guard let severity = Severity(label: word) else { throw wrong(name, word, "write debug, info, warning, error or critical") }
        return severity
    }

    static func wrong(_ name: String, _ value: String, _ remedy: String) -> Problem {
        .malformed("\(name)=\(value): \(remedy)", errors: [Problem.Item(pointer: "?\(name)", detail: remedy)])
    }
}

extension EventCursor {
    /// Three numbers; clients hand it back unchanged.
    var text: String { "\(timestamp.nanoseconds).\(position).\(row)" }

    init?(text: String) {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let nanoseconds = Int64(parts[0]), let position = LogPosition(parts[1]), let row = UInt32(parts[2]) else {
            return nil
        }
        self.init(timestamp: Timestamp(nanoseconds: nanoseconds), position: position, row: row)
    }
}
