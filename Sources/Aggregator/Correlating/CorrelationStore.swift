import Blocks
import Explaining
import SQLite
import Telemetry

/// The room's own SQLite file: cursor, alert states, leases, incidents and transitions change in one transaction, so position and effect are
/// one. What is left half done by a crash was never there, and is decided again from the log.
///
/// Alerts and events lie in it as blocks (Blocks), which carry their own version and checksum. Used by one actor at a time; calls block.
final class CorrelationStore {
    static let migrations = Migrations(
        applicationID: 0x5463_6F72,  // "Tcor"
        steps: [
            """
            CREATE TABLE progress (
                one INTEGER PRIMARY KEY CHECK (one = 1),
                cursor INTEGER NOT NULL, next_sequence INTEGER NOT NULL, told INTEGER NOT NULL, recorded INTEGER NOT NULL
            ) STRICT;
            CREATE TABLE alert (
                host TEXT NOT NULL, fingerprint INTEGER NOT NULL, phase INTEGER NOT NULL, alert BLOB NOT NULL,
                agent BLOB, lane INTEGER, sequence INTEGER, block INTEGER, row INTEGER,
                heard_at INTEGER NOT NULL, held_until INTEGER, incident BLOB,
                PRIMARY KEY (host, fingerprint)
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE host (
                host TEXT PRIMARY KEY, agent BLOB NOT NULL, tags TEXT NOT NULL, state TEXT NOT NULL,
                first_contact INTEGER NOT NULL, last_contact INTEGER NOT NULL, since INTEGER NOT NULL,
                last_kind INTEGER NOT NULL, last_data_at INTEGER NOT NULL, samples_at INTEGER NOT NULL, collections INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE TABLE incident (
                id BLOB PRIMARY KEY, host TEXT NOT NULL, opened_at INTEGER NOT NULL, closed_at INTEGER,
                alerts BLOB NOT NULL, firing TEXT NOT NULL, evidence BLOB NOT NULL, evidence_wanted INTEGER NOT NULL
            ) STRICT, WITHOUT ROWID;
            CREATE INDEX incident_opened ON incident (opened_at);
            CREATE INDEX incident_closed ON incident (closed_at);
            CREATE TABLE transition (
                sequence INTEGER PRIMARY KEY, host TEXT NOT NULL, alert BLOB NOT NULL, previous TEXT, reason TEXT NOT NULL,
                incident BLOB NOT NULL, history_only INTEGER NOT NULL, decided_at INTEGER NOT NULL
            ) STRICT;
            """,
            DecisionTable.schema,
            hostsStep, incidentsStep, patternsStep,
            """
            CREATE TABLE flap (
                host TEXT NOT NULL, fingerprint INTEGER NOT NULL, times TEXT NOT NULL, since INTEGER, changes INTEGER,
                PRIMARY KEY (host, fingerprint)
            ) STRICT, WITHOUT ROWID;
            """,
            // Who said an alert first, where several say it.
            """
            ALTER TABLE alert ADD COLUMN told_host TEXT;
            ALTER TABLE alert ADD COLUMN told_active_at INTEGER;
            ALTER TABLE alert ADD COLUMN told_starts_at INTEGER;
            """,
        ]
    )

    /// How far each of the two that transitions are handed to has come.
    enum Consumer: String, Sendable { case told, recorded }

    let connection: Connection

    /// Opens or makes the file. A new one counts from the clock's milliseconds: a sequence is never used twice, also when the file was
    /// lost, so that the receiver does not take news for repeats.
    init(path: String, now: Timestamp) throws(SQLiteError) {
        connection = try Connection(path: path)
        try Self.migrations.apply(to: connection)
        let first = max(1, now.milliseconds)
        try connection.execute(
            "INSERT OR IGNORE INTO progress (one, cursor, next_sequence, told, recorded) VALUES (1, 0, ?, ?, ?)",
            [.integer(first), .integer(first - 1), .integer(first - 1)]
        )
    }

    // MARK: Reading

