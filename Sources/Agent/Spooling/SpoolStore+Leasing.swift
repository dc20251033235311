import Blocks
import SQLite
import Telemetry
import Wire

/// What goes out.
extension SpoolStore {
    struct Leased {
        var key: BatchKey
        var batch: SealedBatch
    }

    /// Most bytes that a stored batch may inflate to when it is sealed again: far above ``SpoolLimits/batchBytesMax`` and one large block.
    static var inflatedBytesMax: Int { 256 << 20 }

    /// The most urgent batches of these lanes not on loan, at least one if there are any, about `bytes` of them, all under one id.
    func leasable(of lanes: [Lane], upToBytes bytes: Int, onLoan: Set<BatchKey>) throws(SQLiteError) -> (batches: [Leased], agent: UUID) {
        var leased: [Leased] = []
        var (total, agent) = (0, UUID?.none)
        func isFull() -> Bool { !leased.isEmpty && (total >= bytes || leased.count >= SpoolLimits.leaseBatchesMax) }
        func add(_ key: BatchKey, _ batch: SealedBatch) -> Bool {
            guard leased.isEmpty || (total + batch.bytes.count <= bytes && leased.count < SpoolLimits.leaseBatchesMax) else { return false }
            leased.append(Leased(key: key, batch: batch))
            total += batch.bytes.count
            return true
        }
        for lane in lanes where !isFull() && !Self.isOnLoan(lane, onLoan) {
            var expected = BatchKey(lane, state[lane].acknowledged + 1)
            let end = BatchKey(lane, state[lane].next)
            while expected < end, !isFull() {
                let owner = state.owner(of: expected.sequence, in: lane)
                guard agent == nil || agent == owner.agent else { break }
                if let run = try run(holding: expected, lane: lane) {
                    try fix(run)
                    guard add(expected, seal(run, at: expected, in: lane)) else { break }
                } else if let batch = try stored(expected, in: lane, owner) {
                    guard add(expected, batch) else { break }
                } else {
                    // A row that should be here is not: the file was damaged, or somebody was at it. Said once, and the line goes on.
                    try skip(expected, in: lane, reason: .corrupt, detail: "a batch of \(lane) is missing from the spool: check the disk")
                    continue
                }
                agent = owner.agent
                expected = expected.next
            }
        }
        try markSent(leased.map(\.key))
        for item in leased { noteLeased(item.key, in: item.batch.lane) }
        return (leased, agent ?? state.agent)
    }

    /// By lane: whether there are batches that are not acknowledged, lent or not.
    var holds: [Bool] { state.lanes.map { $0.acknowledged + 1 < $0.next } }

    /// One loan of a lane at a time: what comes second would arrive without the first, and be refused.
    private static func isOnLoan(_ lane: Lane, _ onLoan: Set<BatchKey>) -> Bool { onLoan.contains { $0.lane == lane } }

    /// On disk before anybody can see them; some more than leased, so that a backlog costs few transactions.
    private func markSent(_ keys: [BatchKey]) throws(SQLiteError) {
        var marks: [Lane: UInt64] = [:]
        for lane in Lane.allCases {
            guard let last = keys.last(where: { $0.lane == lane }), last.sequence > state[lane].sent else { continue }
            marks[lane] = min(last.sequence + SpoolLimits.sentMarkStep, state[lane].next - 1)
        }
        guard !marks.isEmpty else { return }
        try write { () throws(SQLiteError) in
            for (lane, mark) in marks { change(lane) { $0.sent = mark } }
        }
    }

    private func stored(_ key: BatchKey, in lane: Lane, _ owner: SpoolState.Owner) throws(SQLiteError) -> SealedBatch? {
        let row = try connection.first("SELECT generation, created_at, row_count, bytes FROM batch WHERE key = ?", [.integer(key.rawValue)]) {
            (row) throws(SQLiteError) in
            (generation: row.integer(0), createdAt: Timestamp(nanoseconds: row.integer(1)), rows: Int(row.integer(2)), bytes: row.blob(3))
        }
        guard let row else { return nil }
        let sequence = key.sequence - owner.base
        if row.generation == owner.generation {
            return SealedBatch(lane: lane, sequence: sequence, createdAt: row.createdAt, bytes: row.bytes, rows: row.rows)
        }
        // Sealed under an identity that was given up: the same content under the new one, each time the same bytes.
        guard var batch = (try? Wire.open(row.bytes, inflatedBytesMax: Self.inflatedBytesMax))?.first?.batch else { return nil }
        batch.identity.agent = owner.agent
        batch.sequence = sequence
        return Wire.seal(batch)
    }

