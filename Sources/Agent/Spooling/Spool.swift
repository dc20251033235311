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
    private let executor = BlockingExecutor(label: "spool")
    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let config: SpoolConfig
    private nonisolated let host: String
    private let tags: [String]
    private nonisolated let time: any TimeSource
    private let logger: Logger
    private let gauges: SpoolGauges
    private let makeUUID: @Sendable (Timestamp) -> UUID
    private let files: SpoolFiles
    private var lock: SpoolLock?

    private nonisolated let loans = Loans()
    private nonisolated let bell = Bell()
    private nonisolated let waiting = Mutex<[Parcel]>([])
    /// Nil after a failure that makes the connection doubtful: the next call opens the file again.
    private var store: SpoolStore?
    private var isClosed = false
    private var fillRate = FillRate()

    /// Opens the spool, or makes it. A damaged file is set aside and a new one made, which says so; a second agent is refused.
    /// - Parameters:
    ///   - host: the host's name, part of the identity.
    ///   - tags: `tags:` of the configuration.
    ///   - makeUUID: how a new agent's id is made; version 7 from the system's randomness unless told.
    package init(
        config: SpoolConfig,
        host: String,
        tags: [String] = [],
        time: any TimeSource,
        metrics: MetricsRegistry = MetricsRegistry(),
        logger: Logger = Logger(label: "spool"),
        makeUUID: @escaping @Sendable (Timestamp) -> UUID = Spool.randomUUID
    ) throws(SpoolError) {
        let files = SpoolFiles(folder: config.path)
        try files.makeFolder()
        let lock = try SpoolLock(folder: config.path)
        (self.config, self.host, self.tags, self.time, self.logger) = (config, host, tags, time, logger)
        (self.makeUUID, self.files, self.lock) = (makeUUID, files, lock)
        gauges = SpoolGauges(metrics)
        let opening = SpoolOpening(config: config, files: files, host: host, tags: tags, logger: logger)
        let store = try opening.open(newAgent: makeUUID(time.now()), at: time.now())
        gauges.show(store.state, used: (try? store.usedBytes()) ?? 0, config: config)
        self.store = store
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
        let parcel = Parcel(intake, at: time.now(), host: host)
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
            let (agent, wanted) = (store.state.agent, store.state.commits + 1)
            do throws(SpoolStore.CommitError) {
                try store.commit(parcels, at: time.now(), onLoan: loans.all)
                noteChange(store)
                return
            } catch {
                switch error {
                case .noRoom(let reason):
                    throw .failed(reason)
                case .sqlite(let failure) where failure.isFull:
                    logger.error("disk full: nothing was stored", metadata: ["error": "\(failure)"])
                    throw .failed("cannot store into the spool: \(failure); the giver keeps its data")
                case .sqlite(let failure):
                    // The outcome of a failed commit is not known: the log may hold it. What the file says after it is opened again, holds.
                    try doubt(failure)
                    let reopened = try opened()
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

    package func lease(upToBytes bytes: Int) throws(SinkError) -> Lease? {
        let batches = try using { (store) throws(SQLiteError) in try store.leasable(upToBytes: bytes, onLoan: loans.all) }
        guard !batches.isEmpty else { return nil }
        let keys = batches.map(\.key)
        loans.take(keys)
        return Lease(batches.map(\.batch)) { [loans, bell] _ in
            loans.giveBack(keys)
            bell.ring()
        }
    }

    package nonisolated func waitForBatches() async {
        while !Task.isCancelled {
            let seen = bell.rings
            if await hasLeasable() { return }
            await bell.wait(after: seen)
        }
    }

    private func hasLeasable() -> Bool {
        guard let store = try? opened() else { return false }
        return store.hasLeasable(onLoan: loans.all)
    }

    package func acknowledge(_ acknowledgement: Acknowledgement) throws(SinkError) {
        let outcome = try using { (store) throws(SQLiteError) in try store.acknowledge(acknowledgement) }
        if case .mismatch(let reason) = outcome { return try renewIdentity(reason: reason) }
        try using { (store) throws(SQLiteError) in try store.giveSpaceBack() }
        noteChange(try opened())
    }

    package func setAside(_ batch: SealedBatch, reason: String) throws(SinkError) {
        logger.error(
            "batch refused by the aggregator and set aside",
            metadata: ["batch.lane": "\(batch.lane)", "batch.sequence": "\(batch.sequence)", "reason": "\(reason)"]
        )
        let now = time.now()
        try using { (store) throws(SQLiteError) in try store.setAside(batch, reason: reason, at: now) }
        noteChange(try opened())
    }

    package func renewIdentity(reason: String) throws(SinkError) {
        let now = time.now()
        let agent = makeUUID(now)
        let before = try opened().identity.agent
        logger.error("taking a new agent id", metadata: ["agent.before": "\(before)", "agent.after": "\(agent)", "reason": "\(reason)"])
        let gap = Gap(
            source: Event.ownSource,
            reason: .spoolCloned,
            from: now,
            to: now,
            detail: "the agent \(before) goes on as \(agent): \(reason). What was not acknowledged is sent again under the new id"
        )
        try using { (store) throws(SQLiteError) in try store.write { () throws(SQLiteError) in store.renew(to: agent) } }
        try commit([Parcel(Intake(gaps: [gap]), at: now, host: host)])
    }

    // MARK: For the rooms at start, for Controlling, and at the end

    /// What was made durable: read positions for Tailing, alert states and pattern counters for Judging.
    package func checkpoint() throws(SinkError) -> Checkpoint { try opened().checkpoint }

    package func status() throws(SinkError) -> SpoolStatus {
        let now = time.monotonic()
        return try using { (store) throws(SQLiteError) in
            let used = try store.usedBytes()
            return SpoolStatus(
                bytes: used,
                maxBytes: config.maxBytes,
                batches: Dictionary(uniqueKeysWithValues: Lane.allCases.map { ($0, store.state[$0].batches) }),
                oldest: try store.oldestBatch(),
                secondsToFull: fillRate.secondsToFull(bytes: used, limit: config.limitBytes(for: .logs), at: now),
                gapCounts: store.state.gapCounts,
                recentGaps: try store.recentGaps(limit: SpoolLimits.gapsShownMax)
            )
        }
    }

    /// What SQLite finds wrong with the file; empty when all is well. Reads all of it.
    package func findDamage() throws(SinkError) -> [String] {
        try using { (store) throws(SQLiteError) in try store.connection.findDamage() }
    }

    /// Closes the file and lets another agent have it. What was accepted is on disk already; every later call throws `.stopped`.
    package func close() {
        isClosed = true
        store = nil
        lock = nil
        bell.ring()
    }

    // MARK: Failures

    private func opened() throws(SinkError) -> SpoolStore {
        guard !isClosed else { throw .stopped }
        if let store { return store }
        do throws(SpoolError) {
            let opening = SpoolOpening(config: config, files: files, host: host, tags: tags, logger: logger)
            let store = try opening.open(newAgent: makeUUID(time.now()), at: time.now())
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
        let known = store?.checkpoint
        let batches = store.map { store in Lane.allCases.reduce(0) { $0 + store.state[$1].batches } }
        store = nil
        guard error.isCorrupt else { return }
        do throws(SpoolError) {
            let opening = SpoolOpening(config: config, files: files, host: host, tags: tags, logger: logger)
            store = try opening.startAnew(
                because: error,
                carrying: known ?? Checkpoint(),
                batches: batches ?? 0,
                newAgent: makeUUID(time.now()),
                at: time.now()
            )
        } catch {
            throw .failed("\(error); the giver keeps its data")
        }
    }

    private func noteChange(_ store: SpoolStore) {
        let used = (try? store.usedBytes()) ?? 0
        fillRate.record(bytes: used, at: time.monotonic())
        gauges.show(store.state, used: used, config: config)
        bell.ring()
    }
}
