import SQLite
import Telemetry

/// Past alerts: one row of `episode` for each time that an alert fired, written with the transition that says so.
extension NotificationStore {
    /// The second step of the schema, with ``DecisionTable/schema``.
    static let historySchema = """
        CREATE TABLE delivery_alert (
            fingerprint INTEGER NOT NULL, active_at INTEGER NOT NULL, delivery BLOB NOT NULL,
            PRIMARY KEY (fingerprint, active_at, delivery)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX delivery_alert_by_delivery ON delivery_alert (delivery);
        CREATE INDEX delivery_by_time ON delivery (created_at);
        CREATE TABLE episode (
            ordinal INTEGER PRIMARY KEY, fingerprint INTEGER NOT NULL, active_at INTEGER NOT NULL, starts_at INTEGER NOT NULL, ends_at INTEGER,
            alertname TEXT NOT NULL, host TEXT NOT NULL, reason TEXT NOT NULL, history_only INTEGER NOT NULL, incident BLOB NOT NULL,
            body TEXT NOT NULL, acknowledged_at INTEGER, acknowledged_by TEXT, acknowledged_comment TEXT, acknowledged_via TEXT,
            UNIQUE (fingerprint, active_at)
        ) STRICT;
        CREATE INDEX episode_by_start ON episode (starts_at, ordinal);
        CREATE INDEX episode_by_end ON episode (ends_at);
        ALTER TABLE alert_group ADD COLUMN escalating_since INTEGER;
        ALTER TABLE alert_group ADD COLUMN escalation_step INTEGER NOT NULL DEFAULT 0;
        """

    /// To be called inside the transaction that takes the transition.
    func remember(_ transition: AlertTransition) throws(SQLiteError) {
        let alert = transition.alert
        let fingerprint = Value.unsigned(alert.fingerprint)
        let activeAt = Value.integer(alert.activeAt.nanoseconds)
        // Whatever else of this alert is open has ended: the state before was lost, or its beginning was learned anew.
        try connection.execute(
            "UPDATE episode SET ends_at = max(starts_at, ?) WHERE fingerprint = ? AND ends_at IS NULL AND active_at != ?",
            [.integer((alert.endsAt ?? alert.startsAt).nanoseconds), fingerprint, activeAt]
        )
        try connection.execute(
            """
            INSERT INTO episode (fingerprint, active_at, starts_at, ends_at, alertname, host, reason, history_only, incident, body)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            ON CONFLICT (fingerprint, active_at) DO UPDATE SET starts_at = excluded.starts_at, ends_at = excluded.ends_at,
                reason = excluded.reason, incident = excluded.incident, body = excluded.body
            """,
            [
                fingerprint, activeAt, .integer(alert.startsAt.nanoseconds), .optional(alert.endsAt?.nanoseconds), .text(alert.name),
                .text(alert.labels["host"] ?? ""), .text(transition.reason), .integer(transition.isHistoryOnly ? 1 : 0),
                .blob(transition.incident.bytes), .text(StoredAlert.encode(alert)),
            ]
        )
    }

    // MARK: Acknowledgements

    /// Of episodes that have not ended.
    func acknowledgements() throws(SQLiteError) -> [EpisodeKey: AlertAcknowledgement] {
        let rows = try connection.query(
            """
            SELECT fingerprint, active_at, acknowledged_at, acknowledged_by, acknowledged_comment, acknowledged_via FROM episode
            WHERE ends_at IS NULL AND acknowledged_at IS NOT NULL
            """
        ) { (row) throws(SQLiteError) in
            (
                EpisodeKey(fingerprint: row.unsigned(0), activeAt: Timestamp(nanoseconds: row.integer(1))),
                AlertAcknowledgement(at: Timestamp(nanoseconds: row.integer(2)), by: row.text(3), comment: row.text(4), via: row.text(5))
            )
        }
        return Dictionary(rows) { _, last in last }
    }

    /// Nil: taken back.
    func write(_ acknowledgement: AlertAcknowledgement?, of key: EpisodeKey) throws(SQLiteError) {
        try connection.execute(
            """
            UPDATE episode SET acknowledged_at = ?, acknowledged_by = ?, acknowledged_comment = ?, acknowledged_via = ?
            WHERE fingerprint = ? AND active_at = ?
            """,
            [
                .optional(acknowledgement?.at.nanoseconds), .optional(acknowledgement?.by), .optional(acknowledgement?.comment),
                .optional(acknowledgement?.via), .unsigned(key.fingerprint), .integer(key.activeAt.nanoseconds),
            ]
        )
    }
}
