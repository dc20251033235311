import SQLite

/// The tables of the journal, `log.db`. Times are nanoseconds, UUIDs 16 bytes, unsigned numbers stored by their bits.
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
            """,
            """
            -- The first version kept all blocks here; now they stay until they are sealed. What it stored is sealed at the next start.
            DROP INDEX blocks_by_arrival;
            DROP INDEX blocks_by_latest;
            DROP INDEX blocks_by_earliest;
            DROP INDEX client_ids_by_position;
            ALTER TABLE blocks DROP COLUMN span;
            ALTER TABLE blocks DROP COLUMN summary;
            ALTER TABLE blocks RENAME TO arrivals;

            -- bytes: how far the file is written; what lies behind is the rest of a crash. day: of arrival. class: '' or a source with a retention of its own.
            CREATE TABLE segments (
                id INTEGER PRIMARY KEY, kind INTEGER NOT NULL, resolution INTEGER NOT NULL, class TEXT NOT NULL, day INTEGER NOT NULL, bytes INTEGER NOT NULL,
                received_ns INTEGER NOT NULL);
            -- first, last: positions of the arrivals whose rows are in it.
            CREATE TABLE sealed (
                number INTEGER PRIMARY KEY, segment INTEGER NOT NULL, start INTEGER NOT NULL, length INTEGER NOT NULL, kind INTEGER NOT NULL,
                resolution INTEGER NOT NULL, rows INTEGER NOT NULL, from_ns INTEGER NOT NULL, to_ns INTEGER NOT NULL, first INTEGER NOT NULL,
                last INTEGER NOT NULL, set_aside TEXT);
            CREATE INDEX sealed_by_segment ON sealed (segment);
            -- Filters that wait for a group of their size, and where the groups lie. blocks: 8 bytes a number.
            CREATE TABLE word_filters (number INTEGER PRIMARY KEY, segment INTEGER NOT NULL, bytes BLOB NOT NULL);
            CREATE TABLE word_groups (
                id INTEGER PRIMARY KEY, segment INTEGER NOT NULL, start INTEGER NOT NULL, bits INTEGER NOT NULL, blocks BLOB NOT NULL);
            -- What retention has deleted: a reader that stands before it is told.
            CREATE TABLE purged (kind INTEGER PRIMARY KEY, position INTEGER NOT NULL, from_ns INTEGER NOT NULL, to_ns INTEGER NOT NULL, rows INTEGER NOT NULL);
            -- Copies of readers' positions, for the lag.
            CREATE TABLE cursors (name TEXT PRIMARY KEY, position INTEGER NOT NULL) WITHOUT ROWID;
            """,
            """
            -- level: how often a segment's rows were brought together; from 1 on no more blocks come into it.
            ALTER TABLE segments ADD COLUMN level INTEGER NOT NULL DEFAULT 0;
            -- exact: 0 when it was read back from sealed blocks, because the journal was lost: more may have been acknowledged, so the next sequence may be
            -- any higher one.
            ALTER TABLE watermarks ADD COLUMN exact INTEGER NOT NULL DEFAULT 1;
            -- What retention has deleted, by position, so that a reader is told of what lay before it only.
            CREATE TABLE purged_spans (
                kind INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL, from_ns INTEGER NOT NULL, to_ns INTEGER NOT NULL, rows INTEGER NOT NULL);
            INSERT INTO purged_spans SELECT kind, 1, position, from_ns, to_ns, rows FROM purged WHERE position > 0;
            DROP TABLE purged;
            """,
            """
            -- NULL: rows as bits and blocks say it.
            ALTER TABLE word_groups ADD COLUMN length INTEGER;
            """,
            """
            -- Of the request's text, so that another request under the same key is told from a repeat; NULL: of before.
            ALTER TABLE keys ADD COLUMN checksum INTEGER;
            -- Where the log ended, now and then: which of the clients' own ids are old enough to be forgotten.
            CREATE TABLE id_marks (noted_ns INTEGER PRIMARY KEY, position INTEGER NOT NULL);
            """,
            """
            -- How far agents' files are stored: written with the lines, asked for by an agent whose spool was lost. The newest word on a file counts.
            CREATE TABLE read_positions (
                host TEXT NOT NULL, device INTEGER NOT NULL, inode INTEGER NOT NULL, agent BLOB NOT NULL, path TEXT NOT NULL, offset INTEGER NOT NULL,
                head_hash INTEGER NOT NULL, head_length INTEGER NOT NULL, tail_hash INTEGER NOT NULL, tail_length INTEGER NOT NULL,
                noted_ns INTEGER NOT NULL, PRIMARY KEY (host, device, inode, agent)) WITHOUT ROWID;
            CREATE INDEX read_positions_by_age ON read_positions (noted_ns);
            """,
            """
            -- encoding 2 of arrivals: an agent's batch as it was sent. A program of before would take it for damage, so it shall not open the file.
            SELECT 1;
            """,
        ]
    )

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
}
