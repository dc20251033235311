import Explaining
import SQLite
import Telemetry

/// What of the history goes.
extension NotificationStore {
    /// Deletes what is older than its retention, and of the rest the oldest tenth while the file is larger than it may be. In transactions of
    /// its own: nothing follows from it.
    func prune(_ config: HistoryConfig, at now: Timestamp) throws(SQLiteError) {
        try forget(before: now.advanced(by: .zero - config.retention), config)
        while try bytesInUse > config.maxSize {
            let count = try connection.first("SELECT count(*) FROM decision") { (row) throws(SQLiteError) in row.integer(0) } ?? 0
            let moment = try connection.first("SELECT at FROM decision ORDER BY at LIMIT 1 OFFSET ?", [.integer(max(1, count / 10))]) {
                (row) throws(SQLiteError) in Timestamp(nanoseconds: row.integer(0))
            }
            // What is left belongs to alerts that fire and to deliveries under way.
            guard let moment, try forget(before: moment, config) else { return }
        }
    }

    /// True when something was deleted.
    @discardableResult
    private func forget(before moment: Timestamp, _ config: HistoryConfig) throws(SQLiteError) -> Bool {
        try connection.transaction { () throws(SQLiteError) in
            let before = try rows
            let bound = [Value.integer(moment.nanoseconds)]
            try DecisionTable.prune(before: moment, perAlertMax: config.decisionsPerAlert, in: connection)
            try connection.execute("DELETE FROM episode WHERE ends_at < ?", bound)
            try connection.execute(
                "DELETE FROM delivery_alert WHERE delivery IN (SELECT id FROM delivery WHERE state != 'pending' AND finished_at < ?)",
                bound
            )
            try connection.execute("DELETE FROM delivery WHERE state != 'pending' AND finished_at < ?", bound)
            return try rows < before
        }
    }

    private var rows: Int64 {
        get throws(SQLiteError) {
            let sql = "SELECT (SELECT count(*) FROM decision) + (SELECT count(*) FROM episode) + (SELECT count(*) FROM delivery)"
            return try connection.first(sql) { (row) throws(SQLiteError) in row.integer(0) } ?? 0
        }
    }

    /// Pages that hold something: free ones are used again.
    private var bytesInUse: UInt64 {
        get throws(SQLiteError) {
            let pages = try connection.pragma("page_count") - connection.pragma("freelist_count")
            return UInt64(max(0, pages)) * UInt64(try connection.pragma("page_size"))
        }
    }
}
