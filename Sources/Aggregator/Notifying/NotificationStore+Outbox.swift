import SQLite
import Telemetry
import Transferring

/// The outbox's rows.
extension NotificationStore {
    func insert(_ delivery: Delivery, at now: Timestamp) throws(SQLiteError) -> Outbox.Item? {
        var (state, payload, from, to): (NotificationRecord.State, Value, Value, Value) = (.pending, .null, .null, .null)
        var reply = ""
        switch delivery.payload {
        case .webhook(let body): payload = .blob(body)
        case .email(let mail):
            (payload, from, to) = (.blob(mail.content), .text(mail.from), .text(mail.to.joined(separator: ",")))
        case .unsendable(let sentence): (state, reply) = (.failed, sentence)
        }
        let isPending = state == .pending
        try connection.execute(
            """
            INSERT INTO delivery (id, receiver, kind, place, group_key, status, reason, alert_count, state, attempts, created_at, next_attempt_at,
                finished_at, last_reply, mail_from, mail_to, payload) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .blob(delivery.id.bytes), .text(delivery.channel.receiver), .text(delivery.channel.kind.rawValue),
                .integer(Int64(delivery.channel.index)), .text(delivery.groupKey), .text(delivery.status), .text(delivery.reason.rawValue),
                .integer(Int64(delivery.alertCount)), .text(state.rawValue), .integer(delivery.createdAt.nanoseconds),
                isPending ? .integer(now.nanoseconds) : .null, isPending ? .null : .integer(now.nanoseconds), .text(reply), from, to, payload,
            ]
        )
        let ordinal = connection.lastInsertRowID
        for key in Set(delivery.episodes) {
            try connection.execute(
                "INSERT INTO delivery_alert (fingerprint, active_at, delivery) VALUES (?, ?, ?)",
                [.unsigned(key.fingerprint), .integer(key.activeAt.nanoseconds), .blob(delivery.id.bytes)]
            )
        }
        try record(delivery.queued(at: now))
        guard isPending else {
            try record(delivery.decision(.failed, reason: "unsendable", details: ["reply": reply], at: now))
            return nil
        }
        return Outbox.Item(
            id: delivery.id,
            ordinal: ordinal,
            channel: delivery.channel.key,
            group: delivery.groupKey,
            createdAt: delivery.createdAt,
            attempts: 0,
            nextAttemptAt: now
        )
    }

    func pending() throws(SQLiteError) -> [Outbox.Item] {
        let sql = """
            SELECT id, ordinal, receiver, kind, place, group_key, created_at, attempts, next_attempt_at FROM delivery WHERE state = 'pending'
            ORDER BY ordinal
            """
        return try connection.query(sql) { (row) throws(SQLiteError) in
            Outbox.Item(
                id: UUID(bytes: row.blob(0)) ?? UUID(high: 0, low: 0),
                ordinal: row.integer(1),
                channel: "\(row.text(2))/\(row.text(3))/\(row.integer(4))",
                group: row.text(5),
                createdAt: Timestamp(nanoseconds: row.integer(6)),
                attempts: Int(row.integer(7)),
                nextAttemptAt: Timestamp(nanoseconds: row.integer(8))
            )
        }
    }

    func delivery(_ id: UUID) throws(SQLiteError) -> Delivery? {
        let sql = """
            SELECT receiver, kind, place, group_key, status, reason, alert_count, created_at, mail_from, mail_to, payload FROM delivery WHERE id = ?
            """
        return try connection.first(sql, [.blob(id.bytes)]) { (row) throws(SQLiteError) in
            let kind = Channel.Kind(rawValue: row.text(1)) ?? .webhook
            let content = row.blob(10)
            return Delivery(
                id: id,
                channel: Channel(receiver: row.text(0), kind: kind, index: Int(row.integer(2)), sendsResolved: true),
                groupKey: row.text(3),
                status: row.text(4),
                reason: NotifyReason(rawValue: row.text(5)) ?? .first,
                alertCount: Int(row.integer(6)),
                createdAt: Timestamp(nanoseconds: row.integer(7)),
                payload: kind == .webhook
                    ? .webhook(content)
                    : .email(MailEnvelope(from: row.text(8), to: row.text(9).split(separator: ",").map(String.init), content: content))
            )
        }
    }

    /// The end of a delivery; its payload goes, its record stays for a while.
    func finish(_ id: UUID, state: NotificationRecord.State, reply: String, decision: Decision, at now: Timestamp) throws(SQLiteError) {
        try connection.transaction { () throws(SQLiteError) in
            try record(decision)
            try connection.execute(
                """
                UPDATE delivery SET state = ?, attempts = attempts + 1, next_attempt_at = NULL, finished_at = ?, last_reply = ?, payload = NULL
                WHERE id = ?
                """,
                [.text(state.rawValue), .integer(now.nanoseconds), .text(reply), .blob(id.bytes)]
            )
        }
    }

    func postpone(_ id: UUID, until moment: Timestamp, reply: String, decision: Decision) throws(SQLiteError) {
        try connection.transaction { () throws(SQLiteError) in
            try record(decision)
            try connection.execute(
                "UPDATE delivery SET attempts = attempts + 1, next_attempt_at = ?, last_reply = ? WHERE id = ?",
                [.integer(moment.nanoseconds), .text(reply), .blob(id.bytes)]
            )
        }
    }

    /// Newest first.
    func records(limit: Int) throws(SQLiteError) -> [NotificationRecord] {
        let sql = """
            SELECT id, receiver, kind, group_key, status, alert_count, state, attempts, created_at, next_attempt_at, finished_at, last_reply
            FROM delivery ORDER BY ordinal DESC LIMIT ?
            """
        return try connection.query(sql, [.integer(Int64(max(0, limit)))]) { (row) throws(SQLiteError) in NotificationStore.record(row) }
    }

    /// The columns that ``records(limit:)`` asks for.
    static func record(_ row: Row) -> NotificationRecord {
        let state = NotificationRecord.State(rawValue: row.text(6)) ?? .pending
        return NotificationRecord(
            id: UUID(bytes: row.blob(0)) ?? UUID(high: 0, low: 0),
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
    }

    func count(_ state: NotificationRecord.State) throws(SQLiteError) -> Int {
        let sql = "SELECT count(*) FROM delivery WHERE state = ?"
        return try connection.first(sql, [.text(state.rawValue)]) { (row) throws(SQLiteError) in Int(row.integer(0)) } ?? 0
    }
}
