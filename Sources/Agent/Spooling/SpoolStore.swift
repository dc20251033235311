import Blocks
import SQLite
import Telemetry
import Wire

/// The spool's database: what can be done to it in a transaction. It decides nothing about failures, leases in time or who waits: that is
/// ``Spool``'s. Calls block.
final class SpoolStore {
    let connection: Connection
    let house: SpoolHouse
    private(set) var state: SpoolState
    /// What was last made durable; handed to the rooms at start, and carried into a new file when this one is found damaged.
    private(set) var checkpoint: Checkpoint
    /// Whether free pages are being given back.
    var isShrinking = false
    /// Through here batches may have been sent, per lane: what the file says of the time before it was opened, and what was leased since.
    private var reaches: [UInt64]
    /// Where the next search for metrics that can be thinned begins, by step (``SpoolLimits/thinningSteps``).
    var thinned: [BatchKey] = SpoolLimits.thinningSteps.map { _ in BatchKey(.metrics, 0) }

    /// Opens the file, or makes it.
    init(path: String, house: SpoolHouse, newAgent: UUID, at now: Timestamp) throws(SQLiteError) {
        let connection = try Connection(path: path, options: Self.options)
        try SpoolSchema.migrations.apply(to: connection)
        let isMade = try connection.first("SELECT 1 FROM meta") { (_) throws(SQLiteError) in true } ?? false
        if !isMade {
            try connection.transaction { () throws(SQLiteError) in
                try Self.makeState(connection, agent: newAgent, machine: house.machine, at: now)
            }
        }
        state = try Self.loadState(connection)
        checkpoint = try Self.loadCheckpoint(connection)
        (self.connection, self.house) = (connection, house)
        reaches = state.lanes.map(\.sent)
        try enableShrinking()
    }

    static let options: ConnectionOptions = {
        var options = ConnectionOptions()
        options.autoVacuum = .incremental
        options.keepsWAL = true
        options.walAutoCheckpointPages = SpoolLimits.walPagesMax
        return options
    }()

