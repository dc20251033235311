import Answering
import Telemetry

/// The query string of `GET /api/v1/events` as an ``EventQuery``, and cursors as text.
enum EventFilter {
    static let limitMax = 1_000
    static let limitDefault = 100
    /// Rows that `offset` may pass over: behind it a cursor is the cheaper way.
    static let offsetMax = 1_000_000

    private static let known = [
        "source", "source_system", "type", "event_type", "severity", "min_severity", "host", "correlation_id", "tag", "tags", "start", "end", "q",
        "limit", "cursor", "offset", "sort_order",
    ]

    static func query(_ parameters: FormParameters) throws(Problem) -> EventQuery {
        try parameters.refuseOthers(than: known)
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
        (query.start, query.end) = try range(parameters)
        query.words = try parameters.value("q")
        query.limit = try parameters.integer("limit", in: 1...limitMax, default: limitDefault)
        query.offset = try parameters.integer("offset", in: 0...offsetMax, default: 0)
        switch try parameters.value("sort_order") {
        case nil, "desc": query.newestFirst = true
        case "asc": query.newestFirst = false
        case let other?: throw wrong("sort_order", other, "write asc or desc")
        }
        if let text = try parameters.value("cursor") {
            guard let cursor = EventCursor(text: text) else { throw wrong("cursor", text, "give the next_cursor of the page before, unchanged") }
            query.cursor = cursor
            if query.offset > 0 { throw wrong("offset", String(query.offset), "give cursor or offset, not both") }
        }
        return query
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

    private static func wrong(_ name: String, _ value: String, _ remedy: String) -> Problem {
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
