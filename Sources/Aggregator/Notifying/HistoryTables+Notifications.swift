import SQLite
import Telemetry

/// Notifications by page.
extension HistoryTables {
    /// The latest first, each with its number for the next page.
    func notifications(_ query: NotificationQuery) throws(SQLiteError) -> [(ordinal: Int64, record: NotificationRecord)] {
        var (conditions, values): ([String], [Value]) = (["1"], [])
        func add(_ condition: String, _ bound: Value) {
            conditions.append(condition)
            values.append(bound)
        }
        if let start = query.start { add("created_at >= ?", .integer(start.nanoseconds)) }
        if let end = query.end { add("created_at <= ?", .integer(end.nanoseconds)) }
        if let state = query.state { add("state = ?", .text(state.rawValue)) }
        if let receiver = query.receiver { add("receiver = ?", .text(receiver)) }
        if let name = query.alertname {
            add(
                """
                id IN (SELECT a.delivery FROM delivery_alert a JOIN episode e
                    ON e.fingerprint = a.fingerprint AND e.active_at = a.active_at WHERE e.alertname = ?)
                """,
                .text(name)
            )
        }
        if let ordinal = query.after { add("ordinal < ?", .integer(ordinal)) }
        let sql = """
            SELECT \(NotificationStore.recordColumns), ordinal FROM delivery WHERE \(conditions.joined(separator: " AND ")) ORDER BY ordinal DESC LIMIT ?
            """
        return try connection.query(sql, values + [.integer(Int64(query.limit))]) { (row) throws(SQLiteError) in
            (row.integer(18), try NotificationStore.record(row))
        }
    }
}
