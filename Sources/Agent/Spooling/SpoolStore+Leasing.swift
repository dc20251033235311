import Blocks
import SQLite
import Telemetry
import Wire

/// What goes out, and what comes back.
extension SpoolStore {
    struct Leased {
        var key: BatchKey
        var batch: SealedBatch
    }

    /// Most bytes that a stored batch may inflate to when it is sealed again: far above ``SpoolLimits/batchBytesMax`` and one large block.
    private static var inflatedBytesMax: Int { 256 << 20 }

    /// The most urgent batches not on loan, at least one if there are any, about `bytes` of them.
    func leasable(upToBytes bytes: Int, onLoan: Set<BatchKey>) throws(SQLiteError) -> [Leased] {
        var leased: [Leased] = []
        var total = 0
        func isFull() -> Bool { !leased.isEmpty && (total >= bytes || leased.count >= SpoolLimits.leaseBatchesMax) }
        func add(_ key: BatchKey, _ batch: SealedBatch) -> Bool {
            guard leased.isEmpty || (total + batch.bytes.count <= bytes && leased.count < SpoolLimits.leaseBatchesMax) else { return false }
            leased.append(Leased(key: key, batch: batch))
            total += batch.bytes.count
            return true
        }
        for lane in Lane.allCases where !isFull() {
            var expected = firstNotOnLoan(in: lane, onLoan)
            let end = BatchKey(lane, state[lane].next)
            while expected < end, !onLoan.contains(expected), !isFull() {
                if let run = try run(holding: expected, lane: lane) {
                    try fix(run)
                    guard add(expected, seal(run, at: expected, in: lane)) else { break }
                } else if let batch = try stored(expected, in: lane) {
                    guard add(expected, batch) else { break }
                } else {
                    // A row that should be here is not: the file was damaged, or somebody was at it. Said once, and the line goes on.
                    try skip(expected, in: lane, reason: .corrupt, detail: "a batch of \(lane) is missing from the spool: check the disk")
                    continue
                }
                expected = expected.next
            }
        }
        for item in leased { noteLeased(item.key, in: item.batch.lane) }
        return leased
    }

    func hasLeasable(onLoan: Set<BatchKey>) -> Bool {
        Lane.allCases.contains { lane in firstNotOnLoan(in: lane, onLoan) < BatchKey(lane, state[lane].next) }
    }

    private func firstNotOnLoan(in lane: Lane, _ onLoan: Set<BatchKey>) -> BatchKey {
        var key = BatchKey(lane, state[lane].acknowledged + 1)
        while onLoan.contains(key) { key = key.next }
        return key
    }

    private func stored(_ key: BatchKey, in lane: Lane) throws(SQLiteError) -> SealedBatch? {
        let row = try connection.first("SELECT generation, created_at, row_count, bytes FROM batch WHERE key = ?", [.integer(key.rawValue)]) {
            (row) throws(SQLiteError) in
            (generation: row.integer(0), createdAt: Timestamp(nanoseconds: row.integer(1)), rows: Int(row.integer(2)), bytes: row.blob(3))
        }
        guard let row else { return nil }
        let sequence = key.sequence - state[lane].base
        if row.generation == state.generation {
            return SealedBatch(lane: lane, sequence: sequence, createdAt: row.createdAt, bytes: row.bytes, rows: row.rows)
        }
        // Sealed under an identity that was given up: the same content under the new one, each time the same bytes.
        guard var batch = (try? Wire.open(row.bytes, inflatedBytesMax: Self.inflatedBytesMax))?.first?.batch else { return nil }
        batch.identity.agent = state.agent
        batch.sequence = sequence
        return Wire.seal(batch)
    }

    // MARK: Given-up sequences

    private func run(holding key: BatchKey, lane: Lane) throws(SQLiteError) -> (run: Run, isFixed: Bool)? {
        let run = try connection.first(
            "SELECT first, last, created_at, gap, source, reason, from_at, to_at, row_count, size, detail, is_fixed FROM skipped "
                + "WHERE first <= ? ORDER BY first DESC LIMIT 1",
            [.integer(key.rawValue)]
        ) { (row) throws(SQLiteError) in (run: Run(row), isFixed: row.integer(11) != 0) }
        guard let run, run.run.last >= key else { return nil }
        return run
    }

