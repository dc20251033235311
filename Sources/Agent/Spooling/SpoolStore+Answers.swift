import Blocks
import SQLite
import Telemetry
import Wire

/// What comes back.
extension SpoolStore {
    /// What an acknowledgement says about us.
    enum AcknowledgeOutcome: Equatable {
        case done
        /// The aggregator has less than it had acknowledged: what is not acknowledged goes out anew under a new id.
        case behind(String)
        /// The aggregator has more than was made here: somebody else uses our id. What is here is either his too, or refused; what comes needs
        /// another id.
        case ahead(String)
    }

    /// Frees what is durable at the aggregator.
    func acknowledge(_ acknowledgement: Acknowledgement, of agent: UUID) throws(SQLiteError) -> AcknowledgeOutcome {
        var outcome = AcknowledgeOutcome.done
        var freed: [(lane: Lane, through: UInt64)] = []
        for (lane, sequence) in acknowledgement.lanes.sorted(by: { $0.key < $1.key }) {
            // An id that was given up meanwhile: its answer says nothing about the numbers of today.
            guard let owner = state.owner(named: agent, in: lane) else { continue }
            let acknowledged = max(state[lane].acknowledged, owner.base)
            let (sent, known) = (min(state[lane].next - 1, owner.through) - owner.base, acknowledged - owner.base)
            if sequence < known {
                return .behind(
                    "the aggregator has \(sequence) batches of \(lane) although it had acknowledged \(known): it lost some or was restored"
                )
            }
            if sequence > sent, owner.agent == state.agent {
                outcome = .ahead("the aggregator has \(sequence) batches of \(lane) under this agent's id and only \(sent) were made here")
            }
            // It answered 200 to what was leased, so that much is there, whoever brought it.
            let through = min(min(sequence, 1 << 55) + owner.base, owner.through, reach(of: lane), state[lane].next - 1)
            if through > state[lane].acknowledged, state[lane].acknowledged >= owner.after { freed.append((lane, through)) }
        }
        guard !freed.isEmpty else { return outcome }
        // A power cut may take it back: then the batches go out once more, and the aggregator knows them.
        try connection.committingLazily { () throws(SQLiteError) in
            try write { () throws(SQLiteError) in
                for (lane, through) in freed { try free(lane, through: through) }
                change { $0.forgetOldHeirlooms() }
            }
        }
        return outcome
    }

