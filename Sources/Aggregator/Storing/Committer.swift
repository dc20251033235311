import Logging
import Operating
import SQLite
import Telemetry

/// The one writer. Whoever has put a ticket into the queue calls ``commit()``; the first call takes all that is queued and commits it once,
/// and while it waits for the disk the next round gathers: the last sync is the window. The calls that find their tickets settled return
/// at once, so nobody is resumed before its data is on disk.
actor Committer {
    /// What can go wrong outside of SQLite; tests put their own in its place.
    struct Disk: Sendable {
        /// Free bytes of the file system; nil: unknown.
        var freeBytes: @Sendable (String) -> UInt64?
        /// Called in each transaction before its commit.
        var beforeCommit: (@Sendable (String) throws(SQLiteError) -> Void)?
    }

    /// WAL bytes after which it is checkpointed between two rounds.
    private static let checkpointBytes = 4 << 20
    /// WAL bytes after which the committer waits for readers, so that the WAL cannot grow for ever under them.
    private static let restartBytes = 64 << 20
    /// Blocks at the end that are read again after the file was reopened.
    private static let verifiedMax = 64
    static let deletedPerStep = 256

    private let executor = BlockingExecutor(label: "log.commit")
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    let config: StorageConfig
    private let newID: UUID
    private let queue: AppendQueue
    private let feed: LogFeed
    private let disk: Disk
    private let time: any TimeSource
    let counters: LogCounters
    let logger: Logger
    private var tables: LogTables?
    private var isClosed = false
    private var walBytes = 0
    /// The last failure of the disk, until a commit succeeds; for the status.
    private(set) var problem: String?

    init(
        _ config: StorageConfig,
        newID: UUID,
        queue: AppendQueue,
        feed: LogFeed,
        disk: Disk,
        time: any TimeSource,
        counters: LogCounters,
        logger: Logger
    ) {
        (self.config, self.newID, self.queue, self.feed, self.disk) = (config, newID, queue, feed, disk)
        (self.time, self.counters, self.logger) = (time, counters, logger)
    }

    /// Opens the file for the first time. SQLite takes back by itself what a killed process left in the WAL. A file that is no database any
    /// more is moved out of the way, and a new one begun; agents go on where they are.
    func open() throws(LogError) -> (id: UUID, opens: UInt64, setAside: [LogPosition], moved: String?) {
        do throws(SQLiteError) {
            do throws(SQLiteError) { return try openFile(moved: nil) } catch {
                guard error.isCorrupt else { throw error }
                let moved = DataFolder.moveAside(config.databasePath, at: time.now())
                logger.critical(
                    "the log is damaged and cannot be opened: it was moved aside and a new one begun; check the disk and the kernel's log",
                    metadata: ["error": "\(error)", "moved": "\(moved)"]
                )
                return try openFile(moved: moved)
            }
        } catch {
            throw .failed("the log cannot be opened: \(error)")
        }
    }

    private func openFile(moved: String?) throws(SQLiteError) -> (id: UUID, opens: UInt64, setAside: [LogPosition], moved: String?) {
        let tables = try LogTables(
            Connection(path: config.databasePath, options: LogSchema.connectionOptions()),
            config: config,
            newID: newID,
            countsOpen: true
        )
        let setAside = try tables.connection.query("SELECT position FROM set_aside") { (row) throws(SQLiteError) in row.unsigned(0) }
        self.tables = tables
        publish(tables)
        return (tables.id, tables.opens, setAside, moved)
    }

    /// One round, if there is anything to do.
    func commit() {
        let tickets = queue.takeAll()
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
                var results = [Result<AppendOutcome, LogError>]()
                for ticket in tickets {
                    do throws(SQLiteError) { results.append(.success(try tables.append(ticket.request, at: now))) } catch {
                        // What the disk refused concerns the whole transaction; all else only this request.
                        if error.isFull || error.isInputOutput || error.isCorrupt || !tables.connection.isInTransaction { throw error }
                        results.append(.failure(.failed("the log refused one request: \(error)")))
                    }
                }
                try disk.beforeCommit?("commit")
                return results
            }
            // Each commit writes whole pages: some of the tables and of their indices, besides the bytes.
            walBytes += bytes + 65_536
            publish(tables)
            return results
        } catch {
            tables.rollBack(to: before)
            throw failure(error)
        }
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

    /// A block was found damaged: it is not read again, and its bytes stay for whoever wants to look.
    func setAside(_ position: LogPosition, detail: String) {
        let now = time.now()
        do throws(LogError) {
            try maintain("set aside") { (tables) throws(SQLiteError) in
                try tables.connection.execute(
                    "INSERT OR IGNORE INTO set_aside VALUES (?, ?, ?)",
                    [.unsigned(position), .text(detail), .integer(now.nanoseconds)]
                )
            }
        } catch {
            logger.error("a damaged block could not be marked", metadata: ["position": "\(position)", "error": "\(error)"])
        }
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
    private func openTables() throws(LogError) -> LogTables {
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
            let damaged = try tables.connection.query(
                "SELECT \(BlockRow.columns) FROM \(BlockRow.tables) ORDER BY b.position DESC LIMIT \(Self.verifiedMax)"
            ) { (row) throws(SQLiteError) in BlockRow.decode(row) }
            for case .damaged(let damage) in damaged {
                logger.error("a block is damaged after the disk failed", metadata: ["position": "\(damage.position)", "detail": "\(damage.detail)"])
            }
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

    private func failure(_ error: SQLiteError) -> LogError {
        if error.isFull { return .full("the log's disk is full: \(error); senders keep their data until then") }
        if error.isInputOutput || error.isCorrupt { tables = nil }
        return .failed("the log could not be written: \(error)")
    }

    private func publish(_ tables: LogTables) {
        feed.publish(tables.end)
        counters.position.set(Double(tables.end))
    }

    private func checkpointIfDue() {
        guard walBytes > Self.checkpointBytes, let tables else { return }
        do throws(SQLiteError) {
            // Passive never waits for readers. Only a WAL that has grown far is worth waiting for.
            if try tables.connection.checkpoint(walBytes > Self.restartBytes ? .restart : .passive) { walBytes = 0 }
        } catch {
            if !error.isBusy { _ = failure(error) }
        }
    }
}