    /// From now on somebody may have seen it: the same sequence must always have the same content, or the aggregator takes us for a clone.
    private func fix(_ run: (run: Run, isFixed: Bool)) throws(SQLiteError) {
        guard !run.isFixed else { return }
        try write { () throws(SQLiteError) in
            try connection.execute("UPDATE skipped SET is_fixed = 1 WHERE first = ?", [.integer(run.run.first.rawValue)])
        }
    }

    /// What stands on the wire for a sequence that was given up: nothing, and under the run's last one the gap.
    private func seal(_ run: (run: Run, isFixed: Bool), at key: BatchKey, in lane: Lane) -> SealedBatch {
        let run = run.run
        let isLast = key == run.last && !run.gap.detail.isEmpty
        let blocks = isLast ? [EventBlock.encode([run.gap.event(at: run.createdAt, host: host)])] : []
        return Wire.seal(
            Batch(identity: identity, lane: lane, sequence: key.sequence - state[lane].base, createdAt: run.createdAt, blocks: blocks)
        )
    }

    /// Puts a gap in the place of one sequence.
    private func skip(_ key: BatchKey, in lane: Lane, reason: Gap.Reason, detail: String) throws(SQLiteError) {
        let gap = Gap(source: lane.label, reason: reason, from: Timestamp(nanoseconds: 0), to: Timestamp(nanoseconds: 0), count: 0, detail: detail)
        try write { () throws(SQLiteError) in
            try connection.execute("DELETE FROM batch WHERE key = ?", [.integer(key.rawValue)])
            try insert(Run(first: key, last: key, createdAt: gap.from, gapID: try record(gap), gap: gap), isFixed: true)
        }
    }

    // MARK: Answers

    /// What an acknowledgement says about us.
    enum AcknowledgeOutcome: Equatable {
        case done
        /// It does not fit what we sent: the aggregator knows another spool under our name, or has lost what it had. The sentence says which.
        case mismatch(String)
    }

    /// Frees what is durable at the aggregator.
    func acknowledge(_ acknowledgement: Acknowledgement) throws(SQLiteError) -> AcknowledgeOutcome {
        for (lane, sequence) in acknowledgement.lanes.sorted(by: { $0.key < $1.key }) {
            let (sent, known) = (state[lane].next - 1 - state[lane].base, state[lane].acknowledged - state[lane].base)
            if sequence > sent {
                return .mismatch("the aggregator has \(sequence) batches of \(lane) under this agent's id and only \(sent) were made here")
            }
            if sequence < known {
                return .mismatch(
                    "the aggregator has \(sequence) batches of \(lane) although it had acknowledged \(known): it lost some or was restored"
                )
            }
        }
        var freed: [(lane: Lane, through: UInt64)] = []
        for (lane, sequence) in acknowledgement.lanes {
            // Beyond what was sent it could be a clone's; then the next lease tells: a repeat is acknowledged, a conflict is answered with 409.
            let through = min(sequence + state[lane].base, leasedThrough[Int(lane.rawValue)])
            if through > state[lane].acknowledged { freed.append((lane, through)) }
        }
        guard !freed.isEmpty else { return .done }
        try write { () throws(SQLiteError) in
            for (lane, through) in freed { try free(lane, through: through) }
        }
        return .done
    }

