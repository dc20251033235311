import SQLite
import Telemetry

/// The record of what is missing, for `agentctl status`; what travels is an event.
extension SpoolStore {
    /// Records a gap and counts it; returns its number. Part of a transaction.
    func record(_ gap: Gap) throws(SQLiteError) -> Int64 {
        try connection.execute(
            "INSERT INTO gap (source, reason, from_at, to_at, count, bytes, detail) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                .text(gap.source), .text(gap.reason.rawValue), .integer(gap.from.nanoseconds), .integer(gap.to.nanoseconds),
                .unsigned(gap.count), .unsigned(gap.bytes), .text(gap.detail),
            ]
        )
        let id = connection.lastInsertRowID
        try connection.execute("DELETE FROM gap WHERE id <= ?", [.integer(id - Int64(SpoolLimits.gapsKeptMax))])
        try connection.execute(
            "INSERT INTO gap_count VALUES (?, 1) ON CONFLICT DO UPDATE SET count = count + 1",
            [.text(gap.reason.rawValue)]
        )
        count(gap: gap.reason)
        return id
    }

    /// A gap that grew. Part of a transaction.
    func update(_ gap: Gap, id: Int64) throws(SQLiteError) {
        try connection.execute(
            "UPDATE gap SET from_at = ?, to_at = ?, count = ?, bytes = ?, detail = ? WHERE id = ?",
            [
                .integer(gap.from.nanoseconds), .integer(gap.to.nanoseconds), .unsigned(gap.count), .unsigned(gap.bytes), .text(gap.detail),
                .integer(id),
            ]
        )
    }

    /// The latest gaps, newest first.
    func recentGaps(limit: Int) throws(SQLiteError) -> [Gap] {
        let gaps = try connection.query(
            "SELECT source, reason, from_at, to_at, count, bytes, detail FROM gap ORDER BY id DESC LIMIT ?",
            [.integer(Int64(limit))]
        ) { (row) throws(SQLiteError) -> Gap? in
            // A word of a newer version's that came back to an older one is not shown; it was shipped.
            guard let reason = Gap.Reason(rawValue: row.text(1)) else { return nil }
            return Gap(
                source: row.text(0),
                reason: reason,
                from: Timestamp(nanoseconds: row.integer(2)),
                to: Timestamp(nanoseconds: row.integer(3)),
                count: row.unsigned(4),
                bytes: row.unsigned(5),
                detail: row.text(6)
            )
        }
        return gaps.compactMap { $0 }
    }
}
