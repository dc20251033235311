import SQLite

/// The tables of `log.db`. Times are nanoseconds, UUIDs 16 bytes, unsigned numbers stored by their bits.
enum LogSchema {
    /// "TcLg".
    static let applicationID: Int32 = 0x5463_4C67

    static let migrations = Migrations(
        applicationID: applicationID,
        steps: [
            """
            -- log_id: who gives ids to clients' events. opens: how often the log was opened, so that clients' sequences never come twice.
            -- position: at or above each position ever given, so that none is given again after retention.
            CREATE TABLE meta (key TEXT PRIMARY KEY, value) WITHOUT ROWID;

            CREATE TABLE origins (
                id INTEGER PRIMARY KEY, agent BLOB NOT NULL, host TEXT NOT NULL, tags TEXT NOT NULL, UNIQUE (agent, host, tags));

            -- bytes stand last: a scan over the other columns does not read them. span: see LogSchema.spans.
            CREATE TABLE blocks (
                position INTEGER PRIMARY KEY, kind INTEGER NOT NULL, rows INTEGER NOT NULL, from_ns INTEGER NOT NULL, to_ns INTEGER NOT NULL,
                span INTEGER NOT NULL, received_ns INTEGER NOT NULL, origin INTEGER NOT NULL, lane INTEGER NOT NULL, sequence INTEGER NOT NULL,
                block INTEGER NOT NULL, length INTEGER NOT NULL, encoding INTEGER NOT NULL, repeated BLOB, summary BLOB, bytes BLOB NOT NULL);
            CREATE INDEX blocks_by_arrival ON blocks (kind, received_ns);
            CREATE INDEX blocks_by_latest ON blocks (kind, span, to_ns, position, from_ns);
            CREATE INDEX blocks_by_earliest ON blocks (kind, span, from_ns, position, to_ns);

            CREATE TABLE watermarks (agent BLOB NOT NULL, lane INTEGER NOT NULL, sequence INTEGER NOT NULL, PRIMARY KEY (agent, lane))
                WITHOUT ROWID;
            CREATE TABLE sequences (
                agent BLOB NOT NULL, lane INTEGER NOT NULL, sequence INTEGER NOT NULL, checksum INTEGER NOT NULL,
                PRIMARY KEY (agent, lane, sequence)) WITHOUT ROWID;

            CREATE TABLE client_ids (id BLOB PRIMARY KEY, position INTEGER NOT NULL, row INTEGER NOT NULL) WITHOUT ROWID;
            CREATE INDEX client_ids_by_position ON client_ids (position);
            CREATE TABLE keys (client TEXT NOT NULL, key TEXT NOT NULL, expires_ns INTEGER NOT NULL, ids BLOB NOT NULL, PRIMARY KEY (client, key))
                WITHOUT ROWID;
            CREATE INDEX keys_by_expiry ON keys (expires_ns);

            CREATE TABLE set_aside (position INTEGER PRIMARY KEY, detail TEXT NOT NULL, noticed_ns INTEGER NOT NULL);
            """
        ]
    )

    /// Blocks are classed by how long a time they cover, at most so many nanoseconds a class: a search in one class needs to look only so far
    /// beyond the range asked for, and one block that covers a year does not slow the others.
    static let spans: [Int64] = [60_000_000_000, 3_600_000_000_000, 86_400_000_000_000, .max]

    static func span(from: Int64, to: Int64) -> Int {
        let (length, overflow) = to.subtractingReportingOverflow(from)
        return overflow ? spans.count - 1 : spans.firstIndex { length <= $0 } ?? spans.count - 1
    }

    static func connectionOptions() -> ConnectionOptions {
        var options = ConnectionOptions()
        options.keepsWAL = true
        // The committer checkpoints between commits, so that no request waits for it inside of one.
        options.walAutoCheckpointPages = 0
        options.autoVacuum = .incremental
        options.pageBytes = 8192
        options.cacheKiB = 16 * 1024
        return options
    }

    static func readerOptions() -> ConnectionOptions {
        var options = ConnectionOptions.readOnly
        options.cacheKiB = 8 * 1024
        return options
    }
}
