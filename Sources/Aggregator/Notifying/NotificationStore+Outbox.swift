import SQLite
import Telemetry
import Transferring

/// The outbox's rows. Each of these runs inside a transaction of the caller's where more than one change belongs together.
extension NotificationStore {
    func insert(_ delivery: Delivery) throws(SQLiteError) -> Outbox.Item {
        let content = delivery.notification.map { StoredNotification.encode($0) }
        try connection.execute(
            """
            INSERT INTO delivery (id, receiver, kind, place, group_key, status, reason, alert_count, state, attempts, created_at, next_attempt_at,
                finished_at, last_reply, content, queued_at, fallback_of) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 'pending', 0, ?, ?, NULL, '', ?, ?, ?)
            """,
            [
                .blob(delivery.id.bytes), .text(delivery.channel.receiver), .text(delivery.channel.kind.rawValue),
                .integer(Int64(delivery.channel.index)), .text(delivery.groupKey), .text(delivery.status), .text(delivery.reason.rawValue),
                .integer(Int64(delivery.alertCount)), .integer(delivery.createdAt.nanoseconds), .integer(delivery.createdAt.nanoseconds),
                .optional(content), .integer(delivery.createdAt.nanoseconds), delivery.fallbackOf.map { .blob($0.bytes) } ?? .null,
            ]
        )
        let ordinal = connection.lastInsertRowID
        for key in Set(delivery.episodes) {
            try connection.execute(
                "INSERT INTO delivery_alert (fingerprint, active_at, delivery) VALUES (?, ?, ?)",
                [.unsigned(key.fingerprint), .integer(key.activeAt.nanoseconds), .blob(delivery.id.bytes)]
            )
        }
        try record(delivery.queued)
        return Outbox.Item(
            id: delivery.id,
            ordinal: ordinal,
            channel: delivery.channel.key,
            group: delivery.groupKey,
            createdAt: delivery.createdAt,
            attempts: 0,
            nextAttemptAt: delivery.createdAt,
            isDigest: Notification.isDigest(delivery.reason, groupKey: delivery.groupKey)
        )
    }

    private static let itemColumns = """
        id, ordinal, receiver, kind, place, group_key, created_at, attempts, next_attempt_at, queued_at, in_doubt OR content IS NULL, reason, fallback_at
        """

    /// - Returns: the items, and of each whether its fallback has been told.
    func pending() throws(SQLiteError) -> [(item: Outbox.Item, hasFallenBack: Bool)] {
        try connection.query("SELECT \(Self.itemColumns) FROM delivery WHERE state = 'pending' ORDER BY ordinal", [], Self.item)
    }

    private static func item(_ row: Row) throws(SQLiteError) -> (item: Outbox.Item, hasFallenBack: Bool) {
        let item = Outbox.Item(
            id: UUID(bytes: row.blob(0)) ?? UUID(high: 0, low: 0),
            ordinal: row.integer(1),
            channel: "\(row.text(2))/\(row.text(3))/\(row.integer(4))",
            group: row.text(5),
            createdAt: Timestamp(nanoseconds: row.integer(6)),
            attempts: Int(row.integer(7)),
            nextAttemptAt: Timestamp(nanoseconds: row.integer(8)),
            queuedAt: row.optionalInteger(9).map { Timestamp(nanoseconds: $0) },
            isInDoubt: row.integer(10) != 0,
            isDigest: Notification.isDigest(NotifyReason(rawValue: row.text(11)) ?? .first, groupKey: row.text(5))
        )
        return (item, !row.isNull(12))
    }

    func delivery(_ id: UUID) throws(SQLiteError) -> Delivery? {
        let sql = """
            SELECT receiver, kind, place, group_key, status, reason, alert_count, created_at, mail_from, mail_to, payload, content
            FROM delivery WHERE id = ?
            """
        return try connection.first(sql, [.blob(id.bytes)]) { (row) throws(SQLiteError) in
            let kind = Channel.Kind(rawValue: row.text(1)) ?? .webhook
            let channel = Channel(receiver: row.text(0), kind: kind, index: Int(row.integer(2)), sendsResolved: true)
            var content = Delivery.Content.unreadable
            if let text = row.optionalText(11) {
                content = StoredNotification.decode(text, for: channel).map { .notification($0) } ?? .unreadable
            } else if !row.isNull(10) {
                let to = row.text(9).split(separator: ",").map(String.init)
                let mail = MailEnvelope(from: row.text(8), to: to, content: row.blob(10))
                content = .written(kind == .webhook ? .webhook(body: row.blob(10)) : .email(mail))
            }
            return Delivery(
                id: id,
                channel: channel,
                groupKey: row.text(3),
                status: row.text(4),
                reason: NotifyReason(rawValue: row.text(5)) ?? .first,
                alertCount: Int(row.integer(6)),
                createdAt: Timestamp(nanoseconds: row.integer(7)),
                content: content
            )
        }
    }

    // MARK: Attempts

    /// Attempts at these begin. Whoever is killed from here on does not know whether they arrived.
    func begin(_ items: [Outbox.Item]) throws(SQLiteError) {
        let fresh = items.filter { !$0.isInDoubt }
        guard !fresh.isEmpty else { return }
        try connection.transaction { () throws(SQLiteError) in
            for item in fresh { try connection.execute("UPDATE delivery SET in_doubt = 1 WHERE ordinal = ?", [.integer(item.ordinal)]) }
        }
    }

