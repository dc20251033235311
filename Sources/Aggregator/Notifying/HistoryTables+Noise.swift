import SQLite
import Telemetry

/// What rules cost people.
extension HistoryTables {
    /// By rule, the noisiest first.
    func noise(from start: Timestamp, to end: Timestamp) throws(SQLiteError) -> [RuleNoise] {
        var tally = NoiseTally(from: start)
        // From an hour before, so that the first episodes are known as flaps too.
        let before = start.advanced(by: .zero - RuleNoise.flapWindow)
        try connection.forEach(
            """
            SELECT alertname, fingerprint, starts_at, ends_at, acknowledged_at IS NOT NULL FROM episode
            WHERE (ends_at IS NULL OR ends_at >= ?) AND starts_at <= ? ORDER BY fingerprint, starts_at
            """,
            [.integer(before.nanoseconds), .integer(end.nanoseconds)]
        ) { (row) throws(SQLiteError) in
            tally.add(
                row.text(0),
                fingerprint: row.unsigned(1),
                startsAt: Timestamp(nanoseconds: row.integer(2)),
                endsAt: row.optionalInteger(3).map { Timestamp(nanoseconds: $0) },
                isAcknowledged: row.integer(4) != 0
            )
            return true
        }
        try connection.forEach(
            """
            SELECT e.alertname, count(DISTINCT d.ordinal), count(DISTINCT CASE WHEN d.status = 'firing' THEN d.ordinal END)
            FROM delivery d JOIN delivery_alert a ON a.delivery = d.id
                JOIN episode e ON e.fingerprint = a.fingerprint AND e.active_at = a.active_at
            WHERE d.created_at BETWEEN ? AND ? GROUP BY e.alertname
            """,
            [.integer(start.nanoseconds), .integer(end.nanoseconds)]
        ) { (row) throws(SQLiteError) in
            tally.add(row.text(0), notifications: Int(row.integer(1)), pages: Int(row.integer(2)))
            return true
        }
        return tally.rules
    }
}
