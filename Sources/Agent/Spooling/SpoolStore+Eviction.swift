import SQLite
import Telemetry

/// What is given up when the spool is full: metrics are kept in coarser steps first, then logs that can wait do so, then the oldest logs go,
/// then metrics, then alerts; never a batch on loan, one that may have been sent only when there is no other, never silently. All of this is
/// part of a transaction.
extension SpoolStore {
    /// A run of given-up sequences of one lane (table `skipped`).
    struct Run {
        var first: BatchKey
        var last: BatchKey
        var createdAt: Timestamp
        var gapID: Int64
        var gap: Gap
    }

    /// Gives up batches until `bytes` more fit into what `lane` may use. False when that cannot be.
    func makeRoom(for bytes: UInt64, in lane: Lane, _ occasion: Occasion) throws(SQLiteError) -> Bool {
        let limit = house.config.limitBytes(for: lane)
        // A page at the least, and the way down to it.
        let needed = bytes + 2 * UInt64(connection.options.pageBytes)
        guard try usedBytes() + needed > limit else { return true }
        // Some more than needed at a time, so that a full spool does not give up a batch with each that comes.
        let goal = limit - min(limit, limit / 64)
        while try usedBytes() + needed > goal {
            guard try giveUpSome(for: lane, occasion) else { break }
        }
        return try usedBytes() + needed <= limit
    }

    /// Gives up something for `lane`; false when there is nothing that may be.
    private func giveUpSome(for lane: Lane, _ occasion: Occasion) throws(SQLiteError) -> Bool {
        if lane == .metrics || state[.metrics].bytes > house.config.reserveBytes(of: .metrics), try thinSome(occasion) { return true }
        if lane == .logs, occasion.canWait, house.config.whenFull == .wait { return false }
        let victims = victims(for: lane)
        for victim in victims where state[victim].batches > 0 {
            if try giveUpOldest(of: victim, after: max(reach(of: victim), state[victim].acknowledged), occasion) { return true }
        }
        for victim in victims where state[victim].batches > 0 {
            if try giveUpOldest(of: victim, after: state[victim].acknowledged, occasion) { return true }
        }
        return false
    }

    /// Who yields to `lane`, first first: the less urgent lanes, then its own, then what more urgent ones hold beyond their reserve. But a lane
    /// that holds less than such an excess does not eat itself up: then the excess goes first.
    private func victims(for lane: Lane) -> [Lane] {
        let lessUrgent = Lane.allCases.reversed().filter { $0 > lane }
        func excess(_ lane: Lane) -> UInt64 { state[lane].bytes - min(state[lane].bytes, house.config.reserveBytes(of: lane)) }
        let moreUrgent = Lane.allCases.filter { $0 < lane && excess($0) > 0 }
        let own = state[lane].bytes
        return lessUrgent + moreUrgent.filter { excess($0) > own } + [lane] + moreUrgent.filter { excess($0) <= own }
    }

    private func giveUpOldest(of lane: Lane, after sequence: UInt64, _ occasion: Occasion) throws(SQLiteError) -> Bool {
        var start = BatchKey(lane, sequence + 1)
        while occasion.onLoan.contains(start) { start = start.next }
        let victims = try connection.query(
            "SELECT key, size, row_count, from_at, to_at FROM batch INDEXED BY batch_ledger WHERE key BETWEEN ? AND ? ORDER BY key LIMIT ?",
            [.integer(start.rawValue), .integer(BatchKey.end(of: lane).rawValue), .integer(SpoolLimits.evictionStep)]
        ) { (row) throws(SQLiteError) in
            Victim(key: BatchKey(rawValue: row.integer(0)), bytes: row.unsigned(1), rows: row.unsigned(2), from: row.integer(3), to: row.integer(4))
        }
        var run: Run?
        for victim in victims.prefix(while: { !occasion.onLoan.contains($0.key) }) {
            if let open = run, open.last.next != victim.key {
                try save(open)
                run = nil
            }
            if run == nil { run = try openRun(before: victim.key) }
            if run == nil { run = try newRun(at: victim, lane: lane, now: occasion.now) }
            run?.extend(with: victim, detail: detail(of: lane))
            try remove(victim.key, bytes: victim.bytes)
        }
        guard let run else { return false }
        try save(run)
        return true
    }

