import JSON
import SQLite
import Telemetry
import Transferring

/// `notifications.db`: what was taken from Correlating, what the groups have told, and the outbox. One transaction a transition: its sequence,
/// its effect on the groups and the notifications that follow from it are on disk together or not at all.
///
/// Tables: `meta` (watermark), `recent` (digests of the last transitions, to tell a repeat from a new count), `alert`, `alert_group`,
/// `rate_limit`, `silence`, and `delivery`, one row a notification and channel; its `payload` is deleted when it has been delivered or has
/// failed. Times are nanoseconds since the epoch.
final class NotificationStore {
    static let migrations = Migrations(
        applicationID: 0x546F_636E,
        steps: [
            """
            CREATE TABLE meta (key TEXT PRIMARY KEY, value INTEGER NOT NULL) STRICT, WITHOUT ROWID;
            CREATE TABLE recent (sequence INTEGER PRIMARY KEY, digest INTEGER NOT NULL) STRICT;
            CREATE TABLE alert (fingerprint INTEGER PRIMARY KEY, body TEXT NOT NULL) STRICT;
            CREATE TABLE alert_group (
                key TEXT PRIMARY KEY, next_flush INTEGER NOT NULL, has_flushed INTEGER NOT NULL, is_held INTEGER NOT NULL, told TEXT NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE rate_limit (key TEXT PRIMARY KEY, tokens REAL NOT NULL, updated_at INTEGER NOT NULL) STRICT, WITHOUT ROWID;
            CREATE TABLE silence (
                id BLOB PRIMARY KEY, matchers TEXT NOT NULL, starts_at INTEGER NOT NULL, ends_at INTEGER NOT NULL, created_by TEXT NOT NULL,
                comment TEXT NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE delivery (
                ordinal INTEGER PRIMARY KEY, id BLOB NOT NULL UNIQUE, receiver TEXT NOT NULL, kind TEXT NOT NULL, place INTEGER NOT NULL,
                group_key TEXT NOT NULL, status TEXT NOT NULL, reason TEXT NOT NULL, alert_count INTEGER NOT NULL, state TEXT NOT NULL,
                attempts INTEGER NOT NULL, created_at INTEGER NOT NULL, next_attempt_at INTEGER, finished_at INTEGER, last_reply TEXT NOT NULL,
                mail_from TEXT, mail_to TEXT, payload BLOB
            ) STRICT;
            CREATE INDEX delivery_by_state ON delivery (state, ordinal);
            """
        ]
    )

    let connection: Connection
    private var finished = 0

    init(path: String) throws(SQLiteError) {
        connection = try Connection(path: path)
        try NotificationStore.migrations.apply(to: connection)
        guard let damage = try connection.findDamage().first else { return }
        throw connection.corruption(damage)
    }

    // MARK: Transitions

    var watermark: UInt64 {
        get throws(SQLiteError) {
            try connection.first("SELECT value FROM meta WHERE key = 'watermark'") { (row) throws(SQLiteError) in row.unsigned(0) } ?? 0
        }
    }

    /// The digest of the transition that was taken under this sequence; nil when it is not remembered.
    func digest(of sequence: UInt64) throws(SQLiteError) -> UInt64? {
        try connection.first("SELECT digest FROM recent WHERE sequence = ?", [.unsigned(sequence)]) { (row) throws(SQLiteError) in row.unsigned(0) }
    }

    /// A transition taken, and what it changed.
    struct Taken {
        var sequence: UInt64
        var digest: UInt64
        /// Correlating counts anew (its file was lost): what was remembered says nothing any more.
        var beginsAnew: Bool
    }

    /// Writes everything in one transaction; returns the new outbox rows.
    func write(
        _ taken: Taken?,
        changes: Dispatcher.Changes,
        of dispatcher: Dispatcher,
        deliveries: [Delivery],
        at now: Timestamp
    ) throws(SQLiteError) -> [Outbox.Item] {
        try connection.transaction { () throws(SQLiteError) in
            if let taken { try write(taken) }
            for fingerprint in changes.alerts { try write(dispatcher.alerts[fingerprint], fingerprint: fingerprint) }
            for key in changes.groups { try write(dispatcher.groups[key], key: key) }
            for key in changes.limits { try write(dispatcher.limits[key], key: key) }
            var items: [Outbox.Item] = []
            for delivery in deliveries { if let item = try insert(delivery, at: now) { items.append(item) } }
            return items
        }
    }

    private func write(_ taken: Taken) throws(SQLiteError) {
        if taken.beginsAnew { try connection.execute("DELETE FROM recent") }
        try connection.execute(
            "INSERT INTO meta (key, value) VALUES ('watermark', ?) ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [.unsigned(taken.sequence)]
        )
        try connection.execute(
            "INSERT OR REPLACE INTO recent (sequence, digest) VALUES (?, ?)",
            [.unsigned(taken.sequence), .unsigned(taken.digest)]
        )
        if taken.sequence > NotifyingLimits.rememberedTransitions {
            try connection.execute("DELETE FROM recent WHERE sequence <= ?", [.unsigned(taken.sequence - NotifyingLimits.rememberedTransitions)])
        }
    }

    private func write(_ alert: Alert?, fingerprint: UInt64) throws(SQLiteError) {
        if let alert {
            try connection.execute(
                "INSERT OR REPLACE INTO alert (fingerprint, body) VALUES (?, ?)",
                [.unsigned(fingerprint), .text(StoredAlert.encode(alert))]
            )
        } else {
            try connection.execute("DELETE FROM alert WHERE fingerprint = ?", [.unsigned(fingerprint)])
        }
    }