    var identity: HostIdentity { HostIdentity(agent: state.agent, host: house.host, tags: house.tags) }

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
                refusal = try insert(parcels, Occasion(now: now, onLoan: onLoan, canWait: parcels.contains(where: \.canWait)))
                try save(parcels, into: &after)
            } catch { throw .sqlite(error) }
            if let refusal { throw .noRoom(refusal) }
        }
        checkpoint = after
    }

    /// Seals what the parcels bring, lane by lane, and inserts it. Returns a reason when there is no room.
    private func insert(_ parcels: [Parcel], _ occasion: Occasion) throws(SQLiteError) -> String? {
        for parcel in parcels {
            for gap in parcel.gaps { _ = try record(gap) }
        }
        for lane in Lane.allCases {
            var draft = Draft()
            for parcel in parcels {
                let pieces = parcel.pieces.filter { $0.lane == lane }
                for (index, piece) in pieces.enumerated() {
                    if draft.isFull(with: piece) {
                        if let refusal = try insert(draft, in: lane, occasion) { return refusal }
                        draft = Draft()
                    }
                    draft.add(piece)
                    // The last batch of a read says which bytes it was: what is named is stored up to there.
                    if lane == .logs, index == pieces.count - 1 { draft.add(parcel.reads) }
                }
                // Lines that were left out need no word of their own, but where a file stands without a line does.
                if lane == .logs, pieces.isEmpty { draft.add(parcel.reads.filter { $0.from == $0.to }) }
            }
            if let refusal = try insert(draft, in: lane, occasion) { return refusal }
        }
        return nil
    }

    private func insert(_ draft: Draft, in lane: Lane, _ occasion: Occasion) throws(SQLiteError) -> String? {
        guard !draft.blocks.isEmpty || !draft.reads.isEmpty else { return nil }
        let batch = Batch(
            identity: identity,
            lane: lane,
            sequence: state[lane].next - state[lane].base,
            createdAt: occasion.now,
            blocks: draft.blocks,
            reads: draft.reads
        )
        let sealed = Wire.seal(batch, packed: draft.packed)
        guard try makeRoom(for: UInt64(sealed.bytes.count), in: lane, occasion) else {
            let (used, limit) = (try usedBytes() >> 20, house.config.limitBytes(for: lane) >> 20)
            return "the spool is full (\(used) of \(limit) MiB for \(lane)) and nothing in it may be given up: "
                + "check that the aggregator is reachable, or raise spool.max_size; the giver keeps its data"
        }
        let now = occasion.now.nanoseconds
        try append(sealed, from: draft.rows == 0 ? now : draft.from, to: draft.rows == 0 ? now : draft.to)
        return nil
    }

    /// Puts a sealed batch at the end of its lane, under the sequence that it was sealed with.
    func append(_ batch: SealedBatch, from: Int64, to: Int64) throws(SQLiteError) {
        let lane = batch.lane
        let key = BatchKey(lane, state[lane].next)
        try connection.execute(
            "INSERT INTO batch (key, generation, created_at, row_count, from_at, to_at, size, bytes) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            [
                .integer(key.rawValue), .integer(state.generation), .integer(batch.createdAt.nanoseconds), .integer(Int64(batch.rows)),
                .integer(from), .integer(to), .integer(Int64(batch.bytes.count)), .blob(batch.bytes),
            ]
        )
        // What goes out at once is marked as sent here, for nothing; what waits in a backlog when it is leased.
        if state[lane].bytes <= SpoolLimits.liveBytes { state[lane].sent = state[lane].next }
        state[lane].next += 1
        state[lane].batches += 1
        state[lane].bytes += UInt64(batch.bytes.count)
    }

    /// What is the same for all that a transaction stores.
    struct Occasion {
        var now: Timestamp
        /// Batches that must stay where they are.
        var onLoan: Set<BatchKey>
        /// Whether the logs in it can be given again later: then nothing is given up for them.
        var canWait: Bool
    }

    /// Blocks on their way into a batch.
    private struct Draft {
        var blocks: [[UInt8]] = []
        /// By block.
        var packed: [Int: PackedPart] = [:]
        var reads: [ReadRange] = []
        var bytes = 0
        var rows = 0
        var from = Int64.max
        var to = Int64.min

        func isFull(with piece: Parcel.Piece) -> Bool { !blocks.isEmpty && bytes + piece.bytes.count > SpoolLimits.batchBytesMax }

        /// Of one file's bytes only the last say where it stands.
        mutating func add(_ more: [ReadRange]) {
            for read in more {
                if let index = reads.lastIndex(where: { $0.isFollowed(by: read) }) {
                    let from = reads[index].from
                    reads[index] = read
                    reads[index].from = from
                } else {
                    reads.append(read)
                }
            }
        }

        mutating func add(_ piece: Parcel.Piece) {
            packed[blocks.count] = piece.packed
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

    var waitingBytes: UInt64 { state.lanes.reduce(0) { $0 + $1.bytes } }

    /// Batches in the table of refused ones.
    func refusedCount() throws(SQLiteError) -> UInt64 {
        try connection.first("SELECT count(*) FROM refused") { (row) throws(SQLiteError) in row.unsigned(0) } ?? 0
    }

    /// Begins with what another file's checkpoint was.
    func start(with adopted: Checkpoint, isWhole: Bool) throws(SQLiteError) {
        var written = Checkpoint()
        try write { () throws(SQLiteError) in written = try adopt(adopted, isWhole: isWhole) }
        checkpoint = written
    }

    // MARK: For the extensions in files of their own

    func reach(of lane: Lane) -> UInt64 { reaches[Int(lane.rawValue)] }
    func noteLeased(_ key: BatchKey, in lane: Lane) { reaches[Int(lane.rawValue)] = max(reach(of: lane), key.sequence) }
    func change(_ lane: Lane, _ body: (inout SpoolState.Lane) -> Void) { body(&state[lane]) }
    func change(_ body: (inout SpoolState) -> Void) { body(&state) }
    func count(gap reason: Gap.Reason, by number: Int = 1) {
        let count = state.gapCounts[reason] ?? 0
        state.gapCounts[reason] = number < 0 ? count - min(count, UInt64(-number)) : count + UInt64(number)
    }
}
