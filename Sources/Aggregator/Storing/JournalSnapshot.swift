import SQLite
import Sealing
import Telemetry

/// The journal as it was at one moment, for tools: read without changing anything, while an aggregator may be writing. The moment lasts until ``close()``; the
/// journal's WAL grows meanwhile.
///
/// Blocking; one thread.
final class JournalSnapshot {
    let connection: Connection
    let segments: [SegmentRow]
    /// With those that were set aside.
    let sealed: [(row: SealedRow, setAside: String?)]
    let groups: [WordGroupRow]
    let end: LogPosition
    private let tables: LogTables

    /// - Throws: `.newerSchema` and `.foreignFile`; and for a file of an older version, which the aggregator migrates at its start.
    init(_ path: String) throws(SQLiteError) {
        connection = try Connection(path: path, options: .readOnly)
        try LogSchema.migrations.requireCurrent(connection)
        try connection.execute("BEGIN")
        tables = try LogTables(reading: connection, config: StorageConfig(path: path))
        segments = try tables.segments()
        groups = try tables.wordGroups()
        end = tables.end
        sealed = try connection.query(
            """
            SELECT number, segment, start, length, kind, resolution, rows, from_ns, to_ns, first, last, set_aside FROM sealed
            ORDER BY segment, start
            """
        ) { (row) throws(SQLiteError) in SealedRow(row).map { ($0, row.isNull(11) ? nil : row.text(11)) } }.compactMap { $0 }
    }

    /// Arrivals that are not sealed yet and were not set aside, decoded and verified.
    func arrivals(after position: LogPosition, bytesMax: Int) throws(SQLiteError) -> [BlockRow] {
        try tables.loadArrivals(after: position, bytesMax: bytesMax)
    }

    /// How many arrivals were found damaged before.
    func arrivalsSetAside() throws(SQLiteError) -> Int {
        try connection.first("SELECT count(*) FROM set_aside") { (row) throws(SQLiteError) in Int(row.integer(0)) } ?? 0
    }

    func close() throws(SQLiteError) { try connection.execute("COMMIT") }
}
