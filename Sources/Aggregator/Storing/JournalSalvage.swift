import SQLite
import Sealing
import Telemetry

/// What can still be read of a journal that was set aside: table by table, from both ends, up to what is damaged. Only reads.
struct JournalSalvage {
    struct Watermark {
        var agent: UUID
        var lane: Lane
        var sequence: UInt64
        var checksum: UInt64
    }

    private let connection: Connection?
    /// Tables that could not be read to their end, by name.
    private(set) var unreadable: [String] = []

    /// - Parameter path: nil, or a file that is no database any more: nothing can be read.
    init(_ path: String?) {
        connection = path.flatMap { path in
            // What a crash left in its WAL is taken back by SQLite, for which it must be able to write.
            var options = ConnectionOptions()
            options.access = .readWrite
            options.keepsWAL = true
            return try? Connection(path: path, options: options)
        }
        if connection == nil { unreadable = ["all"] }
    }

    var isReadable: Bool { connection != nil }

    /// How often the log was opened, and a position at or above each that was given out of what is sealed.
    mutating func numbers() -> (opens: UInt64, position: LogPosition)? {
        var found: [String: UInt64] = [:]
        forEach("meta", "SELECT key, value FROM meta WHERE key IN ('opens', 'position')", order: "key") { row in
            found[row.text(0)] = row.unsigned(1)
        }
        guard let opens = found["opens"], let position = found["position"], opens < 1 << 24, position < 1 << 62 else { return nil }
        return (opens, position)
    }

    /// Watermarks that a remembered checksum confirms: a bit that turned would make the log take what is new for a repeat.
    mutating func watermarks() -> [Watermark] {
        var marks: [Watermark] = []
        forEach(
            "watermarks",
            """
            SELECT w.agent, w.lane, w.sequence, s.checksum FROM watermarks w
            JOIN sequences s ON s.agent = w.agent AND s.lane = w.lane AND s.sequence = w.sequence
            """,
            order: "w.agent"
        ) { row in
            guard let agent = UUID(bytes: row.blob(0)), let lane = Lane(rawValue: UInt8(clamping: row.integer(1))) else { return }
            if marks.contains(where: { $0.agent == agent && $0.lane == lane }) { return }
            marks.append(Watermark(agent: agent, lane: lane, sequence: row.unsigned(2), checksum: row.unsigned(3)))
        }
        return marks
    }

    /// Arrivals whose checksums hold, in the order of their positions.
    mutating func arrivals() -> [StoredBlock] {
        var found: [LogPosition: StoredBlock] = [:]
        forEach(
            "arrivals",
            "SELECT \(BlockRow.columns) FROM \(BlockRow.tables) WHERE b.position NOT IN (SELECT position FROM set_aside)",
            order: "b.position"
        ) { row in
            if case .block(let block) = BlockRow.decode(row) { found[block.position] = block }
        }
        return found.values.sorted { $0.position < $1.position }
    }

    /// Rows as they are, for tables that are only carried over.
    mutating func rows(_ table: String, _ columns: String) -> [[Value]] {
        var rows: [[Value]] = []
        forEach(table, "SELECT \(columns) FROM \(table)", order: columns) { row in
            let values = (0..<row.columnCount).map { row[$0] }
            if rows.last != values { rows.append(values) }
        }
        return rows
    }

    /// Forward up to the damage, then from the end back to it: rows can come twice.
    private mutating func forEach(_ table: String, _ sql: String, order: String, _ body: (Row) -> Void) {
        guard let connection else { return }
        let descending = order.split(separator: ",").map { $0 + " DESC" }.joined(separator: ",")
        for direction in [order, descending] {
            do throws(SQLiteError) {
                try connection.forEach("\(sql) ORDER BY \(direction)") { row in
                    body(row)
                    return true
                }
                return
            } catch {
                if unreadable.last != table { unreadable.append(table) }
            }
        }
    }
}
