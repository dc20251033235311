import Glibc
package import Logging
package import Operating
import SQLite
import Synchronization
package import Telemetry

/// The agent's store-and-forward buffer: one SQLite file, written with `synchronous=FULL`.
///
/// What is accepted is stored whole, in one transaction with its read positions and the judge's state, or not at all; accepts that come at the
/// same time share a transaction. Batches wait in lanes with sequences without holes, go out on loan, and leave when the aggregator has them.
/// What must be given up leaves a gap under its sequence.
package actor Spool: Sink, BatchSource {
    private let executor = BlockingExecutor(waitsFor: .disk)
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private nonisolated let house: SpoolHouse
    private nonisolated let time: any TimeSource
    private let logger: Logger
    private let gauges: SpoolGauges
    private let makeUUID: @Sendable (Timestamp) -> UUID
    private let files: SpoolFiles
    private var lock: SpoolLock?

    private nonisolated let loans: Loans
    private nonisolated let lendable: Lendable
    private nonisolated let outlines = SampleOutlines()
    private nonisolated let bell = Bell()
    private nonisolated let waiting = Mutex<[Parcel]>([])
    /// Nil after a failure that makes the connection doubtful: the next call opens the file again.
    private var store: SpoolStore? {
        didSet { if let store { lendable.note(store.holds) } }
    }
    private var isClosed = false
    private var fillRate = FillRate()
    private var waitingRate = FillRate()
    /// After a sync that failed nobody knows what is on disk: nothing is answered until the whole log is in the file.
    private var mustSettle = false
    /// What was being stored when a failure left its outcome open.
    private var unsure: Unsure?
    /// Why the lines of files were not taken last.
    private var logsWait: String?

    private struct Unsure {
        var agent: UUID
        var commits: Int64
        var positions: [[ReadPosition]]
    }

    /// Opens the spool, or makes it. A damaged file is set aside and a new one made, which says so; a second agent is refused.
    /// - Parameters:
    ///   - host: the host's name, part of the identity.
    ///   - tags: `tags:` of the configuration.
    ///   - machine: the machine's id, by which a copied spool is known; nil: not known.
    ///   - makeUUID: how a new agent's id is made; version 7 from the system's randomness unless told.
    package init(
        config: SpoolConfig,
        host: String,
        tags: [String] = [],
        machine: String? = nil,
        time: any TimeSource,
        metrics: MetricsRegistry = MetricsRegistry(),
        logger: Logger = Logger(label: "spool"),
        makeUUID: @escaping @Sendable (Timestamp) -> UUID = Spool.randomUUID
    ) throws(SpoolError) {
        let files = SpoolFiles(folder: config.path)
        try files.makeFolder()
        let lock = try SpoolLock(folder: config.path)
        house = SpoolHouse(config: config, host: host, tags: tags, machine: SpoolMachine.hash(machine))
        (self.time, self.logger) = (time, logger)
        (self.makeUUID, self.files, self.lock) = (makeUUID, files, lock)
        gauges = SpoolGauges(metrics)
        loans = Loans()
        lendable = Lendable(loans)
        let opening = SpoolOpening(house: house, files: files, logger: logger)
        let store = try opening.open(newAgent: makeUUID(time.now()), at: time.now())
        gauges.show(store.state, used: (try? store.usedBytes()) ?? 0, config: config)
        // No observer runs in an initializer.
        self.store = store
        lendable.note(store.holds)
    }

    package static let randomUUID: @Sendable (Timestamp) -> UUID = { timestamp in
        var generator = SystemRandomNumberGenerator()
        return UUID.v7(at: timestamp, using: &generator)
    }

    // MARK: Sink

    /// Returns when the intake is on disk.
    package nonisolated func accept(_ intake: Intake) async throws(SinkError) {
        guard !intake.isEmpty else { return }
        // Encoding is the giver's work; only what must be in order is done on the spool's thread.
        let parcel = Parcel(intake, at: time.now(), host: house.host, outlines: outlines)
        waiting.withLock { $0.append(parcel) }
        await commitWaiting()
        // Whoever came first has committed for all: the result is there.
        if case .failure(let error)? = parcel.result { throw error }
    }

    /// Commits all that waits. Runs on the spool's thread, one at a time.
    private func commitWaiting() {
        while true {
            let parcels = waiting.withLock { waiting in
                var (count, bytes) = (0, 0)
                while count < waiting.count, count == 0 || bytes + waiting[count].byteCount <= SpoolLimits.groupBytesMax {
                    bytes += waiting[count].byteCount
                    count += 1
                }
                defer { waiting.removeFirst(count) }
                return Array(waiting.prefix(count))
            }
            guard !parcels.isEmpty else { return }
            do throws(SinkError) {
                try commit(parcels)
                for parcel in parcels { parcel.finish(.success(())) }
            } catch {
                if parcels.count == 1 {
                    parcels[0].finish(.failure(error))
                } else {
                    // One of them may be to blame; each for itself.
                    for parcel in parcels { parcel.finish(Result { () throws(SinkError) in try commit([parcel]) }) }
                }
            }
        }
    }

    private func commit(_ parcels: [Parcel]) throws(SinkError) {
        for attempt in 1...2 {
            let store = try opened()
            if let unsure {
                // The giver comes again with what may be stored already: the file says whether it is.
                self.unsure = nil
                let isStored = store.state.agent == unsure.agent && store.state.commits >= unsure.commits
                if isStored, parcels.map(\.positions) == unsure.positions, parcels.contains(where: { !$0.positions.isEmpty }) { return }
            }
            let (agent, wanted) = (store.state.agent, store.state.commits + 1)
            do throws(SpoolStore.CommitError) {
                try store.commit(parcels, at: time.now(), onLoan: loans.all)
                if parcels.contains(where: \.canWait) { logsWait = nil }
                noteChange(store)
                return
            } catch {
                switch error {
                case .noRoom(let reason):
                    if parcels.contains(where: \.canWait) { logsWait = reason }
                    throw .failed(reason)
                case .sqlite(let failure) where failure.isFull:
                    logger.error("disk full: nothing was stored", metadata: ["error": "\(failure)"])
                    throw .failed("cannot store into the spool: \(failure); the giver keeps its data")
                case .sqlite(let failure):
                    // The outcome of a failed commit is not known: the log may hold it. What the file says after it is opened again, holds.
                    unsure = Unsure(agent: agent, commits: wanted, positions: parcels.map(\.positions))
                    try doubt(failure)
                    let reopened = try opened()
                    unsure = nil
                    if reopened.state.agent == agent, reopened.state.commits >= wanted {
                        noteChange(reopened)
                        return
                    }
                    if attempt == 2 || failure.isInputOutput { throw .failed("cannot store into the spool: \(failure); the giver keeps its data") }
                }
            }
        }
    }

    // MARK: BatchSource

    package func identity() throws(SinkError) -> HostIdentity { try opened().identity }

    package nonisolated func lease(of lanes: [Lane] = Lane.allCases, upToBytes bytes: Int) async throws(SinkError) -> Lease? {
        lendable.mustAsk(for: lanes) ? try await lend(of: lanes, upToBytes: bytes) : nil
    }

    private func lend(of lanes: [Lane], upToBytes bytes: Int) throws(SinkError) -> Lease? {
        let (batches, agent) = try using { (store) throws(SQLiteError) in
            try store.leasable(of: lanes, upToBytes: bytes, onLoan: loans.all)
        }
        guard !batches.isEmpty else {
            if let store { lendable.note(store.holds) }
            return nil
        }
        let keys = batches.map(\.key)
        loans.take(keys)
        return Lease(batches.map(\.batch), of: agent) { [lendable] _ in lendable.giveBack(keys) }
    }

    package nonisolated func waitForBatches(of lanes: [Lane] = Lane.allCases) async {
        let bell = lendable.bell(of: lanes)
        while !Task.isCancelled {
            let seen = bell.rings
            if lendable.mayHold(lanes) { return }
            await bell.wait(after: seen)
        }
    }

    package nonisolated func tellArrivals(_ ring: @escaping @Sendable () -> Void) { lendable.tell(ring) }

    package func acknowledge(_ acknowledgement: Acknowledgement, of agent: UUID) throws(SinkError) {
        switch try using({ (store) throws(SQLiteError) in try store.acknowledge(acknowledgement, of: agent) }) {
        case .done: noteChange(try opened())
        case .behind(let reason): try renewIdentity(reason: reason)
        case .ahead(let reason): try shareIdentity(reason: reason)
        }
    }

    package func setAside(_ batch: SealedBatch, of agent: UUID, reason: String) throws(SinkError) {
        logger.error(
            "batch refused by the aggregator and set aside",
            metadata: ["batch.lane": "\(batch.lane)", "batch.sequence": "\(batch.sequence)", "reason": "\(reason)"]
        )
        let now = time.now()
        try using { (store) throws(SQLiteError) in
            guard let key = store.key(of: batch, of: agent) else { return }
            try store.setAside(batch, at: key, reason: reason, at: now)
        }
        noteChange(try opened())
    }

    package func split(_ batch: SealedBatch, of agent: UUID) throws(SinkError) -> Bool {
        let now = time.now()
        let isSplit = try using { (store) throws(SQLiteError) in
            guard let key = store.key(of: batch, of: agent) else { return true }
            return try store.split(key, in: batch.lane, at: now)
        }
        noteChange(try opened())
        return isSplit
    }

    package func resolveConflict(over batch: SealedBatch, of agent: UUID, reason: String) throws(SinkError) -> Bool {
        // Acknowledged meanwhile, or under an id that was given up already.
        guard let key = try opened().key(of: batch, of: agent) else { return false }
        if try using({ (store) throws(SQLiteError) in try store.isDeliveredDamage(key, in: batch.lane) }) {
            noteChange(try opened())
            return false
        }
        try renewIdentity(reason: reason)
        return true
    }

    /// Takes a new agent id; what is not acknowledged goes out again under it.
    package func renewIdentity(reason: String) throws(SinkError) {
        try change(reason, "What was not acknowledged is sent again under the new id") { $0.renew(as: $1) }
    }

    /// Takes a new agent id for what comes; what is there goes out under the old one, which somebody else uses too.
    private func shareIdentity(reason: String) throws(SinkError) {
        try change(reason, "What was not acknowledged is sent under the old id, where the aggregator knows what it has") { $0.inherit(as: $1) }
    }

    private func change(_ reason: String, _ consequence: String, _ body: (inout SpoolState, UUID) -> Void) throws(SinkError) {
        let now = time.now()
        let agent = makeUUID(now)
        let before = try opened().identity.agent
        logger.error("taking a new agent id", metadata: ["agent.before": "\(before)", "agent.after": "\(agent)", "reason": "\(reason)"])
        let gap = Gap(
            source: Event.ownSource,
            reason: .spoolCloned,
            from: now,
            to: now,
            detail: "the agent \(before) goes on as \(agent): \(reason). \(consequence)"
        )
        try using { (store) throws(SQLiteError) in try store.write { () throws(SQLiteError) in store.change { body(&$0, agent) } } }
        try commit([Parcel(Intake(gaps: [gap]), at: now, host: house.host)])
    }

    // MARK: For the rooms at start, for Controlling, and at the end

    /// What was made durable: read positions for Tailing, alert states and pattern counters for Judging.
    package func checkpoint() throws(SinkError) -> Checkpoint {
        var checkpoint = try opened().checkpoint
        checkpoint.notes[FileMemory.note] = nil
        return checkpoint
    }

    /// Why it is not known here where files stand; nil: it is known.
    package func fileMemory() throws(SinkError) -> FileMemory? { try opened().checkpoint.notes[FileMemory.note].flatMap { FileMemory($0) } }

    package func status() throws(SinkError) -> SpoolStatus {
        let now = time.monotonic()
        let (files, logsWait) = (files.corruptDatabases(), logsWait)
        return try using { (store) throws(SQLiteError) in
            let (used, waiting) = (try store.usedBytes(), store.waitingBytes)
            return SpoolStatus(
                bytes: used,
                maxBytes: house.config.maxBytes,
                batches: Dictionary(uniqueKeysWithValues: Lane.allCases.map { ($0, store.state[$0].batches) }),
                oldest: try store.oldestBatch(),
                secondsToFull: fillRate.secondsToFull(bytes: used, limit: house.config.limitBytes(for: .logs), at: now),
                gapCounts: store.state.gapCounts,
                recentGaps: try store.recentGaps(limit: SpoolLimits.gapsShownMax),
                waitingBytes: waiting,
                secondsToEmpty: waitingRate.secondsToEmpty(bytes: waiting, at: now),
                setAside: try store.refusedCount(),
                logsWait: logsWait,
                damaged: files
            )
        }
    }

    /// Writes the file anew from what can be read of it and sets this one aside, as after damage.
    package func repair(because reason: String) throws(SinkError) {
        let store = try opened()
        try doubt(store.connection.corruption(reason))
        noteChange(try opened())
    }

    /// One step of giving free pages back to the file system. False when there are not enough to be worth it.
    func giveSpaceBack() throws(SinkError) -> Bool { try using { (store) throws(SQLiteError) in try store.giveSpaceBack() } }

    /// Suspends until something changed in the spool, or until the task is cancelled.
    nonisolated func waitForChange(after seen: UInt64) async -> UInt64 {
        await bell.wait(after: seen)
        return bell.rings
    }

    /// Closes the file and lets another agent have it. What was accepted is on disk already; every later call throws `.stopped`.
    package func close() {
        isClosed = true
        store = nil
        lock = nil
        lendable.close()
        bell.ring()
    }

    // MARK: Failures

    private func opened() throws(SinkError) -> SpoolStore {
        guard !isClosed else { throw .stopped }
        if let store { return store }
        do {
            let opening = SpoolOpening(house: house, files: files, logger: logger)
            let store = try opening.open(newAgent: makeUUID(time.now()), at: time.now())
            if mustSettle {
                // What a sync that failed has dropped is only in the kernel's memory, whatever the next sync says. Copied into the file it is
                // written and synced once more.
                guard try store.connection.checkpoint(.truncate) else { throw store.connection.corruption("somebody else reads the file") }
                mustSettle = false
            }
            self.store = store
            return store
        } catch {
            throw .failed("\(error); the giver keeps its data")
        }
    }

    /// Runs a piece of work, and once more after a failure that opening the file again may mend.
    private func using<Result>(_ body: (SpoolStore) throws(SQLiteError) -> Result) throws(SinkError) -> Result {
        let store = try opened()
        do throws(SQLiteError) { return try body(store) } catch {
            if error.isFull { throw .failed("cannot write to the spool: \(error)") }
            try doubt(error)
        }
        let reopened = try opened()
        do throws(SQLiteError) { return try body(reopened) } catch { throw .failed("the spool failed: \(error)") }
    }

    /// Drops a connection that cannot be trusted any more. A damaged file is set aside, with what we know by heart carried over.
    private func doubt(_ error: SQLiteError) throws(SinkError) {
        logger.error("the spool's database failed: it is opened again", metadata: ["error": "\(error)"])
        let known = store.map { SpoolSalvage.Known(state: $0.state, checkpoint: $0.checkpoint) }
        store = nil
        if error.isInputOutput { mustSettle = true }
        guard error.isCorrupt else { return }
        do throws(SpoolError) {
            let opening = SpoolOpening(house: house, files: files, logger: logger)
            store = try opening.startAnew(because: error, known: known, newAgent: makeUUID(time.now()), at: time.now())
        } catch {
            throw .failed("\(error); the giver keeps its data")
        }
    }

    private func noteChange(_ store: SpoolStore) {
        let used = (try? store.usedBytes()) ?? 0
        fillRate.record(bytes: used, at: time.monotonic())
        waitingRate.record(bytes: store.waitingBytes, at: time.monotonic())
        gauges.show(store.state, used: used, config: house.config)
        lendable.note(store.holds)
        bell.ring()
    }
}