    private func free(_ lane: Lane, through sequence: UInt64) throws(SQLiteError) {
        let (first, last) = (BatchKey(lane, state[lane].acknowledged + 1), BatchKey(lane, sequence))
        let range: [Value] = [.integer(first.rawValue), .integer(last.rawValue)]
        let gone = try connection.first("SELECT count(*), sum(size) FROM batch WHERE key BETWEEN ? AND ?", range) { (row) throws(SQLiteError) in
            (batches: row.unsigned(0), bytes: row.unsigned(1))
        }
        try connection.execute("DELETE FROM batch WHERE key BETWEEN ? AND ?", range)
        try connection.execute("DELETE FROM skipped WHERE first >= ? AND last <= ?", range)
        try connection.execute(
            "UPDATE skipped SET first = ? WHERE first BETWEEN ? AND ?",
            [.integer(last.next.rawValue)] + range
        )
        change(lane) { lane in
            lane.acknowledged = sequence
            lane.batches -= min(gone?.batches ?? 0, lane.batches)
            lane.bytes -= min(gone?.bytes ?? 0, lane.bytes)
        }
    }

    /// Keeps a batch that the aggregator will never take in a table of its own and puts a gap in its place.
    func setAside(_ batch: SealedBatch, reason: String, at now: Timestamp) throws(SQLiteError) {
        let lane = batch.lane
        let key = BatchKey(lane, batch.sequence + state[lane].base)
        guard key.sequence > state[lane].acknowledged, key.sequence < state[lane].next else { return }
        if let run = try run(holding: key, lane: lane) {
            // Either the gap's own batch was refused, or this one was set aside already and we are asked again.
            if seal(run, at: key, in: lane).bytes == batch.bytes { try emptyOut(run.run, at: key, lane: lane) }
            return
        }
        let times = try connection.first("SELECT from_at, to_at FROM batch WHERE key = ?", [.integer(key.rawValue)]) { (row) throws(SQLiteError) in
            (from: Timestamp(nanoseconds: row.integer(0)), to: Timestamp(nanoseconds: row.integer(1)))
        }
        let gap = Gap(
            source: lane.label,
            reason: .refused,
            from: times?.from ?? batch.createdAt,
            to: times?.to ?? batch.createdAt,
            count: UInt64(batch.rows),
            bytes: UInt64(batch.bytes.count),
            detail: "the aggregator refused a batch for good (\(reason)); it is kept in the spool's table of refused batches"
        )
        try write { () throws(SQLiteError) in
            try connection.execute(
                "INSERT INTO refused (lane, sequence, refused_at, reason, bytes) VALUES (?, ?, ?, ?, ?)",
                [.integer(Int64(lane.rawValue)), .unsigned(batch.sequence), .integer(now.nanoseconds), .text(reason), .blob(batch.bytes)]
            )
            try connection.execute(
                """
                DELETE FROM refused WHERE id IN (
                    SELECT id FROM (SELECT id, sum(length(bytes)) OVER (ORDER BY id DESC) AS total FROM refused) WHERE total > ?)
                """,
                [.integer(Int64(SpoolLimits.refusedBytesMax))]
            )
            try connection.execute("DELETE FROM batch WHERE key = ?", [.integer(key.rawValue)])
            let wasThere = connection.changes > 0
            try insert(Run(first: key, last: key, createdAt: now, gapID: try record(gap), gap: gap), isFixed: true)
            guard wasThere else { return }
            change(lane) { lane in
                lane.batches -= min(1, lane.batches)
                lane.bytes -= min(UInt64(batch.bytes.count), lane.bytes)
            }
        }
    }

    /// Even the gap's own batch was refused: its sequence stays as a batch without content. The record at home keeps the gap.
    private func emptyOut(_ run: Run, at key: BatchKey, lane: Lane) throws(SQLiteError) {
        try write { () throws(SQLiteError) in
            try connection.execute("DELETE FROM skipped WHERE first = ?", [.integer(run.first.rawValue)])
            var (before, empty, after) = (run, run, run)
            (empty.first, empty.last) = (key, key)
            empty.gap.detail = ""
            try insert(empty, isFixed: true)
            if run.first < key {
                before.last = BatchKey(rawValue: key.rawValue - 1)
                // The gap went with the refused end of the run.
                before.gap.detail = ""
                try insert(before, isFixed: true)
            }
            if key < run.last {
                after.first = key.next
                try insert(after, isFixed: true)
            }
        }
    }
}
