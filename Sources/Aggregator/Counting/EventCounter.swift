import Blocks
package import Logging
package import Operating
import SQLite
import ServiceLifecycle
package import Telemetry
package import Wire

/// Reads the events of the log from its own cursor on and writes back how many there are, as the series `tocsin_events_total` that rules and queries
/// read like any other.
///
/// The loop: read blocks, count, write counts and cursor in one transaction, then show the counts as samples. A failure throws away what was counted and
/// not written: the same blocks are counted again. Samples that could not be written are written with the next ones.
package actor EventCounter: Service {
    private let executor = BlockingExecutor()
    nonisolated package var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// As what the log knows our cursor.
    package static let cursorName = "counting"

    private var config: CountingConfig
    private let reader: any LogReader
    private let samples: OwnSamples
    private let time: any TimeSource
    private let logger: Logger
    private let metrics: CountingMetrics

    private var store: CountingStore?
    private var counts: EventCounts
    private var cursor: LogPosition = 0
    private var isCursorChecked = false
    /// By the clock that does not jump.
    private var writtenAt: Duration?
    private var shownAllAt: Duration?
    private var forgottenAt: Duration?
    private var toldGap: Gap?

    package init(
        config: CountingConfig,
        reader: any LogReader,
        samples: OwnSamples,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) {
        (self.config, self.reader, self.samples, self.time, self.logger) = (config, reader, samples, time, logger)
        self.metrics = CountingMetrics(metrics)
        counts = EventCounts(seriesMax: config.seriesMax)
    }

    /// Opens the state, so that what is wrong with it shows at the start. A damaged file is set aside and counting begins anew, as a counter does that was
    /// started again. A file of a newer version is refused.
    package func open() throws(CountingError) {
        guard store == nil else { return }
        do { try openStore() } catch { throw .stateUnusable("\(error)") }
    }

    package func run() async throws {
        try open()
        await cancelWhenGracefulShutdown { await self.follow() }
        store = nil
    }

    /// `limits.event_series`, from now on. What is counted already goes on under its own labels.
    package func reload(_ fresh: CountingConfig) {
        config.seriesMax = fresh.seriesMax
        counts.seriesMax = fresh.seriesMax
    }

    // MARK: The loop

    private func follow() async {
        var failures = 0
        while !Task.isCancelled {
            do {
                let isCaughtUp = try await step()
                failures = 0
                if isCaughtUp { await rest() }
            } catch {
                failures += 1
                metrics.failures.increment()
                logger.warning(
                    "counting events is held up; the log is read again from the last position written",
                    metadata: ["error": "\(error)", "failures": "\(failures)"]
                )
                if !(error is LogError) { store = nil }
                let delay = min(CountingLimits.retryCap, CountingLimits.retryBase * (1 << min(failures - 1, 10)))
                try? await time.sleep(for: delay)
            }
        }
        do { try write() } catch {
            logger.warning("the last counts were not written; some blocks are counted again", metadata: ["error": "\(error)"])
        }
    }

    /// One read, and what is due. True when nothing more is to be read.
    @discardableResult
    func step() async throws -> Bool {
        if store == nil { try openStore() }
        try await checkCursor()
        // What was counted before a restart stands in the log before it grows.
        if shownAllAt == nil { try await show(all: true) }
        let page = try await reader.page(after: cursor, kinds: [.events], limit: CountingLimits.blocksPerRead)
        let end = try await reader.end()
        if let gap = page.gap, gap != toldGap { tell(gap) }
        let now = time.now()
        for block in page.blocks { take(block, now: now) }
        cursor = max(cursor, page.next)
        if isDue(writtenAt, CountingLimits.showEvery), counts.hasGrown || isDue(shownAllAt, CountingLimits.showAllEvery) {
            if isDue(forgottenAt, CountingLimits.forgetEvery) {
                counts.forget(at: now)
                forgottenAt = time.monotonic()
            }
            try write()
            try await show(all: isDue(shownAllAt, CountingLimits.showAllEvery))
        }
        return page.next >= end
    }

    private func take(_ block: StoredBlock, now: Timestamp) {
        do throws(BlockError) {
            let columns = try EventLabelColumns(decoding: block.bytes)
            counts.take(columns, host: block.host, receivedAt: block.receivedAt, repeated: Set(block.repeatedRows), now: now)
        } catch {
            metrics.unreadable.increment()
            logger.warning(
                "a block of events cannot be read and is not counted",
                metadata: ["log.position": "\(block.position)", "error": "\(error)"]
            )
        }
    }

    private func isDue(_ last: Duration?, _ every: Duration) -> Bool { last.map { time.monotonic() - $0 >= every } ?? true }

    /// Until the log grows, or something counted waits to be shown.
    private func rest() async {
        let now = time.monotonic()
        let isCounting = counts.hasGrown
        let due = isCounting ? (writtenAt ?? now) + CountingLimits.showEvery : (shownAllAt ?? now) + CountingLimits.showAllEvery
        let (reader, time, cursor, pause) = (reader, time, cursor, max(due - now, .milliseconds(1)))
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await reader.waitForBlocks(after: cursor) }
            group.addTask { try? await time.sleep(for: pause) }
            await group.next()
            group.cancelAll()
        }
        // Several commits are counted together, but before they are sealed: what is in memory costs least to read.
        if isCounting { try? await time.sleep(for: CountingLimits.gatherFor) }
    }

    private func tell(_ gap: Gap) {
        toldGap = gap
        metrics.gaps.increment()
        logger.warning(
            "part of the log was deleted before its events were counted: they are missing in tocsin_events_total",
            metadata: ["log.position": "\(cursor)", "from": "\(gap.from)", "to": "\(gap.to)", "rows": "\(gap.count)", "detail": "\(gap.detail)"]
        )
    }

    // MARK: Outward

    private func write() throws(SQLiteError) {
        try store?.write(counts.takeChanges(), cursor: cursor)
        writtenAt = time.monotonic()
    }

    private func show(all: Bool) async throws(LogError) {
        let now = time.now()
        let shown = counts.samples(at: now, all: all)
        if !shown.isEmpty { try await samples.append(shown, receivedAt: now) }
        counts.wereShown(at: now)
        if all {
            shownAllAt = time.monotonic()
            await reader.report(LogCursor(name: Self.cursorName, position: cursor))
        }
        metrics.show(counts)
    }

    // MARK: The file

    private func openStore() throws(SQLiteError) {
        let opened: CountingStore
        let state: (cursor: LogPosition, counts: [EventCounts.Key: EventCounts.Count])
        do {
            (opened, state) = try read()
        } catch {
            guard error.isCorrupt else { throw error }
            let aside = DamagedFile.setAside(config.path, stamp: time.now().milliseconds)
            logger.error(
                "the counts of events are damaged: they were set aside, and counting begins anew",
                metadata: ["error": "\(error)", "aside": "\(aside)"]
            )
            (opened, state) = try read()
        }
        (store, cursor) = (opened, state.cursor)
        counts = EventCounts(seriesMax: config.seriesMax, restoring: state.counts)
        (isCursorChecked, shownAllAt) = (false, nil)
    }

    private func read() throws(SQLiteError) -> (CountingStore, (cursor: LogPosition, counts: [EventCounts.Key: EventCounts.Count])) {
        let store = try CountingStore(path: config.path)
        return (store, try store.load())
    }

    /// The cursor must point into this log; a new state need not count years.
    private func checkCursor() async throws(LogError) {
        guard !isCursorChecked else { return }
        let end = try await reader.end()
        if cursor > end {
            logger.warning(
                "the log ends before the position counted last: it was replaced, and counting goes on at its end",
                metadata: ["log.position": "\(cursor)", "log.end": "\(end)"]
            )
            cursor = end
        } else if cursor == 0, end > CountingLimits.rereadBlocksMax {
            cursor = end - CountingLimits.rereadBlocksMax
        }
        isCursorChecked = true
    }
}

/// What this room counts about itself.
struct CountingMetrics: Sendable {
    let failures: Counter
    let unreadable: Counter
    let gaps: Counter
    private let series: Gauge
    private let folded: Gauge

    init(_ registry: MetricsRegistry) {
        failures = registry.counter("tocsin_event_counting_failures_total", help: "Times that counting events was held up and tried again.")
        unreadable = registry.counter("tocsin_event_counting_unreadable_blocks_total", help: "Blocks of events that could not be counted.")
        gaps = registry.counter("tocsin_event_counting_gaps_total", help: "Parts of the log that were deleted before their events were counted.")
        series = registry.gauge("tocsin_event_series", help: "Label sets of tocsin_events_total and tocsin_events_late_total.")
        folded = registry.gauge(
            "tocsin_event_series_folded_events",
            help: "Events counted as \"other\" since the start, because there are more label sets than limits.event_series."
        )
    }

    func show(_ counts: EventCounts) {
        series.set(Double(counts.seriesCount))
        folded.set(Double(counts.folded))
    }
}
