import SQLite
import Telemetry

/// What people are shown of the outbox.
extension NotificationStore {
    /// What ``record(_:)`` reads.
    static let recordColumns = """
        id, receiver, kind, group_key, status, alert_count, state, attempts, created_at, next_attempt_at, finished_at, last_reply, place, reason,
        digest, fallback_of, note, content IS NOT NULL
        """

    /// Newest first.
    /// - Parameter state: nil: all.
    func records(_ state: NotificationRecord.State? = nil, limit: Int) throws(SQLiteError) -> [NotificationRecord] {
        let condition = state == nil ? "" : "WHERE state = ?"
        return try connection.query(
            "SELECT \(Self.recordColumns) FROM delivery \(condition) ORDER BY ordinal DESC LIMIT ?",
            (state.map { [.text($0.rawValue)] } ?? []) + [.integer(Int64(max(0, limit)))],
            Self.record
        )
    }

    func record(_ id: UUID) throws(SQLiteError) -> NotificationRecord? {
        try connection.first("SELECT \(Self.recordColumns) FROM delivery WHERE id = ?", [.blob(id.bytes)], Self.record)
    }

    func digested(by id: UUID) throws(SQLiteError) -> [NotificationRecord] {
        try connection.query("SELECT \(Self.recordColumns) FROM delivery WHERE digest = ? ORDER BY ordinal", [.blob(id.bytes)], Self.record)
    }

    static func record(_ row: Row) throws(SQLiteError) -> NotificationRecord {
        let state = NotificationRecord.State(rawValue: row.text(6)) ?? .pending
        func id(_ column: Int) -> UUID? { row.isNull(column) ? nil : UUID(bytes: row.blob(column)) }
        var record = NotificationRecord(
            id: id(0) ?? UUID(high: 0, low: 0),
            receiver: row.text(1),
            channel: row.text(2),
            groupKey: row.text(3),
            status: row.text(4),
            alertCount: Int(row.integer(5)),
            state: state,
            attempts: Int(row.integer(7)),
            createdAt: Timestamp(nanoseconds: row.integer(8)),
            nextAttemptAt: row.optionalInteger(9).map { Timestamp(nanoseconds: $0) },
            deliveredAt: state == .delivered ? row.optionalInteger(10).map { Timestamp(nanoseconds: $0) } : nil,
            lastReply: row.text(11)
        )
        record.place = Int(row.integer(12))
        record.reason = row.text(13)
        (record.digest, record.fallbackOf, record.note) = (id(14), id(15), row.optionalText(16))
        record.canBeSentAgain = state == .failed && row.integer(17) != 0
        return record
    }

    func count(_ state: NotificationRecord.State) throws(SQLiteError) -> Int {
        let sql = "SELECT count(*) FROM delivery WHERE state = ?"
        return try connection.first(sql, [.text(state.rawValue)]) { (row) throws(SQLiteError) in Int(row.integer(0)) } ?? 0
    }
}
