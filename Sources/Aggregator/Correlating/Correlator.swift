import Blocks
package import Logging
package import Operating
import SQLite
import ServiceLifecycle
package import Telemetry

/// Reads the log from its own cursor on, keeps the alerts, hosts and incidents of all agents, and tells what changed.
///
/// The loop: read blocks, decide (``Correlation``), write cursor and effects in one transaction, hand over what was decided. It sleeps until
/// the log grows or a lease may end; nothing is polled. A failure (disk, log, next room) throws away what was decided and not written: the
/// file is read again and the same blocks decide the same.
package actor Correlator: Service, AlertDirectory, DecisionDirectory {
    private let executor = BlockingExecutor()
    nonisolated package var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// As what the log knows our cursor.
    package static let cursorName = "correlating"

    var config: CorrelatingConfig
    let reader: any LogReader
    let evidence: any EvidenceSource
    let writer: any LogWriter
    let next: any Sink<AlertTransition>
    let time: any TimeSource
    let logger: Logger
    let metrics: CorrelatingMetrics
    private let isTakingData: @Sendable () async -> Bool
    private let makeID: @Sendable (Timestamp) -> UUID

    var store: CorrelationStore?
    var correlation: Correlation?
    private var cursor: LogPosition = 0
    private var isCursorChecked = false
    private var lastWrite: Duration = .zero
    private var lastRead: Duration = .zero
    private var lastPrune: Duration?
    private var isUnwritten = false
    /// After a search that failed: until when no other is tried.
    var searchPause: Duration = .zero
    /// What changed around a minute (since the epoch), and when that was searched for.
    var knownChanges: (minute: Int64, at: Duration, events: [Event])?
    /// When the log was given a copy of the cursor last.
    private var lastReport: Duration?
    /// What was lost before us and told last: it may be told on several pages.
    private var toldGap: Gap?
    /// When the state was judged last, and when it is to be again; until then blocks alone change it.
    var judged: (at: Timestamp, next: Timestamp)?
    /// Wakes the two hand-over loops.
    let told = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    let recorded = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    /// Wakes the loop that looks for what surrounds incidents.
    let surroundings = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    ///   - reader: the log that is followed.
    ///   - evidence: finds what led to an incident.
    ///   - writer: takes the aggregator's own events (`alert.fired`, `alert.resolved`, `host.down`, `host.back`).
    ///   - next: is handed each transition in order of its sequence, again after a crash: it passes over sequences that it knows.
    ///   - isTakingData: false while the aggregator refuses data (a full disk): no host is called down for that.
    ///   - makeID: incidents' identifiers; random UUIDv7 unless told.
    package init(
        config: CorrelatingConfig,
        reader: any LogReader,
        evidence: any EvidenceSource,
        writer: any LogWriter,
        next: any Sink<AlertTransition>,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger,
        isTakingData: @escaping @Sendable () async -> Bool = { true },
        makeID: (@Sendable (Timestamp) -> UUID)? = nil
    ) {
        (self.config, self.reader, self.writer, self.next, self.time) = (config, reader, writer, next, time)
        (self.evidence, self.logger, self.isTakingData) = (evidence, logger, isTakingData)
        self.metrics = CorrelatingMetrics(metrics)
        self.makeID =
            makeID ?? { timestamp in
                var generator = SystemRandomNumberGenerator()
                return UUID.v7(at: timestamp, using: &generator)
            }
    }

    /// Opens the state, so that what is wrong with it shows at the start and not in the first minute. A damaged file is set aside and a new
    /// one begun: agents repeat what fires within a minute. A file of a newer version is refused.
    package func open() throws(CorrelatingError) {
        guard store == nil else { return }
        do { try openStore() } catch { throw .stateUnusable("\(error)") }
    }

    package func run() async throws {
        try open()
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.follow() }
                group.addTask { await self.tell() }
                group.addTask { await self.record() }
                group.addTask { await self.surround() }
                await group.waitForAll()
            }
        }
        store = nil
    }

    // MARK: The loop

    /// Since when it fails without a success between, and with what.
    private var trouble: (since: Duration, error: String)?

    /// Why nothing is decided at present; nil: it works, or has failed for a moment only.
    package func heldUp() -> String? {
        guard let trouble, time.monotonic() - trouble.since >= CorrelatingLimits.heldUpAfter else { return nil }
        return trouble.error
    }

    private func follow() async {
        var failures = 0
        while !Task.isCancelled {
            do {
                let isCaughtUp = try await step()
                (failures, trouble) = (0, nil)
                if isCaughtUp { await rest() }
            } catch {
                failures += 1
                trouble = (trouble?.since ?? time.monotonic(), "\(error)")
                metrics.failures.increment()
                logger.warning(
                    "correlating is held up; nothing is lost, the log is read again from the last position written",
                    metadata: ["error": "\(error)", "failures": "\(failures)"]
                )
                if !(error is LogError) { forgetUnwritten() }
                let delay = min(CorrelatingLimits.retryCap, CorrelatingLimits.retryBase * (1 << min(failures - 1, 10)))
                try? await time.sleep(for: delay)
            }
        }
        do { try write([], now: time.now()) } catch {
            logger.warning("the last position was not written; some blocks are read again", metadata: ["error": "\(error)"])
        }
    }

    /// One read, its decisions, one transaction. True when nothing more is to be read.
    @discardableResult
    func step() async throws -> Bool {
        if store == nil { try openStore() }
        try await checkCursor()
        if let store, try store.pendingCount() >= CorrelatingLimits.pendingTransitionsMax {
            logger.warning("too many alert changes wait to be told: the log is read no further until some are taken")
            return true
        }
        lastRead = time.monotonic()
        let page = try await reader.page(after: cursor, kinds: Set(BlockKind.allCases), limit: CorrelatingLimits.blocksPerRead)
        let end = try await reader.end()
        let (blocks, isCaughtUp) = (page.blocks, page.next >= end)
        if let gap = page.gap, gap != toldGap {
            try await tell(gap)
            toldGap = gap
        }
        let isDue = isCaughtUp && isJudgementDue(time.now())
        let mayBlameHosts = isDue ? await isTakingData() : true
        guard var state = correlation else { return false }
        // The copy is changed and put back, so that nothing else holds it meanwhile.
        correlation = nil
        let now = time.now()
        var transitions: [AlertTransition] = []
        for block in blocks {
            transitions += state.take(facts(of: block), now: now)
            if block.kind == .events { addEvidence(from: block, to: &state) }
        }
        if isDue {
            transitions += state.judge(now: now, mayBlameHosts: mayBlameHosts)
            judged = (now, state.nextDeadline(now: now))
        } else if let release = state.nextRelease, let known = judged {
            judged = (known.at, min(known.next, release))
        }
        correlation = state
        if page.next > cursor {
            cursor = page.next
            isUnwritten = true
        }
        if !transitions.isEmpty || state.hasEffects || (isUnwritten && isWriteDue) { try write(transitions, now: now) }
        metrics.count(transitions)
        if !transitions.isEmpty {
            told.continuation.yield()
            recorded.continuation.yield()
        }
        if isCaughtUp, nextSearch(now: now) != nil { surroundings.continuation.yield() }
        await reportCursor()
        return isCaughtUp
    }

    /// Retention or damage has taken what we had not read: nobody was told of what fired in it, and the log says so. Before the cursor passes it; under a
    /// key, so that telling it again changes nothing.
    private func tell(_ gap: Gap) async throws {
        metrics.gaps.increment()
        logger.error(
            "part of the log was deleted before alerts in it were correlated: what still fires is repeated by its agent, what ended there is not told",
            metadata: ["log.position": "\(cursor)", "from": "\(gap.from)", "to": "\(gap.to)", "rows": "\(gap.count)", "detail": "\(gap.detail)"]
        )
        _ = try await writer.append(OwnEvents.batch(for: gap, behind: cursor, receivedAt: time.now()))
    }

    /// The log's copy, for the lag: what is in our own file counts, and the copy is never ahead of it.
    private func reportCursor() async {
        guard !isUnwritten, lastReport.map({ time.monotonic() - $0 >= CorrelatingLimits.reportEvery }) ?? true else { return }
        lastReport = time.monotonic()
        await reader.report(LogCursor(name: Self.cursorName, position: cursor))
    }

    /// A clock that was set back is noticed here as well as one that has come far enough.
    private func isJudgementDue(_ now: Timestamp) -> Bool { judged.map { now >= $0.next || now < $0.at } ?? true }

    private var isWriteDue: Bool { time.monotonic() - lastWrite >= CorrelatingLimits.restEvery }

    /// Until the log grows, a lease may end, a held alert is due, or a position waits to be written.
    private func rest() async {
        guard let judged else { return }
        var pause = max(judged.next.duration(since: time.now()), .milliseconds(20))
        if isUnwritten { pause = min(pause, CorrelatingLimits.restEvery) }
        let (reader, time, cursor) = (reader, time, cursor)
        let limit = pause
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await reader.waitForBlocks(after: cursor) }
            group.addTask { try? await time.sleep(for: limit) }
            await group.next()
            group.cancelAll()
        }
        let sinceRead = time.monotonic() - lastRead
        if sinceRead < CorrelatingLimits.gatherFor { try? await time.sleep(for: CorrelatingLimits.gatherFor - sinceRead) }
    }

    /// Another configuration, from now on: `host_down`, `incidents`, `flapping`, and how long decisions are kept. Nothing begins anew: every timer goes on from
    /// when it began, by the new length. The state stays in its file, whatever `path` says.
    package func reload(_ fresh: CorrelatingConfig) {
        var fresh = fresh
        fresh.path = config.path
        guard fresh != config else { return }
        config = fresh
        correlation?.adopt(fresh, now: time.now())
        // What was to be judged is looked at anew, at the latest when a lease would be.
        judged = nil
    }

    // MARK: Operators

    /// The decision and its effects at once, in a transaction of their own.
    func takeOff(host: String, by author: String) throws(SQLiteError) -> Bool {
        if store == nil { try openStore() }
        let now = time.now()
        guard let transitions = correlation?.forget(host: host, by: author, now: now) else { return false }
        do throws(SQLiteError) { try write(transitions, now: now) } catch {
            // What was decided was not written: begin from the file.
            (store, correlation) = (nil, nil)
            throw error
        }
        metrics.count(transitions)
        told.continuation.yield()
        recorded.continuation.yield()
        return true
    }

    // MARK: The file

    func openStore() throws(SQLiteError) {
        let opened: CorrelationStore
        let state: StoredCorrelation
        do {
            (opened, state) = try read()
        } catch {
            guard error.isCorrupt else { throw error }
            let aside = DamagedFile.setAside(config.path, stamp: time.now().milliseconds)
            logger.error(
                "the correlation state is damaged: it was set aside and a new one begun; agents repeat what fires within a minute",
                metadata: ["error": "\(error)", "aside": "\(aside)"]
            )
            (opened, state) = try read()
        }
        var restored = Correlation(config: config, restoring: state, makeID: makeID)
        // Whoever opens the file was away.
        restored.resume(at: time.now())
        (store, correlation, cursor) = (opened, restored, state.cursor)
        (isCursorChecked, isUnwritten, judged) = (false, false, nil)
        told.continuation.yield()
        recorded.continuation.yield()
    }

    private func read() throws(SQLiteError) -> (CorrelationStore, StoredCorrelation) {
        let store = try CorrelationStore(path: config.path, now: time.now())
        return (store, try store.load())
    }

    /// The cursor must point into this log: a restored or new log begins again, and a new state need not read years.
    private func checkCursor() async throws {
        guard !isCursorChecked else { return }
        let end = try await reader.end()
        let reread = end > CorrelatingLimits.rereadBlocksMax ? end - CorrelatingLimits.rereadBlocksMax : 0
        if cursor > end {
            logger.warning(
                "the log ends before the position read last: it was replaced, and its latest blocks are read again",
                metadata: ["log.position": "\(cursor)", "log.end": "\(end)"]
            )
            cursor = reread
        } else if cursor == 0 {
            cursor = reread
        }
        isCursorChecked = true
    }

    func write(_ transitions: [AlertTransition], now: Timestamp) throws(SQLiteError) {
        guard let store, let changes = correlation?.takeChanges() else { return }
        try store.write(changes, transitions: transitions, cursor: cursor, now: now)
        (isUnwritten, lastWrite) = (false, time.monotonic())
        if let correlation { metrics.show(correlation) }
        if lastPrune.map({ time.monotonic() - $0 > .seconds(3600) }) ?? true {
            try store.prune(config, now: now)
            lastPrune = time.monotonic()
        }
    }
}
