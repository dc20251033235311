import Telemetry

/// What the log should hold, as plain arrays, and what was done to bring it about.
struct LogModel {
    struct Row {
        var event: Event
        var tags: [String]
        var position: LogPosition
        var row: UInt32
        var receivedAt: Timestamp
    }

    /// In the order of commitment.
    var rows: [Row] = []
    /// Events that retention took.
    var deleted = 0
    var alerts: [(name: String, receivedAt: Timestamp)] = []
    var samples: [Sample] = []
    var watermarks: [UUID: [Lane: UInt64]] = [:]
    /// Requests by their keys, with what they were answered.
    var keys: [(key: String, ids: [UUID], at: Timestamp)] = []
    var ownIDs: Set<UUID> = []
    /// All ids ever given.
    var ids: Set<UUID> = []
    /// One line each, for whoever looks at a failure.
    var operations: [String] = []

    /// Rows that a query asks for, in its order.
    func rows(_ query: EventQuery) -> [Row] {
        let found = rows.filter { row in
            let event = row.event
            if let source = query.source, event.source != source { return false }
            if let type = query.type, event.type != type { return false }
            if !query.severities.isEmpty, !query.severities.contains(event.severity) { return false }
            if let least = query.minSeverity, event.severity < least { return false }
            if let host = query.host, event.host != host { return false }
            if let correlation = query.correlationID, event.correlationID != correlation { return false }
            if !query.tags.allSatisfy(row.tags.contains) { return false }
            if let words = query.words {
                let there = Set((event.message ?? "").split(separator: " "))
                if !words.split(separator: " ").allSatisfy(there.contains) { return false }
            }
            return event.timestamp >= query.start && event.timestamp < query.end && row.position <= query.through
        }
        func key(_ row: Row) -> EventCursor { EventCursor(timestamp: row.event.timestamp, position: row.position, row: row.row) }
        return found.sorted { query.newestFirst ? key($0) > key($1) : key($0) < key($1) }
    }
}
