package import Logging
package import Operating
package import Sealing
import ServiceLifecycle
import Synchronization
package import Telemetry

/// The aggregator's log: blocks in the order of their commitment, with the agents' watermarks and the clients' ids in the same
/// transaction. `append` returns when the data is on disk. Everything behind the log reads it with a cursor of its own.
///
/// What arrives is committed to the journal (``Committer``) and kept in memory until the ``Sealer`` has moved it into a segment; readers see both as
/// one (``CatalogBook``).
package final class Log: LogWriter, LogReader, LogBrowsing {
    /// Gives ids to clients' events; made with the log and kept in it.
    package let id: UUID

    let config: StorageConfig
    private let queue: AppendQueue
    let feed: LogFeed
    /// Counts steps of the sealer, for requests that wait for room.
    private let sealed = LogFeed()
    let committer: Committer
    let sealer: Sealer
    let book: CatalogBook
    /// Counts clients' requests since the log was opened; with the number of openings before it, it never comes twice.
    private let clientRequests: ClientSequence
    private let setAsideCount: Atomic<Int>
    /// Locked until the log is closed; nil in memory.
    private let folder: DataFolder?
    let time: any TimeSource
    let counters: LogCounters
    let logger: Logger

    /// Opens or makes the log. After a kill it is as quick: SQLite reads the WAL, which is some megabytes, and the directory of segments.
    /// - Parameter newID: what a new log is called; one that exists keeps its own.
    /// - Throws: when the folder cannot be used, another process has it, or the file was written by a newer version.
    package static func open(
        _ config: StorageConfig,
        newID: UUID,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) async throws(LogError) -> Log {
        let disk = Committer.Disk(freeBytes: { config.isInMemory ? nil : DataFolder.freeBytes($0) }, beforeCommit: nil)
        return try await Log(config, newID: newID, disk: disk, time: time, metrics: metrics, logger: logger)
    }

    /// - Parameter files: where segments lie; nil: where the configuration says.
    init(
        _ config: StorageConfig,
        newID: UUID,
        disk: Committer.Disk,
        files: (any SegmentFiles)? = nil,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) async throws(LogError) {
        folder = config.isInMemory ? nil : try DataFolder(config.path)
        let (queue, feed, book) = (AppendQueue(requestsMax: config.queueRequestsMax, bytesMax: config.queueBytesMax), LogFeed(), CatalogBook())
        let counters = LogCounters(metrics)
        let clientRequests = ClientSequence()
        let committer = Committer(
            config,
            newID: newID,
            queue: queue,
            feed: feed,
            book: book,
            clientSequence: { clientRequests.next() },
            disk: disk,
            time: time,
            counters: counters,
            logger: logger
        )
        let segments: any SegmentFiles
        if let files { segments = files } else { segments = config.isInMemory ? MemorySegments() : try SegmentFolder(config.segmentsPath) }
        let opened = try await committer.open(segments)
        clientRequests.begin(opened.opens << 40)
        sealer = Sealer(config, files: segments, committer: committer, book: book, time: time, counters: counters, logger: logger)
        id = opened.id
        (self.config, self.queue, self.feed, self.book, self.committer) = (config, queue, feed, book, committer)
        (self.time, self.counters, self.logger, self.clientRequests) = (time, counters, logger, clientRequests)
        setAsideCount = Atomic(opened.setAside)
        let damages = try await sealer.open(opened)
        feed.publish(opened.end)
        if let report = opened.rebuilt {
            _ = try await append(GapEvents.batch(forRebuilt: report, at: time.now()))
            try await committer.forgetRebuilt()
        }
        for damage in damages { await setAside(damage) }
        await sealer.setDamageHandler { [weak self] in await self?.setAside($0) }
    }

    /// Commits what waits and closes the files. What comes later is refused.
    package func close() async {
        queue.close()
        await committer.close()
        feed.close()
        sealed.close()
        folder?.unlock()
    }

    // MARK: Writing

    package func append(_ batches: [AdmittedBatch]) async throws(LogError) -> [AppendOutcome] {
        guard !batches.isEmpty else { return [] }
        if book.arrivalBytes > config.arrivalBytesMax { try await waitForRoom() }
        let tickets = try await prepare(batches)
        let mustCall: Bool
        do throws(LogError) { mustCall = try queue.push(tickets) } catch {
            counters.refused.increment(by: tickets.count)
            throw error
        }
        // One of those who wait for the same round calls the committer; the others only wait for their tickets: of 64 small requests 63 need
        // not change threads for it. The tickets are in the log even if our task was cancelled meanwhile.
        if mustCall { await committer.commit() }
        for ticket in tickets { await ticket.wait() }
        var outcomes = [AppendOutcome]()
        for ticket in tickets { outcomes.append(try ticket.outcome()) }
        return outcomes
    }

    /// Encoding and compressing happen on the pool, side by side.
    @concurrent
    private func prepare(_ batches: [AdmittedBatch]) async throws(LogError) -> [Ticket] {
        var tickets = [Ticket]()
        tickets.reserveCapacity(batches.count)
        for batch in batches { tickets.append(Ticket(try PreparedAppend(batch, log: id) { clientRequests.next() })) }
        return tickets
    }

    /// The sealer is behind: memory may not grow, so whoever brings more waits for it a while.
    private func waitForRoom() async throws(LogError) {
        let deadline = time.monotonic() + config.sealerPatience
        while book.arrivalBytes > config.arrivalBytesMax {
            guard time.monotonic() < deadline, !Task.isCancelled else {
                counters.refused.increment()
                throw .busy(
                    "\(book.arrivalBytes) bytes of arrivals wait to be sealed (at most \(config.arrivalBytesMax)): send again later; "
                        + "check that the disk keeps up"
                )
            }
            let (sealed, time, end) = (sealed, time, sealed.end)
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await sealed.wait(after: end) }
                group.addTask { try? await time.sleep(for: .milliseconds(250)) }
                await group.next()
                group.cancelAll()
            }
        }
    }

    package func watermarks(of agent: UUID) async throws(LogError) -> Acknowledgement { book.watermarks(of: agent) }

    // MARK: Reading

    package func catalog() -> Catalog { book.snapshot }

    /// The block and row under which a client's own id is stored.
    package func place(ofClientID id: UUID) async throws(LogError) -> (position: LogPosition, row: UInt32)? {
        try await committer.place(ofClientID: id)
    }

    package func idsForgotten() async throws(LogError) -> LogPosition { try await committer.idsForgotten() }

    package func end() async throws(LogError) -> LogPosition { feed.end }

    package func waitForBlocks(after position: LogPosition) async { await feed.wait(after: position) }

    // MARK: Upkeep

    /// Seals, keeps retention, and ends at shutdown; the log stays open.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.keepSealing() }
                group.addTask { await self.keepMerging() }
                group.addTask { await self.keepRetention() }
                await group.waitForAll()
            }
        }
    }

    private func keepSealing() async {
        while !Task.isCancelled {
            do throws(LogError) {
                while try await sealer.sealOnce(), !Task.isCancelled { stepped() }
                stepped()
                // Woken by what arrives; looks at the ages now and then.
                let (feed, time, end) = (feed, time, feed.end)
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await feed.wait(after: end) }
                    group.addTask { try? await time.sleep(for: .seconds(10)) }
                    await group.next()
                    group.cancelAll()
                }
                try? await time.sleep(for: .milliseconds(20))
            } catch {
                if error == .closed { return }
                logger.error("sealing failed; nothing is lost, it is tried again", metadata: ["error": "\(error)"])
                try? await time.sleep(for: .seconds(5))
            }
        }
    }

    /// Brings together what was sealed apart.
    private func keepMerging() async {
        do throws(LogError) { try await sealer.checkWords() } catch {
            logger.error("words could not be checked; they are at the next start", metadata: ["error": "\(error)"])
        }
        while !Task.isCancelled {
            do throws(LogError) {
                while try await mergeSamples(), !Task.isCancelled {}
                while try await sealer.compact(), !Task.isCancelled {}
                try? await time.sleep(for: .seconds(10))
            } catch {
                if error == .closed { return }
                logger.error("sealed blocks could not be brought together; nothing is lost, it is tried again", metadata: ["error": "\(error)"])
                try? await time.sleep(for: .seconds(60))
            }
        }
    }

    /// One step of compaction; whether there may be more to do.
    func mergeSamples() async throws(LogError) -> Bool { try await sealer.mergeSamples() }

    /// Brings small sealed blocks of events, alerts and samples together, as if every day were over.
    package func compactNow() async throws(LogError) {
        while try await sealer.compact(isForced: true) {}
        while try await mergeSamples() {}
    }

    private func stepped() {
        counters.arrivalBytes.set(Double(book.arrivalBytes))
        sealed.publish(sealed.end + 1)
    }

    private func keepRetention() async {
        while !Task.isCancelled {
            var hasMore = false
            do { hasMore = try await retain() } catch {
                logger.error("retention failed; it is tried again in a minute", metadata: ["error": "\(error)"])
            }
            do { try await time.sleep(for: hasMore ? .milliseconds(100) : .seconds(60)) } catch { return }
        }
    }

    /// Seals all there is, however little.
    package func sealAll() async throws(LogError) {
        while try await sealer.sealOnce(isForced: true) {}
    }

    /// One step of retention; whether there is more to do.
    func retain() async throws(LogError) -> Bool {
        let isForgetting = try await committer.forgetIDs(at: time.now())
        return try await sealer.retain(at: time.now()) || isForgetting
    }

    // MARK: Damage

    package func setAside(_ block: SealedBlock, detail: String) async {
        await setAside(Damage(sealed: block, detail: detail))
    }

    /// What is damaged is recorded as a gap and never read again; its bytes stay.
    private func setAside(_ damage: Damage) async {
        do throws(LogError) { guard try await committer.setAside(damage) else { return } } catch {
            logger.error(
                "a damaged block could not be marked, nor its gap recorded: the next start finds it again",
                metadata: ["detail": "\(damage.detail)", "error": "\(error)"]
            )
        }
        setAsideCount.wrappingAdd(1, ordering: .relaxed)
        counters.setAside.increment()
        logger.error(
            "a block of the log is damaged and was set aside; the others stay readable: check the disk and the kernel's log",
            metadata: ["rows": "\(damage.count)", "detail": "\(damage.detail)"]
        )
    }

    /// How the log is.
    package func status() async -> LogStatus {
        let journal = try? await committer.pageBytes()
        let segments = await sealer.store.segments.values.reduce(0) { $0 + UInt64($1.bytes) }
        return LogStatus(
            end: feed.end,
            usedBytes: (journal?.used ?? 0) + segments,
            fileBytes: (journal?.file ?? 0) + segments,
            maxBytes: config.maxSize,
            freeDiskBytes: config.isInMemory ? nil : DataFolder.freeBytes(config.path),
            waiting: queue.count,
            setAside: setAsideCount.load(ordering: .relaxed),
            problem: await committer.problem
        )
    }
}

extension Log: Service {}

/// Numbers for clients' requests.
final class ClientSequence: Sendable {
    private let last = Atomic<UInt64>(0)

    func begin(_ number: UInt64) { last.store(number, ordering: .relaxed) }
    func next() -> UInt64 { last.wrappingAdd(1, ordering: .relaxed).newValue }
}