    private func write(_ group: AlertGroup?, key: String) throws(SQLiteError) {
        guard let group else { return try connection.execute("DELETE FROM alert_group WHERE key = ?", [.text(key)]) }
        try connection.execute(
            "INSERT OR REPLACE INTO alert_group (key, next_flush, has_flushed, is_held, told) VALUES (?, ?, ?, ?, ?)",
            [
                .text(key), .integer(group.nextFlush.nanoseconds), .integer(group.hasFlushed ? 1 : 0), .integer(group.isHeld ? 1 : 0),
                .text(StoredAlert.encode(told: group.told)),
            ]
        )
    }

    private func write(_ bucket: RateBucket?, key: String) throws(SQLiteError) {
        guard let bucket else { return try connection.execute("DELETE FROM rate_limit WHERE key = ?", [.text(key)]) }
        try connection.execute(
            "INSERT OR REPLACE INTO rate_limit (key, tokens, updated_at) VALUES (?, ?, ?)",
            [.text(key), .real(bucket.tokens), .integer(bucket.updatedAt.nanoseconds)]
        )
    }

    func load() throws(SQLiteError) -> Dispatcher.Stored {
        var stored = Dispatcher.Stored()
        stored.alerts = try connection.query("SELECT body FROM alert") { (row) throws(SQLiteError) in StoredAlert.decode(row.text(0)) }
            .compactMap { $0 }
        stored.groups = try connection.query("SELECT key, next_flush, has_flushed, is_held, told FROM alert_group") { (row) throws(SQLiteError) in
            Dispatcher.Stored.Group(
                key: row.text(0),
                nextFlush: Timestamp(nanoseconds: row.integer(1)),
                hasFlushed: row.integer(2) != 0,
                isHeld: row.integer(3) != 0,
                told: StoredAlert.decode(told: row.text(4))
            )
        }
        stored.limits = try connection.query("SELECT key, tokens, updated_at FROM rate_limit") { (row) throws(SQLiteError) in
            Dispatcher.Stored.Limit(key: row.text(0), tokens: row.double(1), updatedAt: Timestamp(nanoseconds: row.integer(2)))
        }
        stored.silences = try silences()
        return stored
    }

    // MARK: Silences

    func silences() throws(SQLiteError) -> [Silence] {
        try connection.query("SELECT id, matchers, starts_at, ends_at, created_by, comment FROM silence") { (row) throws(SQLiteError) in
            Silence(
                id: UUID(bytes: row.blob(0)) ?? UUID(high: 0, low: 0),
                matchers: (try? JSON.parse(row.text(1)))?.array?.compactMap(\.string) ?? [],
                startsAt: Timestamp(nanoseconds: row.integer(2)),
                endsAt: Timestamp(nanoseconds: row.integer(3)),
                createdBy: row.text(4),
                comment: row.text(5)
            )
        }
    }

    func write(_ silence: Silence) throws(SQLiteError) {
        try connection.execute(
            "INSERT OR REPLACE INTO silence (id, matchers, starts_at, ends_at, created_by, comment) VALUES (?, ?, ?, ?, ?, ?)",
            [
                .blob(silence.id.bytes), .text(JSON.array(silence.matchers.map { .string($0) }).text), .integer(silence.startsAt.nanoseconds),
                .integer(silence.endsAt.nanoseconds), .text(silence.createdBy), .text(silence.comment),
            ]
        )
    }

    func deleteSilences(_ ids: [UUID]) throws(SQLiteError) {
        for id in ids { try connection.execute("DELETE FROM silence WHERE id = ?", [.blob(id.bytes)]) }
    }

    // MARK: Outbox

    private func insert(_ delivery: Delivery, at now: Timestamp) throws(SQLiteError) -> Outbox.Item? {
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
        guard isPending else { return nil }
        return Outbox.Item(
            id: delivery.id,
            ordinal: connection.lastInsertRowID,
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
    func finish(_ id: UUID, state: NotificationRecord.State, reply: String, at now: Timestamp) throws(SQLiteError) {
        try connection.transaction { () throws(SQLiteError) in
            try connection.execute(
                """
                UPDATE delivery SET state = ?, attempts = attempts + 1, next_attempt_at = NULL, finished_at = ?, last_reply = ?, payload = NULL
                WHERE id = ?
                """,
                [.text(state.rawValue), .integer(now.nanoseconds), .text(reply), .blob(id.bytes)]
            )
            finished += 1
            guard finished % 100 == 1 else { return }
            try connection.execute(
                """
                DELETE FROM delivery WHERE state != 'pending' AND ordinal <=
                    (SELECT ordinal FROM delivery WHERE state != 'pending' ORDER BY ordinal DESC LIMIT 1 OFFSET ?)
                """,
                [.integer(Int64(NotifyingLimits.finishedKept))]
            )
        }
    }

    func postpone(_ id: UUID, until moment: Timestamp, reply: String) throws(SQLiteError) {
        try connection.execute(
            "UPDATE delivery SET attempts = attempts + 1, next_attempt_at = ?, last_reply = ? WHERE id = ?",
            [.integer(moment.nanoseconds), .text(reply), .blob(id.bytes)]
        )
    }

    /// Newest first.
    func records(limit: Int) throws(SQLiteError) -> [NotificationRecord] {
        let sql = """
            SELECT id, receiver, kind, group_key, status, alert_count, state, attempts, created_at, next_attempt_at, finished_at, last_reply
            FROM delivery ORDER BY ordinal DESC LIMIT ?
            """
        return try connection.query(sql, [.integer(Int64(max(0, limit)))]) { (row) throws(SQLiteError) in
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
    }

    func count(_ state: NotificationRecord.State) throws(SQLiteError) -> Int {
        let sql = "SELECT count(*) FROM delivery WHERE state = ?"
        return try connection.first(sql, [.text(state.rawValue)]) { (row) throws(SQLiteError) in Int(row.integer(0)) } ?? 0
    }
}
