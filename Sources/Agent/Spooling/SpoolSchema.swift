// spool.db, schema 4 (application id "TcSp"). Times are nanoseconds since the epoch; keys are lane << 56 | the spool's own sequence (BatchKey).
//
//   meta        one row: the agent's id on the wire, how often it was renewed (generation), how many transactions were committed, a hash of
//               the machine's id
//   lane        per lane: the next sequence, the last one acknowledged, the base that wire sequences are counted from, rows and bytes held,
//               and through which sequence batches may have been sent
//   inherited   runs of sequences that go out under an earlier id (SpoolState.Heirloom)
//   batch       sealed batches that are not acknowledged. `generation` tells whether `bytes` carry their owner's identity; older ones are
//               sealed again when they are leased. The index batch_ledger says the same of each batch on other pages: what a damaged page
//               held is known from it
//   skipped     runs of sequences whose content was given up. On the wire each is a batch without blocks, and the last one carries the Gap
//               event. `is_fixed`: some of it was leased, so its content must not change any more
//   refused     batches that the aggregator will never take, for a person to look at
//   position    read positions of followed files; `state` is Tailing's own; the index position_copy holds them a second time
//   judgement   one row: the alerts that are pending or firing, as a block
//   pattern     matches so far by pattern
//   note        what other rooms must find again, by name: a journal's cursor, who was told of which alert
//   gap         the latest gaps; `gap_count` counts all of them
//
// `row_check` in meta, lane and position is a checksum of the row's other columns (RowCheck); 0: written before schema 4. SQLite itself checks no
// content: a bit that turned over in one of these rows would lose or double lines.
//
// A sequence between acknowledged + 1 and next - 1 stands in `batch` or in `skipped`, in one of them, always.

import SQLite

enum SpoolSchema {
    static let migrations = Migrations(applicationID: 0x5463_5370, steps: [version1, version2, version3, version4])

    static let version = migrations.steps.count

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

    private static let version4 = """
        ALTER TABLE meta ADD COLUMN machine INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE meta ADD COLUMN row_check INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE lane ADD COLUMN sent INTEGER NOT NULL DEFAULT 0;
        ALTER TABLE lane ADD COLUMN row_check INTEGER NOT NULL DEFAULT 0;
        UPDATE lane SET sent = next - 1;
        ALTER TABLE position ADD COLUMN row_check INTEGER NOT NULL DEFAULT 0;
        CREATE TABLE inherited (
            lane INTEGER NOT NULL,
            through INTEGER NOT NULL,
            base INTEGER NOT NULL,
            agent BLOB NOT NULL,
            generation INTEGER NOT NULL,
            PRIMARY KEY (lane, through)
        ) STRICT, WITHOUT ROWID;
        CREATE INDEX batch_ledger ON batch (key, row_count, from_at, to_at, size);
        CREATE INDEX position_copy ON position
            (inode, device, path, offset, head_hash, head_length, tail_hash, tail_length, state);
        """
}
