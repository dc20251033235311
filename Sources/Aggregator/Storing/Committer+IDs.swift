import SQLite
import Telemetry

/// Clients' own event ids are remembered for a time, not as long as their events: an entry each would outweigh the event itself. Behind it an event is still found
/// by its id, by looking into the blocks.
extension Committer {
    /// Entries that one step looks at: some 10 ms in which no request is committed.
    private static let idsPerStep = 10_000

    /// One step: the table is gone through from its beginning to its end whenever a mark has become old enough, for it has no index by age; that would cost
    /// each commit more than this costs now and then. Returns whether there is more to do.
    func forgetIDs(at now: Timestamp) throws(LogError) -> Bool {
        let (retention, from) = (config.idRetention, idSweep)
        idSweep = try maintain("ids") { (tables: LogTables) throws(SQLiteError) -> [UInt8]? in
            try tables.mark(at: now, interval: retention / 24)
            guard let through = try tables.forgettable(before: now.advanced(by: .zero - retention)) else { return nil }
            return try tables.forgetIDs(through: through, from: from ?? [], count: Self.idsPerStep)
        }
        return idSweep != nil
    }

    func idsForgotten() throws(LogError) -> LogPosition {
        let tables = try openTables()
        do { return try tables.idsForgotten() } catch { throw failure(error) }
    }
}

extension LogTables {
    func mark(at now: Timestamp, interval: Duration) throws(SQLiteError) {
        let last = try connection.first("SELECT max(noted_ns) FROM id_marks") { (row) throws(SQLiteError) in Timestamp(nanoseconds: row.integer(0)) }
        // A clock that was set back begins anew; a mark from its future would be kept for long, which forgets nothing too early.
        if let last, last.advanced(by: interval) > now { return }
        try connection.execute("INSERT OR REPLACE INTO id_marks VALUES (?, ?)", [.integer(now.nanoseconds), .unsigned(end)])
    }

    /// The position up to which ids may go; nil: none are due. The mark stays until the table was gone through.
    func forgettable(before moment: Timestamp) throws(SQLiteError) -> LogPosition? {
        try connection.first(
            "SELECT position FROM id_marks WHERE noted_ns <= ? ORDER BY noted_ns DESC LIMIT 1",
            [.integer(moment.nanoseconds)]
        ) { (row) throws(SQLiteError) in row.unsigned(0) }
    }

    /// Deletes ids of events up to a position, among the next entries behind `from`. Returns where the next step begins; nil: it is done.
    func forgetIDs(through position: LogPosition, from: [UInt8], count: Int) throws(SQLiteError) -> [UInt8]? {
        let last = try connection.first(
            "SELECT id FROM client_ids WHERE id > ? ORDER BY id LIMIT 1 OFFSET ?",
            [.blob(from), .integer(Int64(count))]
        ) { (row) throws(SQLiteError) in row.blob(0) }
        try connection.execute(
            "DELETE FROM client_ids WHERE id > ? AND id <= ? AND position <= ?",
            [.blob(from), .blob(last ?? [UInt8](repeating: 0xFF, count: 17)), .unsigned(position)]
        )
        // With the first of them already: from then on blocks are looked into.
        try connection.execute(
            "INSERT INTO meta VALUES ('ids_forgotten', ?1) ON CONFLICT (key) DO UPDATE SET value = max(value, ?1)",
            [.unsigned(position)]
        )
        if let last { return last }
        try connection.execute("DELETE FROM id_marks WHERE position <= ?", [.unsigned(position)])
        return nil
    }

    /// Ids of events up to here may be forgotten.
    func idsForgotten() throws(SQLiteError) -> LogPosition {
        try connection.first("SELECT value FROM meta WHERE key = 'ids_forgotten'") { (row) throws(SQLiteError) in row.unsigned(0) } ?? 0
    }
}