    private func free(_ lane: Lane, through sequence: UInt64) throws(SQLiteError) {
        let (first, last) = (BatchKey(lane, state[lane].acknowledged + 1), BatchKey(lane, sequence))
        let range: [Value] = [.integer(first.rawValue), .integer(last.rawValue)]
        let gone = try connection.first("SELECT count(*), sum(size) FROM batch INDEXED BY batch_ledger WHERE key BETWEEN ? AND ?", range) {
            (row) throws(SQLiteError) in (batches: row.unsigned(0), bytes: row.unsigned(1))
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

    /// Where a batch that was sent lies; nil when it is not there any more.
    func key(of batch: SealedBatch, of agent: UUID) -> BatchKey? {
        guard let owner = state.owner(named: agent, in: batch.lane), batch.sequence < 1 << 55 else { return nil }
        let sequence = batch.sequence + owner.base
        guard sequence > max(state[batch.lane].acknowledged, owner.after), sequence < state[batch.lane].next, sequence <= owner.through else {
            return nil
        }
        return BatchKey(batch.lane, sequence)
    }

    /// The aggregator has something else under this sequence. True: what stands here is only the note that a batch was damaged, so the one that
    /// it has is the batch; it is taken as acknowledged, and the note withdrawn.
    func isDeliveredDamage(_ key: BatchKey, in lane: Lane) throws(SQLiteError) -> Bool {
        guard let run = try run(holding: key, lane: lane), run.run.gap.reason == .corrupt, key.sequence == state[lane].acknowledged + 1 else {
            return false
        }
        try write { () throws(SQLiteError) in
            if key == run.run.last {
                try connection.execute("DELETE FROM gap WHERE id = ?", [.integer(run.run.gapID)])
                if connection.changes > 0 {
                    try connection.execute("UPDATE gap_count SET count = max(0, count - 1) WHERE reason = ?", [.text(Gap.Reason.corrupt.rawValue)])
                    count(gap: .corrupt, by: -1)
                }
            }
            try free(lane, through: key.sequence)
            change { $0.forgetOldHeirlooms() }
        }
        return true
    }

    /// Keeps a batch that the aggregator will never take in a table of its own and puts a gap in its place.
    func setAside(_ batch: SealedBatch, at key: BatchKey, reason: String, at now: Timestamp) throws(SQLiteError) {
        let lane = batch.lane
        if let run = try run(holding: key, lane: lane) {
            // Either the gap's own batch was refused, or this one was set aside already and we are asked again.
            if seal(run, at: key, in: lane).bytes == batch.bytes { try emptyOut(run.run, at: key, lane: lane) }
            return
        }
        let row = try connection.first("SELECT from_at, to_at, size FROM batch WHERE key = ?", [.integer(key.rawValue)]) {
            (row) throws(SQLiteError) in
            (from: Timestamp(nanoseconds: row.integer(0)), to: Timestamp(nanoseconds: row.integer(1)), size: row.unsigned(2))
        }
        let gap = Gap(
            source: lane.label,
            reason: .refused,
            from: row?.from ?? batch.createdAt,
            to: row?.to ?? batch.createdAt,
            count: UInt64(batch.rows),
            bytes: UInt64(batch.bytes.count),
            detail: "the aggregator refused a batch for good (\(reason)); it is kept: agentctl spool export --set-aside"
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
            try remove(key, bytes: row?.size ?? 0)
            try insert(Run(first: key, last: key, createdAt: now, gapID: try record(gap), gap: gap), isFixed: true)
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

    /// Leaves half of a batch under its sequence and puts the other half at the end of its lane. False: it holds one row, or cannot be read.
    func split(_ key: BatchKey, in lane: Lane, at now: Timestamp) throws(SQLiteError) -> Bool {
        guard let batch = try open(key), let halves = BatchHalves(batch) else { return false }
        let owner = state.owner(of: key.sequence, in: lane)
        var (first, second) = (batch, batch)
        (first.identity.agent, first.sequence) = (owner.agent, key.sequence - owner.base)
        (second.identity.agent, second.sequence) = (state.agent, state[lane].next - state[lane].base)
        (first.blocks, second.blocks) = (halves.first, halves.second)
        // All of the bytes that were read are there only when both halves are.
        first.reads = []
        try write { () throws(SQLiteError) in
            try replace(key, with: Wire.seal(first), from: halves.times.lowerBound, to: halves.times.upperBound)
            try append(Wire.seal(second), from: halves.times.lowerBound, to: halves.times.upperBound)
        }
        return true
    }
}

/// The content of a batch in two parts. Pure.
struct BatchHalves {
    let first: [[UInt8]]
    let second: [[UInt8]]
    /// Of both, in nanoseconds.
    let times: ClosedRange<Int64>

    /// Nil when there is one row only, or what cannot be decoded.
    init?(_ batch: Batch) {
        let headers = batch.blocks.compactMap { try? BlockHeader(decoding: $0) }
        guard headers.count == batch.blocks.count, let from = headers.map(\.from).min(), let to = headers.map(\.to).max() else { return nil }
        times = from.nanoseconds...max(from.nanoseconds, to.nanoseconds)
        if batch.blocks.count > 1 {
            let middle = batch.blocks.count / 2
            (first, second) = (Array(batch.blocks[..<middle]), Array(batch.blocks[middle...]))
            return
        }
        let (bytes, count) = (batch.blocks[0], headers[0].count)
        guard count > 1 else { return nil }
        func halves<Row>(_ rows: [Row], _ encode: ([Row]) -> [UInt8]) -> ([[UInt8]], [[UInt8]]) {
            ([encode(Array(rows[..<(count / 2)]))], [encode(Array(rows[(count / 2)...]))])
        }
        switch headers[0].kind {
        case .events:
            guard let block = try? EventBlock(decoding: bytes) else { return nil }
            (first, second) = halves(block.events(), { EventBlock.encode($0, numbersData: true) })
        case .samples:
            guard let block = try? SampleBlock(decoding: bytes) else { return nil }
            (first, second) = halves(block.samples(), SampleBlock.encode)
        case .alerts:
            guard let block = try? AlertBlock(decoding: bytes) else { return nil }
            (first, second) = halves(block.alerts, AlertBlock.encode)
        }
    }
}
