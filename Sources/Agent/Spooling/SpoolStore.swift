import Blocks
import SQLite
import Telemetry
import Wire

/// The spool's numbers: what the tables `meta` and `lane` hold, kept in memory and written with each transaction that changes them.
struct SpoolState: Sendable, Equatable {
    struct Lane: Sendable, Equatable {
        /// The sequence of the next batch, the spool's own count.
        var next: UInt64 = 1
        var acknowledged: UInt64 = 0
        /// Wire sequence = own sequence - base.
        var base: UInt64 = 0
        /// Batches held (given-up ones not counted) and their sealed bytes.
        var batches: UInt64 = 0
        var bytes: UInt64 = 0
    }

    var agent: UUID
    var generation: Int64 = 0
    /// Transactions committed: after a commit whose outcome is not known this tells whether it happened.
    var commits: Int64 = 0
    var lanes: [Lane] = Telemetry.Lane.allCases.map { _ in Lane() }
    var gapCounts: [Gap.Reason: UInt64] = [:]

    subscript(lane: Telemetry.Lane) -> Lane {
        get { lanes[Int(lane.rawValue)] }
        set { lanes[Int(lane.rawValue)] = newValue }
    }
}

/// The spool's database: what can be done to it in a transaction. It decides nothing about failures, leases in time or who waits: that is
/// ``Spool``'s. Calls block.
final class SpoolStore {
    let connection: Connection
    let config: SpoolConfig
    let host: String
    let tags: [String]
    private(set) var state: SpoolState
    /// What was last made durable; handed to the rooms at start, and carried into a new file when this one is found damaged.
    private(set) var checkpoint: Checkpoint
    /// The highest sequence per lane that was leased since the start: nothing beyond it is taken for acknowledged.
    private(set) var leasedThrough: [UInt64] = Lane.allCases.map { _ in 0 }

    /// Opens the file, or makes it with `newAgent` as its id.
    init(path: String, config: SpoolConfig, host: String, tags: [String], newAgent: UUID, at now: Timestamp) throws(SQLiteError) {
        var options = ConnectionOptions()
        options.autoVacuum = .incremental
        options.keepsWAL = true
        options.walAutoCheckpointPages = SpoolLimits.walPagesMax
        let connection = try Connection(path: path, options: options)
        try SpoolSchema.migrations.apply(to: connection)
        let isMade = try connection.first("SELECT 1 FROM meta") { (_) throws(SQLiteError) in true } ?? false
        if !isMade {
            try connection.transaction { () throws(SQLiteError) in
                try connection.execute(
                    "INSERT INTO meta (id, agent, generation, commits, created_at) VALUES (1, ?, 0, 0, ?)",
                    [.blob(newAgent.bytes), .integer(now.nanoseconds)]
                )
                for lane in Lane.allCases {
                    try connection.execute("INSERT INTO lane VALUES (?, 1, 0, 0, 0, 0)", [.integer(Int64(lane.rawValue))])
                }
            }
        }
        state = try Self.loadState(connection)
        checkpoint = try Self.loadCheckpoint(connection)
        (self.connection, self.config, self.host, self.tags) = (connection, config, host, tags)
    }

    var identity: HostIdentity { HostIdentity(agent: state.agent, host: host, tags: tags) }

    /// Bytes of the pages in use, those of a running transaction included.
    func usedBytes() throws(SQLiteError) -> UInt64 {
        let pages = try connection.pragma("page_count") - connection.pragma("freelist_count")
        return UInt64(max(0, pages)) * UInt64(connection.options.pageBytes)
    }

    /// One transaction that changes numbers, too; all of it or nothing, in memory as on disk.
    func write<Failure: Error>(wrapping wrap: (SQLiteError) -> Failure, _ body: () throws(Failure) -> Void) throws(Failure) {
        let saved = state
        do {
            try connection.transaction(wrapping: wrap) { () throws(Failure) in
                state.commits += 1
                try body()
                do throws(SQLiteError) { try saveState(since: saved) } catch { throw wrap(error) }
            }
        } catch {
            state = saved
            throw error
        }
    }

    func write(_ body: () throws(SQLiteError) -> Void) throws(SQLiteError) { try write(wrapping: { $0 }, body) }