    func load() throws(SQLiteError) -> StoredCorrelation {
        var state = StoredCorrelation(nextSequence: 1)
        let progress = try connection.first("SELECT cursor, next_sequence FROM progress") { (row) throws(SQLiteError) in
            (row.unsigned(0), row.unsigned(1))
        }
        guard let progress else { throw connection.corruption("the row of table progress is missing") }
        (state.cursor, state.nextSequence) = progress
        state.alerts = try connection.query("SELECT * FROM alert") { (row) throws(SQLiteError) in try self.alertEntry(row) }
        (state.leases, state.outages) = (try leases(), try outages())
        (state.incidents, state.patterns) = (try rememberedIncidents(), try patterns())
        state.flaps = try flaps()
        return state
    }

    func position(of consumer: Consumer) throws(SQLiteError) -> UInt64 {
        try connection.first("SELECT \(consumer.rawValue) FROM progress") { (row) throws(SQLiteError) in row.unsigned(0) } ?? 0
    }

    /// Transitions that one of the two has not taken yet.
    func pendingCount() throws(SQLiteError) -> Int {
        let sql = "SELECT next_sequence - 1 - min(told, recorded) FROM progress"
        return Int(try connection.first(sql) { (row) throws(SQLiteError) in row.integer(0) } ?? 0)
    }

    func transitions(after sequence: UInt64, limit: Int) throws(SQLiteError) -> [AlertTransition] {
        let sql = """
            SELECT sequence, alert, previous, reason, incident, history_only FROM transition WHERE sequence > ? ORDER BY sequence LIMIT ?
            """
        return try connection.query(sql, [.unsigned(sequence), .integer(Int64(limit))]) { (row) throws(SQLiteError) in
            AlertTransition(
                sequence: row.unsigned(0),
                alert: try self.alert(row.blob(1)),
                previous: row.optionalText(2).flatMap { AlertState(rawValue: $0) },
                reason: row.text(3),
                incident: UUID(bytes: row.blob(4)) ?? UUID(high: 0, low: 0),
                isHistoryOnly: row.integer(5) != 0
            )
        }
    }

    /// What was decided on one label set in the episodes that began between the two moments.
    func decisions(of fingerprint: UInt64, activeFrom: Timestamp, to: Timestamp) throws(SQLiteError) -> [Decision] {
        try DecisionTable.decisions(of: fingerprint, activeFrom: activeFrom, to: to, in: connection)
    }

    // MARK: Writing

    /// Position and effects, all or nothing.
    func write(_ changes: CorrelationChanges, transitions: [AlertTransition], cursor: LogPosition, now: Timestamp) throws(SQLiteError) {
        try connection.transaction { () throws(SQLiteError) in
            for (key, entry) in changes.alerts { try write(entry, key: key) }
            for (host, lease) in changes.leases { try write(lease, host: host) }
            for (site, outage) in changes.outages { try write(outage, site: site) }
            for incident in changes.incidents { try write(incident) }
            for (key, state) in changes.patterns { try write(state, key: key) }
            for (key, entry) in changes.flaps { try write(entry, key: key) }
            for transition in transitions { try write(transition, now: now) }
            for decision in changes.decisions { try DecisionTable.insert(decision, into: connection) }
            try connection.execute(
                "UPDATE progress SET cursor = ?, next_sequence = ?",
                [.unsigned(cursor), .unsigned(changes.nextSequence)]
            )
        }
    }

    /// A consumer has taken everything up to `sequence`.
    func mark(_ consumer: Consumer, through sequence: UInt64) throws(SQLiteError) {
        try connection.execute("UPDATE progress SET \(consumer.rawValue) = max(\(consumer.rawValue), ?)", [.unsigned(sequence)])
    }