    /// The end of a delivery. What was delivered loses its content, what failed keeps it for a while, to be sent again.
    func finish(_ item: Outbox.Item, state: NotificationRecord.State, reply: String, note: String?, at now: Timestamp) throws(SQLiteError) {
        var details: Labels = ["attempt": "\(item.attempts + 1)", "reply": reply, "channel": item.channel]
        if let note { details = details.setting("note", to: note) }
        try record(Decision(state == .failed ? .failed : .delivered, of: .delivery(item.id), details: details, at: now))
        let content = state == .failed ? "content" : "NULL"
        try connection.execute(
            """
            UPDATE delivery SET state = ?, attempts = attempts + 1, next_attempt_at = NULL, finished_at = ?, last_reply = ?, note = ?,
                content = \(content), payload = NULL WHERE ordinal = ?
            """,
            [.text(state.rawValue), .integer(now.nanoseconds), .text(reply), .optional(note), .integer(item.ordinal)]
        )
        if state == .failed { try pruneDeadLetters() }
    }

    private func pruneDeadLetters() throws(SQLiteError) {
        try connection.execute(
            """
            UPDATE delivery SET content = NULL WHERE state = 'failed' AND ordinal <=
                (SELECT ordinal FROM delivery WHERE state = 'failed' ORDER BY ordinal DESC LIMIT 1 OFFSET ?)
            """,
            [.integer(Int64(NotifyingLimits.deadLettersKept))]
        )
    }

    func postpone(
        _ item: Outbox.Item,
        until moment: Timestamp,
        _ failure: DeliveryOutcome.Failure,
        reply: String,
        note: String?,
        at now: Timestamp
    ) throws(SQLiteError) {
        let isInDoubt = failure.isInDoubt || item.isInDoubt
        let details: Labels = ["attempt": "\(item.attempts + 1)", "reply": reply, "until": moment.rfc3339, "channel": item.channel]
        let reason = failure.isUnreachable ? "unreachable" : failure.isInDoubt ? "in_doubt" : "refused"
        try record(Decision(.attempted, of: .delivery(item.id), reason: reason, details: details, at: now))
        try connection.execute(
            "UPDATE delivery SET attempts = attempts + 1, next_attempt_at = ?, last_reply = ?, in_doubt = ?, note = ? WHERE ordinal = ?",
            [.integer(moment.nanoseconds), .text(reply), .integer(isInDoubt ? 1 : 0), .optional(note), .integer(item.ordinal)]
        )
    }

    // MARK: Digests, fallbacks, dead letters

    /// These are told by a digest from now on.
    func fold(_ ids: [UUID], into digest: UUID, at now: Timestamp) throws(SQLiteError) {
        for id in ids {
            try connection.execute(
                "UPDATE delivery SET state = 'digested', digest = ?, next_attempt_at = NULL, finished_at = ?, content = NULL WHERE id = ?",
                [.blob(digest.bytes), .integer(now.nanoseconds), .blob(id.bytes)]
            )
            try record(Decision(.digested, of: .delivery(id), details: ["digest": "\(digest)"], at: now))
        }
    }

    /// - Parameter receiver: who is told in their place.
    func markFallback(_ items: [Outbox.Item], to receiver: String, at now: Timestamp) throws(SQLiteError) {
        for item in items {
            try record(Decision(.diverted, of: .delivery(item.id), details: ["channel": receiver], at: now))
            try connection.execute("UPDATE delivery SET fallback_at = ? WHERE ordinal = ?", [.integer(now.nanoseconds), .integer(item.ordinal)])
        }
    }

    func setDown(_ channel: String, since: Timestamp, reply: String) throws(SQLiteError) {
        try connection.execute(
            "INSERT OR REPLACE INTO down (channel, since, reply) VALUES (?, ?, ?)",
            [.text(channel), .integer(since.nanoseconds), .text(reply)]
        )
    }

    func setUp(_ channel: String) throws(SQLiteError) { try connection.execute("DELETE FROM down WHERE channel = ?", [.text(channel)]) }

    func down() throws(SQLiteError) -> [(channel: String, since: Timestamp, reply: String)] {
        try connection.query("SELECT channel, since, reply FROM down") { (row) throws(SQLiteError) in
            (row.text(0), Timestamp(nanoseconds: row.integer(1)), row.text(2))
        }
    }

    /// A delivery that failed is pending again, under its old key and behind what waits already; nil when it has not failed or its content is gone.
    func requeue(_ id: UUID, at now: Timestamp) throws(SQLiteError) -> Outbox.Item? {
        let condition = "id = ? AND state = 'failed' AND content IS NOT NULL"
        try connection.execute(
            """
            UPDATE delivery SET state = 'pending', queued_at = ?, next_attempt_at = ?, finished_at = NULL, fallback_at = NULL,
                ordinal = (SELECT max(ordinal) + 1 FROM delivery) WHERE \(condition)
            """,
            [.integer(now.nanoseconds), .integer(now.nanoseconds), .blob(id.bytes)]
        )
        guard connection.changes > 0 else { return nil }
        try record(Decision(.resent, of: .delivery(id), at: now))
        return try connection.first("SELECT \(Self.itemColumns) FROM delivery WHERE id = ?", [.blob(id.bytes)], Self.item)?.item
    }
}