    private func saveState(since old: SpoolState) throws(SQLiteError) {
        try connection.execute(
            "UPDATE meta SET agent = ?, generation = ?, commits = ?",
            [.blob(state.agent.bytes), .integer(state.generation), .integer(state.commits)]
        )
        for lane in Lane.allCases where state[lane] != old[lane] {
            let now = state[lane]
            try connection.execute(
                "UPDATE lane SET next = ?, acknowledged = ?, base = ?, batches = ?, bytes = ? WHERE lane = ?",
                [
                    .unsigned(now.next), .unsigned(now.acknowledged), .unsigned(now.base), .unsigned(now.batches), .unsigned(now.bytes),
                    .integer(Int64(lane.rawValue)),
                ]
            )
        }
    }

    private static func loadState(_ connection: Connection) throws(SQLiteError) -> SpoolState {
        let meta = try connection.first("SELECT agent, generation, commits FROM meta") { (row) throws(SQLiteError) in
            (agent: UUID(bytes: row.blob(0)), generation: row.integer(1), commits: row.integer(2))
        }
        guard let meta, let agent = meta.agent else { throw connection.corruption("the spool's agent id is missing") }
        var state = SpoolState(agent: agent, generation: meta.generation, commits: meta.commits)
        let lanes = try connection.query("SELECT lane, next, acknowledged, base, batches, bytes FROM lane") { (row) throws(SQLiteError) in
            let numbers = SpoolState.Lane(
                next: row.unsigned(1),
                acknowledged: row.unsigned(2),
                base: row.unsigned(3),
                batches: row.unsigned(4),
                bytes: row.unsigned(5)
            )
            return (lane: Lane(rawValue: UInt8(truncatingIfNeeded: row.integer(0))), numbers: numbers)
        }
        for (lane, numbers) in lanes {
            guard let lane, numbers.next > numbers.acknowledged, numbers.acknowledged >= numbers.base else {
                throw connection.corruption("the numbers of a lane make no sense")
            }
            state[lane] = numbers
        }
        guard lanes.count == Lane.allCases.count else { throw connection.corruption("the spool has \(lanes.count) lanes") }
        let counts = try connection.query("SELECT reason, count FROM gap_count") { (row) throws(SQLiteError) in
            (reason: Gap.Reason(rawValue: row.text(0)), count: row.unsigned(1))
        }
        for (reason, count) in counts { if let reason { state.gapCounts[reason] = count } }
        return state
    }

    // MARK: Storing

    /// Why a group of parcels was not stored; nothing of it was.
    enum CommitError: Error {
        case sqlite(SQLiteError)
        /// Full, and nothing that may be given up.
        case noRoom(String)
    }

    /// Stores parcels in one transaction.
    /// - Parameter onLoan: batches that must stay where they are.
    func commit(_ parcels: [Parcel], at now: Timestamp, onLoan: Set<BatchKey>) throws(CommitError) {
        var after = checkpoint
        try write(wrapping: CommitError.sqlite) { () throws(CommitError) in
            let refusal: String?
            do throws(SQLiteError) {
                refusal = try insert(parcels, at: now, onLoan: onLoan)
                try save(parcels, into: &after)
            } catch { throw .sqlite(error) }
            if let refusal { throw .noRoom(refusal) }
        }
        checkpoint = after
    }

    /// Seals what the parcels bring, lane by lane, and inserts it. Returns a reason when there is no room.
    private func insert(_ parcels: [Parcel], at now: Timestamp, onLoan: Set<BatchKey>) throws(SQLiteError) -> String? {
        for parcel in parcels {
            for gap in parcel.gaps { _ = try record(gap) }
        }
        for lane in Lane.allCases {
            var draft = Draft()
            for parcel in parcels {
                let pieces = parcel.pieces.filter { $0.lane == lane }
                for (index, piece) in pieces.enumerated() {
                    if draft.isFull(with: piece) {
                        if let refusal = try insert(draft, in: lane, at: now, onLoan: onLoan) { return refusal }
                        draft = Draft()
                    }
                    draft.add(piece)
                    // The last batch of a read says which bytes it was: what is named is stored up to there.
                    if lane == .logs, index == pieces.count - 1 { draft.reads += parcel.reads }
                }
            }
            if let refusal = try insert(draft, in: lane, at: now, onLoan: onLoan) { return refusal }
        }
        return nil
    }

