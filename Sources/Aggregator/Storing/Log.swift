package import Logging
package import Operating
import ServiceLifecycle
import Synchronization
package import Telemetry

/// The aggregator's log: blocks in the order of their commitment, with the agents' watermarks and the clients' ids in the same
/// transaction. `append` returns when the data is on disk. Everything behind the log reads it with a cursor of its own.
package final class Log: LogWriter, LogCatalog {
    /// Gives ids to clients' events; made with the log and kept in it.
    package let id: UUID

    private let config: StorageConfig
    private let queue: AppendQueue
    private let feed: LogFeed
    private let committer: Committer
    private let readers: [LogReading]
    private let nextReader = Atomic<Int>(0)
    /// Counts clients' requests since the log was opened; with the number of openings before it, it never comes twice.
    private let clientRequests: Atomic<UInt64>
    private let damaged: Mutex<Set<LogPosition>>
    /// Locked until the log is closed.
    private let folder: DataFolder
    private let time: any TimeSource
    private let counters: LogCounters
    private let logger: Logger

    /// Opens or makes the log. After a kill it is as quick: SQLite reads the WAL, which is some megabytes.
    /// - Parameter newID: what a new log is called; one that exists keeps its own.
    /// - Throws: when the folder cannot be used, another process has it, or the file was written by a newer version.
    package static func open(
        _ config: StorageConfig,
        newID: UUID,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) async throws(LogError) -> Log {
        let disk = Committer.Disk(freeBytes: { DataFolder.freeBytes($0) }, beforeCommit: nil)
        return try await Log(config, newID: newID, disk: disk, time: time, metrics: metrics, logger: logger)
    }

    init(
        _ config: StorageConfig,
        newID: UUID,
        disk: Committer.Disk,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) async throws(LogError) {
        folder = try DataFolder(config.path)
        let (queue, feed) = (AppendQueue(requestsMax: config.queueRequestsMax, bytesMax: config.queueBytesMax), LogFeed())
        let counters = LogCounters(metrics)
        let committer = Committer(
            config,
            newID: newID,
            queue: queue,
            feed: feed,
            disk: disk,
            time: time,
            counters: counters,
            logger: logger
        )
        let opened = try await committer.open()
        id = opened.id
        clientRequests = Atomic(opened.opens << 40)
        damaged = Mutex(Set(opened.setAside))
        readers = (0..<max(1, config.readers)).map { LogReading(path: config.databasePath, number: $0) }
        (self.config, self.queue, self.feed, self.committer) = (config, queue, feed, committer)
        (self.time, self.counters, self.logger) = (time, counters, logger)
        if let moved = opened.moved { _ = try await append(GapEvents.batch(forMoved: moved, at: time.now())) }
    }

    /// Commits what waits and closes the file. What comes later is refused.
    package func close() async {
        queue.close()
        await committer.close()
        for reader in readers { await reader.close() }
        feed.close()
        folder.unlock()
    }

    // MARK: Writing

    package func append(_ batch: AdmittedBatch) async throws(LogError) -> AppendOutcome {
        try await append([batch])[0]
    }

    /// Several, in their order, in one commit. Throws when one of them could not be stored: those before it may be.
    package func append(_ batches: [AdmittedBatch]) async throws(LogError) -> [AppendOutcome] {
        guard !batches.isEmpty else { return [] }
        let tickets = try await prepare(batches)
        do throws(LogError) { try queue.push(tickets) } catch {
            counters.refused.increment(by: tickets.count)
            throw error
        }
        // When this returns a round has taken our tickets: this call's own, or one before it. The tickets are in the log even if our
        // task was cancelled meanwhile.
        await committer.commit()
        var outcomes = [AppendOutcome]()
        for ticket in tickets { outcomes.append(try ticket.outcome()) }
        return outcomes
    }

    /// Encoding and compressing happen on the pool, side by side.
    @concurrent
    private func prepare(_ batches: [AdmittedBatch]) async throws(LogError) -> [Ticket] {
        var tickets = [Ticket]()
        tickets.reserveCapacity(batches.count)
        for batch in batches {
            let request = try PreparedAppend(batch, log: id) { clientRequests.wrappingAdd(1, ordering: .relaxed).newValue }
            tickets.append(Ticket(request))
        }
        return tickets
    }

    package func watermarks(of agent: UUID) async throws(LogError) -> Acknowledgement {
        try await reader.watermarks(of: agent)
    }

    // MARK: Reading

    package func blocks(after position: LogPosition, kinds: Set<BlockKind>, limit: Int) async throws(LogError) -> [StoredBlock] {
        guard limit > 0, !kinds.isEmpty else { return [] }
        while true {
            let rows = try await reader.blocks(after: position, kinds: kinds, limit: limit, skipping: skipped)
            let good = await sort(rows)
            // Empty means the end to a reader: not when all that was read was damaged.
            if !good.isEmpty || rows.isEmpty { return good }
        }
    }

    package func blocks(
        overlapping start: Timestamp,
        _ end: Timestamp,
        kinds: Set<BlockKind>,
        newestFirst: Bool,
        offset: Int,
        limit: Int
    ) async throws(LogError) -> [StoredBlock] {
        let entries = try await entries(overlapping: start, end, kinds: kinds, newestFirst: newestFirst, behind: nil, limit: offset + limit)
        return try await blocks(at: entries.dropFirst(offset).map(\.position))
    }

    package func entries(
        overlapping start: Timestamp,
        _ end: Timestamp,
        kinds: Set<BlockKind>,
        newestFirst: Bool,
        behind last: BlockEntry?,
        limit: Int
    ) async throws(LogError) -> [BlockEntry] {
        try await reader.entries(
            overlapping: start,
            end,
            kinds: kinds,
            newestFirst: newestFirst,
            behind: last,
            limit: limit,
            skipping: skipped
        )
    }

    package func blocks(at positions: [LogPosition]) async throws(LogError) -> [StoredBlock] {
        guard !positions.isEmpty else { return [] }
        return await sort(try await reader.blocks(at: positions, skipping: skipped))
    }

    package func block(at position: LogPosition) async throws(LogError) -> StoredBlock? { try await blocks(at: [position]).first }

    package func place(ofClientID id: UUID) async throws(LogError) -> (position: LogPosition, row: UInt32)? {
        try await reader.place(ofClientID: id)
    }

    package func end() async throws(LogError) -> LogPosition { feed.end }

    package func waitForBlocks(after position: LogPosition) async { await feed.wait(after: position) }

    // MARK: State

    package func status() async -> LogStatus {
        let pages = try? await reader.pageCounts()
        return LogStatus(
            end: feed.end,
            usedBytes: pages?.used ?? 0,
            fileBytes: pages?.file ?? 0,
            maxBytes: config.maxSize,
            freeDiskBytes: DataFolder.freeBytes(config.path),
            waiting: queue.count,
            setAside: damaged.withLock(\.count),
            problem: await committer.problem
        )
    }

    /// Retention: a step a second while there is something to delete, then one a minute. Ends at shutdown; the log stays open.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            while !Task.isCancelled {
                var hasMore = false
                do { hasMore = try await self.committer.retain(at: self.time.now()) } catch {
                    self.logger.error("retention failed; it is tried again in a minute", metadata: ["error": "\(error)"])
                }
                do { try await self.time.sleep(for: hasMore ? .milliseconds(100) : .seconds(60)) } catch { return }
            }
        }
    }

    /// One step of retention; whether there is more to do.
    func retain() async throws(LogError) -> Bool { try await committer.retain(at: time.now()) }

    private var reader: LogReading {
        readers[Int(UInt(bitPattern: nextReader.wrappingAdd(1, ordering: .relaxed).oldValue) % UInt(readers.count))]
    }

    private var skipped: Set<LogPosition> { damaged.withLock { $0 } }

    /// Gives the good blocks; what is damaged is set aside, recorded as a gap, and never read again.
    private func sort(_ rows: [BlockRow]) async -> [StoredBlock] {
        var blocks = [StoredBlock]()
        for row in rows {
            switch row {
            case .block(let block): blocks.append(block)
            case .damaged(let damage): await setAside(damage)
            }
        }
        return blocks
    }

    private func setAside(_ damage: BlockRow.Damage) async {
        guard damaged.withLock({ $0.insert(damage.position).inserted }) else { return }
        counters.setAside.increment()
        logger.error(
            "a block of the log is damaged and was set aside; the others stay readable: check the disk and the kernel's log",
            metadata: ["position": "\(damage.position)", "rows": "\(damage.count)", "detail": "\(damage.detail)"]
        )
        await committer.setAside(damage.position, detail: damage.detail)
        do { _ = try await append(GapEvents.batch(for: damage, at: time.now())) } catch {
            logger.error("the gap of a damaged block could not be recorded", metadata: ["position": "\(damage.position)", "error": "\(error)"])
        }
    }
}

extension Log: Service {}

/// How the log is.
package struct LogStatus: Sendable, Hashable {
    package var end: LogPosition
    /// Bytes in use, and bytes of the file with what is free in it.
    package var usedBytes: UInt64
    package var fileBytes: UInt64
    package var maxBytes: UInt64
    /// Nil: the file system cannot be asked.
    package var freeDiskBytes: UInt64?
    /// Requests that wait for the next commit.
    package var waiting: Int
    /// Damaged blocks that are no longer read.
    package var setAside: Int
    /// Why the last commit failed; nil when it did not.
    package var problem: String?
}