    /// Deletes what is over its limits of age and number, and transitions that both consumers took long ago.
    func prune(_ config: CorrelatingConfig, now: Timestamp) throws(SQLiteError) {
        let oldest = now.advanced(by: .zero - config.incidents.keep)
        try connection.transaction { () throws(SQLiteError) in
            try connection.execute("DELETE FROM incident WHERE closed_at < ?", [.integer(oldest.nanoseconds)])
            let count = try connection.first("SELECT count(*) FROM incident") { (row) throws(SQLiteError) in row.integer(0) } ?? 0
            if count > Int64(config.incidents.countMax) {
                try connection.execute(
                    """
                    DELETE FROM incident WHERE id IN (SELECT id FROM incident WHERE closed_at IS NOT NULL ORDER BY closed_at LIMIT ?)
                    """,
                    [.integer(count - Int64(config.incidents.countMax))]
                )
            }
            let oldestDecision = now.advanced(by: .zero - config.keepDecisionsFor)
            try DecisionTable.prune(before: oldestDecision, perAlertMax: config.decisionsPerAlert, in: connection)
            try connection.execute(
                "DELETE FROM transition WHERE sequence < (SELECT min(told, recorded) - ? FROM progress)",
                [.unsigned(CorrelatingLimits.transitionsKept)]
            )
        }
    }

    private func write(_ entry: AlertEntry?, key: AlertKey) throws(SQLiteError) {
        guard let entry else {
            try connection.execute("DELETE FROM alert WHERE host = ? AND fingerprint = ?", [.text(key.host), .unsigned(key.fingerprint)])
            return
        }
        try connection.execute(
            "INSERT OR REPLACE INTO alert VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .text(key.host), .unsigned(key.fingerprint), .integer(entry.phase.rawValue), .blob(AlertBlock.encode([entry.alert])),
                entry.place.map { .blob($0.agent.bytes) } ?? .null,
                .optional(entry.place.map { Int64($0.lane.rawValue) }),
                entry.place.map { .unsigned($0.sequence) } ?? .null,
                .optional(entry.place.map { Int64($0.block) }),
                .optional(entry.place.map { Int64($0.row) }),
                .integer(entry.heardAt.nanoseconds), .optional(entry.heldUntil?.nanoseconds),
                entry.incident.map { .blob($0.bytes) } ?? .null,
                .optional(entry.told?.host), .optional(entry.told?.activeAt.nanoseconds), .optional(entry.told?.startsAt.nanoseconds),
            ]
        )
    }

    private func write(_ transition: AlertTransition, now: Timestamp) throws(SQLiteError) {
        try connection.execute(
            "INSERT INTO transition VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .unsigned(transition.sequence), .text(transition.alert.labels["host"] ?? ""), .blob(AlertBlock.encode([transition.alert])),
                .optional(transition.previous?.rawValue), .text(transition.reason), .blob(transition.incident.bytes),
                .integer(transition.isHistoryOnly ? 1 : 0), .integer(now.nanoseconds),
            ]
        )
    }

    // MARK: Rows

    private func alertEntry(_ row: Row) throws(SQLiteError) -> AlertEntry {
        guard let phase = AlertEntry.Phase(rawValue: row.integer(2)) else { throw connection.corruption("alert phase \(row.integer(2)) is unknown") }
        var place: RowOrigin?
        if !row.isNull(4) {
            guard let agent = UUID(bytes: row.blob(4)), let lane = Lane(rawValue: UInt8(truncatingIfNeeded: row.integer(5))) else {
                throw connection.corruption("an alert's place cannot be read")
            }
            place = RowOrigin(
                agent: agent,
                lane: lane,
                sequence: row.unsigned(6),
                block: UInt32(truncatingIfNeeded: row.integer(7)),
                row: UInt32(truncatingIfNeeded: row.integer(8))
            )
        }
        let told = row.optionalText(12).map { host in
            AlertEntry.Voice(host: host, activeAt: Timestamp(nanoseconds: row.integer(13)), startsAt: Timestamp(nanoseconds: row.integer(14)))
        }
        return AlertEntry(
            host: row.text(0),
            alert: try alert(row.blob(3)),
            phase: phase,
            place: place,
            heardAt: Timestamp(nanoseconds: row.integer(9)),
            heldUntil: row.optionalInteger(10).map { Timestamp(nanoseconds: $0) },
            incident: row.isNull(11) ? nil : UUID(bytes: row.blob(11)),
            told: told
        )
    }

    private func alert(_ bytes: [UInt8]) throws(SQLiteError) -> Alert {
        do { if let alert = try AlertBlock(decoding: bytes).alerts.first { return alert } } catch {
            throw connection.corruption("an alert cannot be read: \(error)")
        }
        throw connection.corruption("a stored block holds no alert")
    }
}