    // MARK: Given-up sequences

    func run(holding key: BatchKey, lane: Lane) throws(SQLiteError) -> (run: Run, isFixed: Bool)? {
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
    func seal(_ run: (run: Run, isFixed: Bool), at key: BatchKey, in lane: Lane) -> SealedBatch {
        let run = run.run
        let owner = state.owner(of: key.sequence, in: lane)
        let isLast = key == run.last && !run.gap.detail.isEmpty
        let blocks = isLast ? [EventBlock.encode([run.gap.event(at: run.createdAt, host: house.host)])] : []
        var identity = identity
        identity.agent = owner.agent
        return Wire.seal(Batch(identity: identity, lane: lane, sequence: key.sequence - owner.base, createdAt: run.createdAt, blocks: blocks))
    }

    /// Puts a gap in the place of one sequence.
    private func skip(_ key: BatchKey, in lane: Lane, reason: Gap.Reason, detail: String) throws(SQLiteError) {
        let zero = Timestamp(nanoseconds: 0)
        var gap = Gap(source: lane.label, reason: reason, from: zero, to: zero, detail: detail)
        // The row is gone; what it held is known from the ledger.
        let sql = "SELECT row_count, from_at, to_at, size FROM batch INDEXED BY batch_ledger WHERE key = ?"
        let known = try connection.first(sql, [.integer(key.rawValue)]) { (row) throws(SQLiteError) in
            (rows: row.unsigned(0), from: Timestamp(nanoseconds: row.integer(1)), to: Timestamp(nanoseconds: row.integer(2)), bytes: row.unsigned(3))
        }
        if let known { (gap.count, gap.from, gap.to, gap.bytes) = (known.rows, known.from, known.to, known.bytes) }
        try write { () throws(SQLiteError) in
            try connection.execute("DELETE FROM batch WHERE key = ?", [.integer(key.rawValue)])
            try insert(Run(first: key, last: key, createdAt: gap.from, gapID: try record(gap), gap: gap), isFixed: true)
        }
    }

    // MARK: One batch. Parts of a transaction

    /// The content of a stored batch; nil when it is not there or cannot be read.
    func open(_ key: BatchKey) throws(SQLiteError) -> Batch? {
        let bytes = try connection.first("SELECT bytes FROM batch WHERE key = ?", [.integer(key.rawValue)]) { (row) throws(SQLiteError) in row.blob(0)
        }
        return bytes.flatMap { (try? Wire.open($0, inflatedBytesMax: Self.inflatedBytesMax))?.first?.batch }
    }

    /// Other content under a sequence that nobody has seen, or that nobody took.
    func replace(_ key: BatchKey, with batch: SealedBatch, from: Int64, to: Int64) throws(SQLiteError) {
        let before = try connection.first("SELECT size FROM batch WHERE key = ?", [.integer(key.rawValue)]) { (row) throws(SQLiteError) in
            row.unsigned(0)
        }
        try connection.execute(
            "UPDATE batch SET generation = ?, row_count = ?, from_at = ?, to_at = ?, size = ?, bytes = ? WHERE key = ?",
            [
                .integer(state.owner(of: key.sequence, in: batch.lane).generation), .integer(Int64(batch.rows)), .integer(from), .integer(to),
                .integer(Int64(batch.bytes.count)), .blob(batch.bytes), .integer(key.rawValue),
            ]
        )
        change(batch.lane) { $0.bytes = $0.bytes - min($0.bytes, before ?? 0) + UInt64(batch.bytes.count) }
    }

    func remove(_ key: BatchKey, bytes: UInt64) throws(SQLiteError) {
        try connection.execute("DELETE FROM batch WHERE key = ?", [.integer(key.rawValue)])
        guard connection.changes > 0, let lane = key.lane else { return }
        change(lane) { lane in
            lane.batches -= min(1, lane.batches)
            lane.bytes -= min(bytes, lane.bytes)
        }
    }
}
