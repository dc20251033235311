import SQLite
import Telemetry

/// The room's own SQLite file: where the log was read up to, and what was counted until there. Both change in one transaction, so an event is counted once,
/// whatever dies when. Used by one actor at a time; calls block.
final class CountingStore {
    static let migrations = Migrations(
        applicationID: 0x5463_6E74,  // "Tcnt"
        steps: [
            """
            CREATE TABLE progress (one INTEGER PRIMARY KEY CHECK (one = 1), cursor INTEGER NOT NULL) STRICT;
            INSERT INTO progress VALUES (1, 0);
            CREATE TABLE series (
                source TEXT NOT NULL, type TEXT NOT NULL, host TEXT NOT NULL, severity INTEGER NOT NULL, late INTEGER NOT NULL,
                total INTEGER NOT NULL, grew_at INTEGER NOT NULL,
                PRIMARY KEY (source, type, host, severity, late)
            ) STRICT, WITHOUT ROWID;
            """
        ]
    )

    private let connection: Connection

    init(path: String) throws(SQLiteError) {
        connection = try Connection(path: path)
        try Self.migrations.apply(to: connection)
    }

    func load() throws(SQLiteError) -> (cursor: LogPosition, counts: [EventCounts.Key: EventCounts.Count]) {
        let cursor = try connection.first("SELECT cursor FROM progress") { (row) throws(SQLiteError) in row.unsigned(0) }
        guard let cursor else { throw connection.corruption("the row of table progress is missing") }
        let sql = "SELECT source, type, host, severity, late, total, grew_at FROM series"
        let rows = try connection.query(sql) { (row) throws(SQLiteError) -> (EventCounts.Key, EventCounts.Count) in
            guard let severity = Severity(rawValue: UInt8(truncatingIfNeeded: row.integer(3))) else {
                throw self.connection.corruption("severity \(row.integer(3)) is unknown")
            }
            let key = EventCounts.Key(
                source: row.text(0),
                type: row.text(1),
                host: row.text(2),
                severity: severity,
                isLate: row.integer(4) != 0
            )
            return (key, EventCounts.Count(total: row.unsigned(5), grewAt: Timestamp(nanoseconds: row.integer(6))))
        }
        return (cursor, Dictionary(rows) { first, _ in first })
    }

    /// Position and counts, all or nothing.
    func write(_ changes: [EventCounts.Key: EventCounts.Count?], cursor: LogPosition) throws(SQLiteError) {
        try connection.transaction { () throws(SQLiteError) in
            for (key, count) in changes {
                let place: [Value] = [
                    .text(key.source), .text(key.type), .text(key.host), .integer(Int64(key.severity.rawValue)), .integer(key.isLate ? 1 : 0),
                ]
                guard let count else {
                    try connection.execute("DELETE FROM series WHERE source = ? AND type = ? AND host = ? AND severity = ? AND late = ?", place)
                    continue
                }
                try connection.execute(
                    "INSERT OR REPLACE INTO series VALUES (?, ?, ?, ?, ?, ?, ?)",
                    place + [.unsigned(count.total), .integer(count.grewAt.nanoseconds)]
                )
            }
            try connection.execute("UPDATE progress SET cursor = ?", [.unsigned(cursor)])
        }
    }
}
