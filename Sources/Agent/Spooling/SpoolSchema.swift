// spool.db, schema 3 (application id "TcSp"). Times are nanoseconds since the epoch; keys are lane << 56 | the spool's own sequence (BatchKey).
//
//   meta        one row: the agent's id on the wire, how often it was renewed (generation), how many transactions were committed
//   lane        per lane: the next sequence, the last one acknowledged, the base that wire sequences are counted from, rows and bytes held
//   batch       sealed batches that are not acknowledged. `generation` tells whether `bytes` carry today's identity; older ones are sealed
//               again when they are leased
//   skipped     runs of sequences whose content was given up. On the wire each is a batch without blocks, and the last one carries the Gap
//               event. `is_fixed`: some of it was leased, so its content must not change any more
//   refused     batches that the aggregator will never take, for a person to look at
//   position    read positions of followed files; `state` is Tailing's own
//   judgement   one row: the alerts that are pending or firing, as a block
//   pattern     matches so far by pattern
//   note        what other rooms must find again, by name: a journal's cursor, who was told of which alert
//   gap         the latest gaps; `gap_count` counts all of them
//
// A sequence between acknowledged + 1 and next - 1 stands in `batch` or in `skipped`, in one of them, always.

import SQLite

enum SpoolSchema {
    static let migrations = Migrations(applicationID: 0x5463_5370, steps: [version1, version2, version3])

    private static let version1 = """
        CREATE TABLE meta (
            id INTEGER PRIMARY KEY CHECK (id = 1),
            agent BLOB NOT NULL,
            generation INTEGER NOT NULL,
            commits INTEGER NOT NULL,
            created_at INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE lane (
            lane INTEGER PRIMARY KEY,
            next INTEGER NOT NULL,
            acknowledged INTEGER NOT NULL,
            base INTEGER NOT NULL,
            batches INTEGER NOT NULL,
            bytes INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE batch (
            key INTEGER PRIMARY KEY,
            generation INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            row_count INTEGER NOT NULL,
            from_at INTEGER NOT NULL,
            to_at INTEGER NOT NULL,
            size INTEGER NOT NULL,
            bytes BLOB NOT NULL
        ) STRICT;
        CREATE TABLE skipped (
            first INTEGER PRIMARY KEY,
            last INTEGER NOT NULL,
            created_at INTEGER NOT NULL,
            gap INTEGER NOT NULL,
            source TEXT NOT NULL,
            reason TEXT NOT NULL,
            from_at INTEGER NOT NULL,
            to_at INTEGER NOT NULL,
            row_count INTEGER NOT NULL,
            size INTEGER NOT NULL,
            detail TEXT NOT NULL,
            is_fixed INTEGER NOT NULL
        ) STRICT;
        CREATE TABLE refused (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            lane INTEGER NOT NULL,
            sequence INTEGER NOT NULL,
            refused_at INTEGER NOT NULL,
            reason TEXT NOT NULL,
            bytes BLOB NOT NULL
        ) STRICT;
        CREATE TABLE position (
            device INTEGER NOT NULL,
            inode INTEGER NOT NULL,
            path TEXT NOT NULL,
            offset INTEGER NOT NULL,
            head_hash INTEGER NOT NULL,
            head_length INTEGER NOT NULL,
            PRIMARY KEY (device, inode)
        ) STRICT, WITHOUT ROWID;
        CREATE TABLE judgement (id INTEGER PRIMARY KEY CHECK (id = 1), alerts BLOB NOT NULL) STRICT;
        CREATE TABLE pattern (name TEXT PRIMARY KEY, matches INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        CREATE TABLE gap (
            id INTEGER PRIMARY KEY AUTOINCREMENT,
            source TEXT NOT NULL,
            reason TEXT NOT NULL,
            from_at INTEGER NOT NULL,
            to_at INTEGER NOT NULL,
            count INTEGER NOT NULL,
            bytes INTEGER NOT NULL,
            detail TEXT NOT NULL
        ) STRICT;
        CREATE TABLE gap_count (reason TEXT PRIMARY KEY, count INTEGER NOT NULL) STRICT, WITHOUT ROWID;
        """

    private static let version2 = """
        ALTER TABLE position ADD COLUMN tail_hash INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE position ADD COLUMN tail_length INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE position ADD COLUMN state BLOB NOT NULL DEFAULT x'';
        """

    private static let version3 = "CREATE TABLE note (name TEXT PRIMARY KEY, text TEXT NOT NULL) STRICT, WITHOUT ROWID;"
}
