import Blocks
import SQLite
import Telemetry

/// The room's own SQLite file: pending and firing alerts of each group, and when the group was evaluated last. Alerts lie in it as blocks (Blocks), which carry
/// their own version and checksum. Used by one actor at a time; calls block.
final class RulingStore {
    static let migrations = Migrations(
        applicationID: 0x5463_7275,  // "Tcru"
        steps: [
            """
            CREATE TABLE rule_group (
                file TEXT NOT NULL, name TEXT NOT NULL, evaluated_at INTEGER NOT NULL,
                PRIMARY KEY (file, name)
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE rule_alert (
                file TEXT NOT NULL, name TEXT NOT NULL, rule TEXT NOT NULL, fingerprint INTEGER NOT NULL, alert BLOB NOT NULL,
                PRIMARY KEY (file, name, rule, fingerprint)
            ) STRICT, WITHOUT ROWID;
            """
        ]
    )

    struct State: Sendable {
        /// Nil: no group was ever evaluated.
        var alerts: [StoredRuleAlert]?
        var lastMoments: [GroupID: Timestamp] = [:]
    }

    private let connection: Connection

    init(path: String) throws(SQLiteError) {
        connection = try Connection(path: path)
        try Self.migrations.apply(to: connection)
    }

    func load() throws(SQLiteError) -> State {
        let groups = try connection.query("SELECT file, name, evaluated_at FROM rule_group") { (row) throws(SQLiteError) in
            (GroupID(file: row.text(0), name: row.text(1)), Timestamp(nanoseconds: row.integer(2)))
        }
        guard !groups.isEmpty else { return State() }
        let alerts = try connection.query("SELECT file, name, rule, alert FROM rule_alert") { (row) throws(SQLiteError) in
            StoredRuleAlert(
                group: GroupID(file: row.text(0), name: row.text(1)),
                rule: row.text(2),
                alert: try self.alert(row.blob(3))
            )
        }
        return State(alerts: alerts, lastMoments: Dictionary(groups) { first, _ in first })
    }

    /// A group's alerts in place of those before, with the moment of its evaluation.
    func write(_ alerts: [StoredRuleAlert], of id: GroupID, evaluatedAt moment: Timestamp) throws(SQLiteError) {
        let place: [Value] = [.text(id.file), .text(id.name)]
        try connection.transaction { () throws(SQLiteError) in
            try connection.execute("DELETE FROM rule_alert WHERE file = ? AND name = ?", place)
            for stored in alerts {
                try connection.execute(
                    "INSERT OR REPLACE INTO rule_alert VALUES (?, ?, ?, ?, ?)",
                    place + [.text(stored.rule), .unsigned(stored.alert.fingerprint), .blob(AlertBlock.encode([stored.alert]))]
                )
            }
            try connection.execute("INSERT OR REPLACE INTO rule_group VALUES (?, ?, ?)", place + [.integer(moment.nanoseconds)])
        }
    }

    /// Only these groups are left: the others' rules are gone.
    func keep(only ids: Set<GroupID>) throws(SQLiteError) {
        let known = try connection.query("SELECT file, name FROM rule_group") { (row) throws(SQLiteError) in
            GroupID(file: row.text(0), name: row.text(1))
        }
        try connection.transaction { () throws(SQLiteError) in
            for id in known where !ids.contains(id) {
                let place: [Value] = [.text(id.file), .text(id.name)]
                try connection.execute("DELETE FROM rule_alert WHERE file = ? AND name = ?", place)
                try connection.execute("DELETE FROM rule_group WHERE file = ? AND name = ?", place)
            }
        }
    }

    private func alert(_ bytes: [UInt8]) throws(SQLiteError) -> Alert {
        do { if let alert = try AlertBlock(decoding: bytes).alerts.first { return alert } } catch {
            throw connection.corruption("an alert cannot be read: \(error)")
        }
        throw connection.corruption("a stored block holds no alert")
    }
}