    private func insert(_ draft: Draft, in lane: Lane, at now: Timestamp, onLoan: Set<BatchKey>) throws(SQLiteError) -> String? {
        guard !draft.blocks.isEmpty else { return nil }
        let key = BatchKey(lane, state[lane].next)
        let batch = Batch(
            identity: identity,
            lane: lane,
            sequence: state[lane].next - state[lane].base,
            createdAt: now,
            blocks: draft.blocks,
            reads: draft.reads
        )
        let bytes = Wire.seal(batch).bytes
        guard try makeRoom(for: UInt64(bytes.count), in: lane, at: now, onLoan: onLoan) else {
            let (used, limit) = (try usedBytes() >> 20, config.limitBytes(for: lane) >> 20)
            return "the spool is full (\(used) of \(limit) MiB for \(lane)) and nothing in it may be given up: "
                + "check that the aggregator is reachable, or raise spool.max_size; the giver keeps its data"
        }
        try connection.execute(
            "INSERT INTO batch (key, generation, created_at, row_count, from_at, to_at, size, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .integer(key.rawValue), .integer(state.generation), .integer(now.nanoseconds), .integer(Int64(draft.rows)),
                .integer(draft.from), .integer(draft.to), .integer(Int64(bytes.count)), .blob(bytes),
            ]
        )
        state[lane].next += 1
        state[lane].batches += 1
        state[lane].bytes += UInt64(bytes.count)
        return nil
    }

    /// Blocks on their way into a batch.
    private struct Draft {
        var blocks: [[UInt8]] = []
        var reads: [ReadRange] = []
        var bytes = 0
        var rows = 0
        var from = Int64.max
        var to = Int64.min

        func isFull(with piece: Parcel.Piece) -> Bool { !blocks.isEmpty && bytes + piece.bytes.count > SpoolLimits.batchBytesMax }

        mutating func add(_ piece: Parcel.Piece) {
            blocks.append(piece.bytes)
            bytes += piece.bytes.count
            rows += piece.rows
            from = min(from, piece.from.nanoseconds)
            to = max(to, piece.to.nanoseconds)
        }
    }

    /// The creation time of the oldest batch held; nil when empty.
    func oldestBatch() throws(SQLiteError) -> Timestamp? {
        var oldest: Timestamp?
        for lane in Lane.allCases where state[lane].batches > 0 {
            let range: [Value] = [.integer(BatchKey(lane, 0).rawValue), .integer(BatchKey.end(of: lane).rawValue)]
            let first = try connection.first("SELECT created_at FROM batch WHERE key BETWEEN ? AND ? ORDER BY key LIMIT 1", range) {
                (row) throws(SQLiteError) in Timestamp(nanoseconds: row.integer(0))
            }
            if let first { oldest = min(first, oldest ?? first) }
        }
        return oldest
    }

    /// Gives free pages back to the file system, a step at a time, when most of the file is free.
    func giveSpaceBack() throws(SQLiteError) {
        let (free, pages) = (try connection.pragma("freelist_count"), try connection.pragma("page_count"))
        guard free > Int64(SpoolLimits.vacuumPagesStep), free > pages / 2 else { return }
        try connection.execute("PRAGMA incremental_vacuum(\(SpoolLimits.vacuumPagesStep))")
    }

    /// Begins with what another file's checkpoint was.
    func start(with adopted: Checkpoint) throws(SQLiteError) {
        var written = Checkpoint()
        try write { () throws(SQLiteError) in written = try adopt(adopted) }
        checkpoint = written
    }

    // MARK: For the extensions in files of their own

    func change(_ lane: Lane, _ body: (inout SpoolState.Lane) -> Void) { body(&state[lane]) }
    func count(gap reason: Gap.Reason) { state.gapCounts[reason, default: 0] += 1 }
    func noteLeased(_ key: BatchKey, in lane: Lane) {
        leasedThrough[Int(lane.rawValue)] = max(leasedThrough[Int(lane.rawValue)], key.sequence)
    }

    /// A new id on the wire; sequences there begin at 1 with what is not acknowledged.
    func renew(to agent: UUID) {
        state.agent = agent
        state.generation += 1
        for lane in Lane.allCases { state[lane].base = state[lane].acknowledged }
    }
}
