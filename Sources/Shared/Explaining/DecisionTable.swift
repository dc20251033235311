import JSON
package import SQLite
package import Telemetry

/// The table `decision` of a room's SQLite file. Rooms insert in the transaction that holds what was decided; so neither is there without the
/// other.
package enum DecisionTable {
    /// For the room's migrations. Released with version 1: never changed, only followed.
    package static let schema = """
        CREATE TABLE decision (
            id INTEGER PRIMARY KEY, at INTEGER NOT NULL, fingerprint INTEGER, active_at INTEGER, delivery BLOB, kind TEXT NOT NULL,
            reason TEXT NOT NULL, details TEXT NOT NULL
        ) STRICT;
        CREATE INDEX decision_by_alert ON decision (fingerprint, active_at, id) WHERE fingerprint IS NOT NULL;
        CREATE INDEX decision_by_delivery ON decision (delivery, id) WHERE delivery IS NOT NULL;
        CREATE INDEX decision_by_time ON decision (at);
        """

    package static func insert(_ decision: Decision, into connection: Connection) throws(SQLiteError) {
        var (fingerprint, activeAt, delivery): (Value, Value, Value) = (.null, .null, .null)
        switch decision.subject {
        case .alert(let key): (fingerprint, activeAt) = (.unsigned(key.fingerprint), .integer(key.activeAt.nanoseconds))
        case .delivery(let id): delivery = .blob(id.bytes)
        }
        try connection.execute(
            "INSERT INTO decision (at, fingerprint, active_at, delivery, kind, reason, details) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                .integer(decision.at.nanoseconds), fingerprint, activeAt, delivery, .text(decision.kind.rawValue), .text(decision.reason),
                .text(encode(decision.details)),
            ]
        )
    }

    /// All about one label set, in the order in which they were made, from `from` to `to` by the beginning of their episode.
    package static func decisions(
        of fingerprint: UInt64,
        activeFrom from: Timestamp,
        to: Timestamp,
        in connection: Connection
    ) throws(SQLiteError) -> [Decision] {
        try connection.query(
            """
            SELECT at, fingerprint, active_at, delivery, kind, reason, details FROM decision
            WHERE fingerprint = ? AND active_at BETWEEN ? AND ? ORDER BY id
            """,
            [.unsigned(fingerprint), .integer(from.nanoseconds), .integer(to.nanoseconds)],
            { (row) throws(SQLiteError) in decision(row) }
        ).compactMap { $0 }
    }

    /// All about one notification, in order.
    package static func decisions(of delivery: UUID, in connection: Connection) throws(SQLiteError) -> [Decision] {
        try connection.query(
            "SELECT at, fingerprint, active_at, delivery, kind, reason, details FROM decision WHERE delivery = ? ORDER BY id",
            [.blob(delivery.bytes)],
            { (row) throws(SQLiteError) in decision(row) }
        ).compactMap { $0 }
    }

    /// Deletes what is older than `moment`, and of each label set what is over `perAlertMax`, the oldest first.
    package static func prune(before moment: Timestamp, perAlertMax: Int, in connection: Connection) throws(SQLiteError) {
        try connection.execute("DELETE FROM decision WHERE at < ?", [.integer(moment.nanoseconds)])
        let crowded = try connection.query(
            "SELECT fingerprint FROM decision WHERE fingerprint IS NOT NULL GROUP BY fingerprint HAVING count(*) > ?",
            [.integer(Int64(perAlertMax))]
        ) { (row) throws(SQLiteError) in row.integer(0) }
        for fingerprint in crowded {
            try connection.execute(
                """
                DELETE FROM decision WHERE fingerprint = ?1 AND id <=
                    (SELECT id FROM decision WHERE fingerprint = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)
                """,
                [.integer(fingerprint), .integer(Int64(perAlertMax))]
            )
        }
    }

    /// Nil for a kind that this version does not know.
    private static func decision(_ row: Row) -> Decision? {
        guard let kind = Decision.Kind(rawValue: row.text(4)) else { return nil }
        let subject: Decision.Subject
        if row.isNull(1) {
            guard let id = UUID(bytes: row.blob(3)) else { return nil }
            subject = .delivery(id)
        } else {
            subject = .alert(EpisodeKey(fingerprint: row.unsigned(1), activeAt: Timestamp(nanoseconds: row.integer(2))))
        }
        return Decision(kind, of: subject, reason: row.text(5), details: decode(row.text(6)), at: Timestamp(nanoseconds: row.integer(0)))
    }

    private static func encode(_ details: Labels) -> String {
        guard !details.isEmpty else { return "" }
        var writer = JSONWriter()
        writer.beginObject()
        for detail in details.pairs {
            let isLong = detail.value.utf8.count > Decision.detailBytesMax
            writer.member(detail.name, isLong ? String(detail.value.prefix(Decision.detailBytesMax)) + "…" : detail.value)
        }
        writer.endObject()
        return writer.text
    }

    private static func decode(_ text: String) -> Labels {
        guard !text.isEmpty, let members = (try? JSON.parse(text))?.members else { return .empty }
        return Labels(members.compactMap { member in member.value.string.map { Label(member.key, $0) } })
    }
}