    private func detail(of lane: Lane) -> String {
        "the spool was full (\(house.config.maxBytes >> 20) MiB) and the oldest of its \(lane) were given up: "
            + "check that the aggregator is reachable, or raise spool.max_size"
    }

    private func newRun(at victim: Victim, lane: Lane, now: Timestamp) throws(SQLiteError) -> Run {
        let gap = Gap(
            source: lane.label,
            reason: .spoolFull,
            from: Timestamp(nanoseconds: victim.from),
            to: Timestamp(nanoseconds: victim.to),
            detail: detail(of: lane)
        )
        return Run(first: victim.key, last: victim.key, createdAt: now, gapID: try record(gap), gap: gap)
    }

    /// The run that ends right before `key`, if it may still grow.
    private func openRun(before key: BatchKey) throws(SQLiteError) -> Run? {
        let run = try connection.first(
            "SELECT first, last, created_at, gap, source, reason, from_at, to_at, row_count, size, detail, is_fixed FROM skipped "
                + "WHERE first < ? ORDER BY first DESC LIMIT 1",
            [.integer(key.rawValue)]
        ) { (row) throws(SQLiteError) in (run: Run(row), isFixed: row.integer(11) != 0) }
        guard let run, !run.isFixed, run.run.last.next == key, run.run.gap.reason == .spoolFull else { return nil }
        return run.run
    }

    /// Inserts or overwrites a run, and the record of its gap.
    private func save(_ run: Run) throws(SQLiteError) {
        try insert(run, isFixed: false)
        try update(run.gap, id: run.gapID)
    }

    func insert(_ run: Run, isFixed: Bool) throws(SQLiteError) {
        try connection.execute(
            """
            INSERT OR REPLACE INTO skipped
                (first, last, created_at, gap, source, reason, from_at, to_at, row_count, size, detail, is_fixed)
            VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
            """,
            [
                .integer(run.first.rawValue), .integer(run.last.rawValue), .integer(run.createdAt.nanoseconds), .integer(run.gapID),
                .text(run.gap.source), .text(run.gap.reason.rawValue), .integer(run.gap.from.nanoseconds), .integer(run.gap.to.nanoseconds),
                .unsigned(run.gap.count), .unsigned(run.gap.bytes), .text(run.gap.detail), .integer(isFixed ? 1 : 0),
            ]
        )
    }

    struct Victim {
        var key: BatchKey
        var bytes: UInt64
        var rows: UInt64
        var from: Int64
        var to: Int64
    }
}

extension SpoolStore.Run {
    /// From a row of `skipped`, columns in the order of the schema.
    init(_ row: Row) {
        self.init(
            first: BatchKey(rawValue: row.integer(0)),
            last: BatchKey(rawValue: row.integer(1)),
            createdAt: Timestamp(nanoseconds: row.integer(2)),
            gapID: row.integer(3),
            gap: Gap(
                source: row.text(4),
                reason: Gap.Reason(rawValue: row.text(5)) ?? .corrupt,
                from: Timestamp(nanoseconds: row.integer(6)),
                to: Timestamp(nanoseconds: row.integer(7)),
                count: row.unsigned(8),
                bytes: row.unsigned(9),
                detail: row.text(10)
            )
        )
    }

    mutating func extend(with victim: SpoolStore.Victim, detail: String) {
        last = victim.key
        gap.from = min(gap.from, Timestamp(nanoseconds: victim.from))
        gap.to = max(gap.to, Timestamp(nanoseconds: victim.to))
        gap.count += victim.rows
        gap.bytes += victim.bytes
        gap.detail = detail
    }
}
