import Glibc
import Logging
import Operating
import SQLite
import Sealing
import Telemetry

/// The one writer. The first who puts a ticket into an empty queue calls ``commit()``, which takes all that is queued by then and commits it once;
/// while it waits for the disk the next round gathers: the last sync is the window. A ticket is settled, and its sender resumed, when its data
/// is on disk.
actor Committer {
    /// What can go wrong outside of SQLite; tests put their own in its place.
    struct Disk: Sendable {
        /// Free bytes of the file system; nil: unknown.
        var freeBytes: @Sendable (String) -> UInt64?
        /// Called in each transaction before its commit.
        var beforeCommit: (@Sendable (String) throws(SQLiteError) -> Void)?
    }

    /// What the journal says at the start.
    struct Opened: Sendable {
        var id: UUID
        var opens: UInt64
        var end: LogPosition
        /// Damaged blocks that are no longer read.
        var setAside: Int
        /// The journal was lost, and this came of it; until the gap is stored.
        var rebuilt: JournalRebuild.Report?
        var segments: [SegmentRow]
        var sealed: [SealedRow]
        /// Those that were found damaged.
        var sealedAside: [SealedRow]
        var filters: [(number: UInt64, segment: UInt64, filter: WordFilter)]
        var groups: [WordGroupRow]
        var lastNumber: UInt64
        var watermarks: [UUID: Acknowledgement]
        var purged: [BlockKind: PurgedSpans]
        /// Position of the first arrival of each kind that waits to be sealed: arrivals are sealed in their order.
        var firstArrivals: [BlockKind: LogPosition]
    }

    /// WAL bytes after which it is checkpointed between two rounds.
    private static let checkpointBytes = 4 << 20

    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    let config: StorageConfig
    let newID: UUID
    private let queue: AppendQueue
    private let feed: LogFeed
    let book: CatalogBook
    let clientSequence: @Sendable () -> UInt64
    let disk: Disk
    let time: any TimeSource
    let counters: LogCounters
    let logger: Logger
    var tables: LogTables?
    private var isClosed = false
    /// The last round had more than one ticket.
    private var isBusy = false
    var walBytes = 0
    /// Steps of the sealer's that were answered as failed and may be committed.
    var uncertain: [(DirectoryChange, CatalogChange)] = []
    /// How far the table of clients' ids was gone through for old ones; nil: to its end.
    var idSweep: [UInt8]?
    /// The last failure of the disk, until a commit succeeds; for the status.
    private(set) var problem: String?

    init(
        _ config: StorageConfig,
        newID: UUID,
        queue: AppendQueue,
        feed: LogFeed,
        book: CatalogBook,
        clientSequence: @escaping @Sendable () -> UInt64,
        disk: Disk,
        time: any TimeSource,
        counters: LogCounters,
        logger: Logger
    ) {
        (self.config, self.newID, self.queue, self.feed, self.disk) = (config, newID, queue, feed, disk)
        (self.book, self.clientSequence) = (book, clientSequence)
        (self.time, self.counters, self.logger) = (time, counters, logger)
    }

    /// One round, if there is anything to do.
    func commit() {
        // Under load those who bring tickets go first, if they wait for a processor: the more come along, the less often the disk is waited for.
        // With a processor to spare this returns at once.
        if isBusy { sched_yield() }
        let tickets = queue.takeAll()
        isBusy = tickets.count > 1
        guard !tickets.isEmpty else { return }
        checkpointIfDue()
        do throws(LogError) {
            let results = try write(tickets)
            counters.commits.increment()
            for (ticket, result) in zip(tickets, results) {
                if case .success(let outcome) = result { counters.count(outcome, of: ticket.request) } else { counters.refused.increment() }
                ticket.settle(result)
            }
            problem = nil
        } catch {
            counters.refused.increment(by: tickets.count)
            problem = error.description
            logger.error("a commit failed; nothing of it was stored", metadata: ["error": "\(error)", "requests": "\(tickets.count)"])
            for ticket in tickets { ticket.settle(.failure(error)) }
        }
    }

    private func write(_ tickets: [Ticket]) throws(LogError) -> [Result<AppendOutcome, LogError>] {
        let tables = try openTables()
        let bytes = tickets.reduce(0) { $0 + $1.request.bytes }
        if let free = disk.freeBytes(config.path), free < config.diskReserve + UInt64(bytes) {
            throw .full(
                "the file system of \(config.path) has \(free) bytes left and \(config.diskReserve) are kept in reserve: "
                    + "free some space or lower storage.retention; senders keep their data until then"
            )
        }
        let now = time.now()
        let before = tables.end
        do throws(SQLiteError) {
            let results = try tables.connection.transaction { () throws(SQLiteError) in
                let results = try append(tickets, to: tables, at: now)
                try disk.beforeCommit?("commit")
                return results
            }
            // Each commit writes whole pages: some of the tables, besides the bytes.
            walBytes += bytes / 2 + 32_768
            publish(tables)
            return results
        } catch {
            tables.rollBack(to: before)
            throw failure(error)
        }
    }

    /// Small requests come last, put together; the outcomes are in the order of the tickets.
    private func append(_ tickets: [Ticket], to tables: LogTables, at now: Timestamp) throws(SQLiteError) -> [Result<AppendOutcome, LogError>] {
        var results = [Result<AppendOutcome, LogError>?](repeating: nil, count: tickets.count)
        for (index, ticket) in tickets.enumerated() {
            if case .small = ticket.request.origin { continue }
            do throws(SQLiteError) { results[index] = .success(try tables.append(ticket.request, at: now)) } catch {
                // What the disk refused concerns the whole transaction; all else only this request.
                if error.isFull || error.isInputOutput || error.isCorrupt || !tables.connection.isInTransaction { throw error }
                results[index] = .failure(.failed("the log refused one request: \(error)"))
            }
        }
        if results.contains(where: { $0 == nil }) {
            var small = SmallRequests(tables, sequence: clientSequence(), at: now)
            for (index, ticket) in tickets.enumerated() where results[index] == nil { results[index] = .success(try small.append(ticket.request)) }
            try small.finish()
        }
        return results.compactMap { $0 }
    }

    /// Runs one transaction that is not a request's.
    func maintain<Result>(_ what: String, _ body: (LogTables) throws(SQLiteError) -> Result) throws(LogError) -> Result {
        let tables = try openTables()
        do throws(SQLiteError) {
            let result = try tables.connection.transaction { () throws(SQLiteError) in
                let result = try body(tables)
                try disk.beforeCommit?(what)
                return result
            }
            walBytes += 65_536
            return result
        } catch {
            throw failure(error)
        }
    }

    /// Outside of a transaction.
    func withConnection<Result>(_ body: (Connection) throws(SQLiteError) -> Result) throws(LogError) -> Result {
        let tables = try openTables()
        do { return try body(tables.connection) } catch { throw failure(error) }
    }

    func close() {
        commit()
        isClosed = true
        for ticket in queue.takeAll() { ticket.settle(.failure(.closed)) }
        // Only makes the next start quicker; what is in the WAL is safe there.
        _ = try? tables?.connection.checkpoint(.passive)
        tables = nil
    }

    // MARK: The connection

    /// The open tables. After the disk failed a write the connection is never used again (what the kernel dropped is not written by trying
    /// again): the file is opened anew, what the WAL holds is written once more, and the last blocks are read back.
    func openTables() throws(LogError) -> LogTables {
        if isClosed { throw .closed }
        if let tables { return tables }
        do throws(SQLiteError) {
            let tables = try LogTables(
                Connection(path: config.databasePath, options: LogSchema.connectionOptions()),
                config: config,
                newID: newID,
                countsOpen: false
            )
            try tables.connection.checkpoint(.truncate)
            // A commit that was answered as failed may be on disk all the same: then it counts, and repeats of it are recognised.
            var found = [Arrival]()
            for row in try tables.loadArrivals(after: book.end, bytesMax: .max) {
                switch row {
                case .block(let block): found.append(Arrival(block))
                case .damaged(let damage):
                    logger.error(
                        "a block is damaged after the disk failed",
                        metadata: ["position": "\(damage.position)", "detail": "\(damage.detail)"]
                    )
                }
            }
            let watermarks = try tables.allWatermarks().flatMap { agent, known in known.lanes.map { (agent, $0.key, $0.value) } }
            book.add(found, end: tables.end, watermarks: watermarks)
            for (change, catalog) in uncertain where try tables.holds(change) { book.replace(catalog) }
            uncertain = []
            counters.poisoned.increment()
            logger.notice("the log was reopened and its end read back", metadata: ["position": "\(tables.end)"])
            self.tables = tables
            walBytes = 0
            publish(tables)
            return tables
        } catch {
            throw .failed("the log cannot be reopened after the disk failed: \(error)")
        }
    }

    var isOpen: Bool { tables != nil }

    func failure(_ error: SQLiteError) -> LogError {
        if error.isFull { return .full("the log's disk is full: \(error); senders keep their data until then") }
        if error.isInputOutput || error.isCorrupt { tables = nil }
        return .failed("the log could not be written: \(error)")
    }

    /// The catalog first: who is woken finds there what woke it.
    func publish(_ tables: LogTables) {
        let (arrivals, watermarks) = tables.takeNews()
        book.add(arrivals, end: tables.end, watermarks: watermarks)
        feed.publish(tables.end)
        counters.position.set(Double(tables.end))
    }

    private func checkpointIfDue() {
        guard walBytes > Self.checkpointBytes, let tables else { return }
        do throws(SQLiteError) {
            // Nobody else has the file open but a backup: the WAL begins again and is written over, which is a third of appending.
            if try tables.connection.checkpoint(.restart) { walBytes = 0 }
        } catch {
            if !error.isBusy { _ = failure(error) }
        }
    }
}
