import SQLite
import Telemetry

// Alerts that changed lately: the moments of their changes as text, and since when they flap.
extension CorrelationStore {
    func flaps() throws(SQLiteError) -> [AlertKey: FlapEntry] {
        let rows = try connection.query("SELECT host, fingerprint, times, since, changes FROM flap") { (row) throws(SQLiteError) in
            let times = row.text(2).split(separator: " ").compactMap { Int64($0) }.map { Timestamp(nanoseconds: $0) }
            let flapping = row.optionalInteger(3).map { Flapping(since: Timestamp(nanoseconds: $0), changes: Int(row.integer(4))) }
            return (AlertKey(host: row.text(0), fingerprint: row.unsigned(1)), FlapEntry(times: times, flapping: flapping))
        }
        return Dictionary(rows) { first, _ in first }
    }

    func write(_ entry: FlapEntry?, key: AlertKey) throws(SQLiteError) {
        guard let entry else {
            try connection.execute("DELETE FROM flap WHERE host = ? AND fingerprint = ?", [.text(key.host), .unsigned(key.fingerprint)])
            return
        }
        try connection.execute(
            "INSERT OR REPLACE INTO flap VALUES (?, ?, ?, ?, ?)",
            [
                .text(key.host), .unsigned(key.fingerprint), .text(entry.times.map { String($0.nanoseconds) }.joined(separator: " ")),
                .optional(entry.flapping?.since.nanoseconds), .optional(entry.flapping.map { Int64($0.changes) }),
            ]
        )
    }
}
