import Explaining
import JSON
import SQLite
import Telemetry
import Transferring

/// `notifications.db`: what was taken from Correlating, what the groups have told, and the outbox. One transaction a transition: its sequence,
/// its effect on the groups and the notifications that follow from it are on disk together or not at all.
///
/// Tables: `meta` (watermark), `recent` (digests of the last transitions, to tell a repeat from a new count), `alert`, `alert_group`,
/// `rate_limit`, `silence`, `down` (channels that take nothing), and `delivery`, one row a notification and channel; its `content` is deleted when
/// it has been delivered. `payload` and the columns beside it hold what versions before the first release wrote out in advance; `delivery_alert`
/// says which alerts a delivery is about. `decision` holds why things are as they are. Times are nanoseconds since the epoch.
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
            """,
            DecisionTable.schema,
            historySchema,
            "ALTER TABLE silence ADD COLUMN updated_at INTEGER;",
            """
            ALTER TABLE delivery ADD COLUMN content TEXT;
            ALTER TABLE delivery ADD COLUMN queued_at INTEGER;
            ALTER TABLE delivery ADD COLUMN in_doubt INTEGER NOT NULL DEFAULT 0;
            ALTER TABLE delivery ADD COLUMN digest BLOB;
            ALTER TABLE delivery ADD COLUMN fallback_at INTEGER;
            ALTER TABLE delivery ADD COLUMN fallback_of BLOB;
            ALTER TABLE delivery ADD COLUMN note TEXT;
            ALTER TABLE alert_group ADD COLUMN opened_at INTEGER;
            CREATE TABLE down (channel TEXT PRIMARY KEY, since INTEGER NOT NULL, reply TEXT NOT NULL) STRICT, WITHOUT ROWID;
            CREATE INDEX delivery_by_digest ON delivery (digest) WHERE digest IS NOT NULL;
            """,
        ]
    )

    let connection: Connection

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
        var transition: AlertTransition
        var digest: UInt64
        /// Correlating counts anew (its file was lost): what was remembered says nothing any more.
        var beginsAnew: Bool

        var sequence: UInt64 { transition.sequence }
    }

    /// Writes everything in one transaction; returns the new outbox rows.
    func write(
        _ taken: [Taken],
        changes: Dispatcher.Changes,
        of dispatcher: Dispatcher,
        deliveries: [Delivery],
        at now: Timestamp
    ) throws(SQLiteError) -> [Outbox.Item] {
        try connection.transaction { () throws(SQLiteError) in
            for one in taken {
                try write(one)
                try remember(one.transition)
            }
            for fingerprint in changes.alerts { try write(dispatcher.alerts[fingerprint], fingerprint: fingerprint) }
            for key in changes.groups { try write(dispatcher.groups[key], key: key) }
            for key in changes.limits { try write(dispatcher.limits[key], key: key) }
            for decision in changes.decisions { try record(decision) }
            for (key, acknowledgement) in changes.acknowledgements { try write(acknowledgement, of: key) }
            var items: [Outbox.Item] = []
            for delivery in deliveries { items.append(try insert(delivery)) }
            return items
        }
    }

    /// To be called inside the transaction that holds what was decided.
    func record(_ decision: Decision) throws(SQLiteError) { try DecisionTable.insert(decision, into: connection) }

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
            """
            INSERT OR REPLACE INTO alert_group (key, next_flush, has_flushed, is_held, told, escalating_since, escalation_step, opened_at)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .text(key), .integer(group.nextFlush.nanoseconds), .integer(group.hasFlushed ? 1 : 0), .integer(group.isHeld ? 1 : 0),
                .text(StoredAlert.encode(told: group.told)), .optional(group.escalation?.since.nanoseconds),
                .integer(Int64(group.escalation?.step ?? 0)), .optional(group.openedAt?.nanoseconds),
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
        stored.groups = try connection.query(
            "SELECT key, next_flush, has_flushed, is_held, told, escalating_since, escalation_step, opened_at FROM alert_group"
        ) {
            (row) throws(SQLiteError) in
            Dispatcher.Stored.Group(
                key: row.text(0),
                nextFlush: Timestamp(nanoseconds: row.integer(1)),
                hasFlushed: row.integer(2) != 0,
                isHeld: row.integer(3) != 0,
                told: StoredAlert.decode(told: row.text(4)),
                escalation: row.optionalInteger(5).map { Escalation(since: Timestamp(nanoseconds: $0), step: Int(row.integer(6))) },
                openedAt: row.optionalInteger(7).map { Timestamp(nanoseconds: $0) }
            )
        }
        stored.limits = try connection.query("SELECT key, tokens, updated_at FROM rate_limit") { (row) throws(SQLiteError) in
            Dispatcher.Stored.Limit(key: row.text(0), tokens: row.double(1), updatedAt: Timestamp(nanoseconds: row.integer(2)))
        }
        stored.silences = try silences()
        stored.acknowledgements = try acknowledgements()
        return stored
    }

    // MARK: Silences

    func silences() throws(SQLiteError) -> [Silence] {
        try connection.query("SELECT id, matchers, starts_at, ends_at, created_by, comment, updated_at FROM silence") { (row) throws(SQLiteError) in
            Silence(
                id: UUID(bytes: row.blob(0)) ?? UUID(high: 0, low: 0),
                matchers: (try? JSON.parse(row.text(1)))?.array?.compactMap(\.string) ?? [],
                startsAt: Timestamp(nanoseconds: row.integer(2)),
                endsAt: Timestamp(nanoseconds: row.integer(3)),
                createdBy: row.text(4),
                comment: row.text(5),
                updatedAt: row.optionalInteger(6).map { Timestamp(nanoseconds: $0) }
            )
        }
    }

    func write(_ silence: Silence) throws(SQLiteError) {
        try connection.execute(
            "INSERT OR REPLACE INTO silence (id, matchers, starts_at, ends_at, created_by, comment, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)",
            [
                .blob(silence.id.bytes), .text(JSON.array(silence.matchers.map { .string($0) }).text), .integer(silence.startsAt.nanoseconds),
                .integer(silence.endsAt.nanoseconds), .text(silence.createdBy), .text(silence.comment),
                .integer(silence.updatedAt.nanoseconds),
            ]
        )
    }

    func deleteSilences(_ ids: [UUID]) throws(SQLiteError) {
        for id in ids { try connection.execute("DELETE FROM silence WHERE id = ?", [.blob(id.bytes)]) }
    }
}
