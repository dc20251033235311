package import Logging
package import Operating
import ServiceLifecycle
import Synchronization
package import Telemetry

/// Follows log files and hands their lines on, each once. A read position goes with the lines that it is about, in one intake: when the next
/// room has taken it, both are durable; when it has not, neither is, and the same lines are offered again until it does.
///
/// While one batch is being stored, the next is read.
package actor Tailer: Service {
    private let engine: TailEngine
    private let sink: any Sink<Intake>
    private let time: any TimeSource
    private let counters: TailCounters
    private let logger: Logger
    private let watch = FolderWatch()
    private let executor = BlockingExecutor()
    private let shown = Mutex<[TailStatus]>([])
    private let isStopping = Atomic(false)
    private var watched: [String: Int32] = [:]
    private var foldersByWatch: [Int32: [String]] = [:]
    private var unwatched = false
    /// Some folder lies where inotify does not hear of everything.
    private var isUnheard = false
    /// The number of the layout whose folders are watched.
    private var watchedLayout = 0
    private var lastScan: Duration = .zero
    private var scanDuration: Duration = .zero
    private var needsScan = false
    private var lastShown: Duration = .zero
    private var hasNews = true
    private let asker: PositionAsker?

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - host: the events' host.
    ///   - tags: the events' tags.
    ///   - checkpoint: positions that an earlier run made durable.
    ///   - question: nil when all of them are there.
    package init(
        _ configs: [TailConfig],
        host: String,
        tags: [String] = [],
        checkpoint: Checkpoint,
        question: PositionQuestion? = nil,
        into sink: any Sink<Intake>,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) {
        counters = TailCounters(metrics)
        engine = TailEngine(
            configs,
            host: host,
            tags: tags,
            checkpoint: checkpoint.positions,
            counters: counters,
            lineCounters: configs.map { LineCounters($0, metrics) },
            openFilesMax: OpenFiles.budget(atMost: TailingLimits.openFilesMax, reserve: TailingLimits.openFilesReserve),
            logger: logger
        )
        (self.sink, self.time, self.logger) = (sink, time, logger)
        asker = question.map { PositionAsker($0, time: time) }
    }

    /// Files that are followed, and files that match and cannot be read; as of a moment ago.
    package nonisolated func status() -> [TailStatus] { shown.withLock { $0 } }

    /// What is waited for before files are read, or asked while they are; nil: nothing.
    package nonisolated func waitsFor() -> String? { asker?.state }

    package func run() async throws {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await withTaskGroup(of: Void.self) { group in
                    group.addTask { await self.asker?.keepAsking() }
                    await follow()
                    group.cancelAll()
                }
            } onGracefulShutdown: {
                self.stop()
            }
        } onCancel: {
            self.stop()
        }
        // The next room closed before us: a service that returned early would end the whole program.
        if !Task.isShuttingDownGracefully, !Task.isCancelled { try await gracefulShutdown() }
    }

    private nonisolated func stop() {
        isStopping.store(true, ordering: .releasing)
        watch.interrupt()
    }

    private nonisolated var goesOn: Bool { !isStopping.load(ordering: .acquiring) }

    private func moment() -> TailEngine.Moment { TailEngine.Moment(wall: time.now(), monotonic: time.monotonic()) }

    // MARK: The loop

    private func follow() async {
        await recall()
        guard goesOn else { return }
        scan(isFirst: true)
        var batch = engine.fill(at: moment())
        while goesOn {
            takeLateAnswer()
            if batch.isEmpty {
                show(always: true)
                wait()
                if goesOn { batch = engine.fill(at: moment()) }
                continue
            }
            hasNews = true
            // Stored on another thread while this one reads on.
            async let stored = deliver(batch)
            scanWhenDue()
            let next = goesOn ? engine.fill(at: moment()) : TailBatch()
            show(always: false)
            guard await stored else { break }
            // Everything is read: let some lines gather, so that a transaction holds more than one.
            if !batch.isFull, next.isEmpty, goesOn { _ = watch.wait(atMost: TailingLimits.settle, watching: false) }
            batch = next
        }
        show(always: true)
    }

    /// Offers the batch until it is taken. False: the next room has stopped, or we are to.
    private nonisolated func deliver(_ batch: TailBatch) async -> Bool {
        let intake = batch.intake
        let backoff = Backoff(base: .milliseconds(100), cap: .seconds(10))
        var generator = SystemRandomNumberGenerator()
        var failures = 0
        while true {
            do throws(SinkError) {
                try await sink.accept(intake)
                counters.lines.increment(by: intake.events.count)
                counters.bytes.increment(by: batch.bytes)
                return true
            } catch {
                guard case .failed(let reason) = error else { return false }
                failures += 1
                counters.retries.increment()
                logger.warning("lines wait: the next room does not take them", metadata: ["lines": "\(intake.events.count)", "problem": "\(reason)"])
                let pause = backoff.delay(afterFailures: failures, using: &generator)
                do {
                    try await cancelWhenGracefulShutdown { [time] in try await time.sleep(for: pause) }
                } catch { return false }
                if isStopping.load(ordering: .acquiring) { return false }
            }
        }
    }

    // MARK: Where files stood

    /// Before anything is read: where the aggregator has the files, if the spool does not know it.
    private func recall() async {
        guard let asker else { return }
        if case .begun(let starts) = asker.question.memory, asker.question.ask != nil {
            engine.begun = starts
            return asker.askBeside()
        }
        switch await asker.ask(while: { [self] in goesOn }) {
        case .nobody: engine.forgetMemory()
        case .known(let known): engine.resume(at: known, after: asker.question.memory, at: moment())
        case .noAnswer:
            guard goesOn else { return }
            logger.warning("the aggregator does not say where files stood: they are begun as start says, and it is asked on")
            engine.beginWithoutAnswer()
            asker.askBeside()
        }
    }

    private func takeLateAnswer() {
        if let known = asker?.takeLateAnswer() { engine.settle(known, at: moment()) }
    }

    // MARK: Looking and waiting

    private func scan(isFirst: Bool = false) {
        let began = time.monotonic()
        engine.scan(at: moment(), isFirst: isFirst, isTold: needsScan || unwatched)
        hasNews = true
        needsScan = false
        lastScan = time.monotonic()
        if engine.layout.number != watchedLayout { watchFolders() }
        scanDuration = time.monotonic() - began
    }

    private func watchFolders() {
        watchedLayout = engine.layout.number
        let wanted = engine.layout.folders
        for (folder, number) in watched where !wanted.contains(folder) {
            watched[folder] = nil
            // Two names of one folder share a number.
            if !watched.values.contains(number) { watch.remove(number) }
        }
        unwatched = false
        isUnheard = wanted.contains { !FolderWatch.hearsAll(of: $0) }
        for folder in wanted {
            // Asked anew each time: a folder that was removed and made again has the same name and needs a new watch.
            if watched.count < TailingLimits.foldersMax || watched[folder] != nil, let number = watch.add(folder) {
                watched[folder] = number
            } else {
                unwatched = true
            }
        }
        foldersByWatch = Dictionary(grouping: watched.keys) { watched[$0] ?? -1 }
    }

    private var scanInterval: Duration {
        if unwatched { return TailingLimits.scanIntervalWithoutWatch }
        return isUnheard ? TailingLimits.scanIntervalUnheard : TailingLimits.scanInterval
    }

    /// With thousands of files a look around takes milliseconds: at most a tenth of the time goes into it.
    private var scanIntervalMin: Duration { max(TailingLimits.scanIntervalMin, scanDuration * 10) }

    private func take(_ changes: FolderWatch.Changes) {
        if changes.isOverflow { engine.touchAll() }
        if changes.isStructure { needsScan = true }
        for place in changes.written {
            for folder in foldersByWatch[place.folder] ?? [] { engine.touch(folder == "/" ? "/" + place.name : folder + "/" + place.name) }
        }
    }

    /// While there is always something to read, nobody waits: look around on the way.
    private func scanWhenDue() {
        take(watch.drain())
        let since = time.monotonic() - lastScan
        if since >= max(scanInterval, scanIntervalMin) || needsScan && since >= scanIntervalMin { scan() }
    }

    /// Until files were written to, came or went, something is due, or the slow scan is.
    private func wait() {
        let now = moment()
        let since = now.monotonic - lastScan
        var limit = max(needsScan ? scanIntervalMin : scanInterval, scanIntervalMin) - since
        if let due = engine.nextDue(at: now) { limit = min(limit, due - now.monotonic + .milliseconds(1)) }
        if limit > .zero, case .changed(let changes) = watch.wait(atMost: limit) {
            take(changes)
            // Somebody writes to a file in our folders, ours or not: look fifty times a second, not at each line.
            if !changes.isStructure { _ = watch.wait(atMost: TailingLimits.settle, watching: false) }
        }
        if goesOn { scanWhenDue() }
    }

    private func show(always: Bool) {
        let now = time.monotonic()
        // Thousands of files take milliseconds to list.
        let interval = max(Duration.milliseconds(250), .milliseconds(engine.order.count / 2))
        guard hasNews, always && engine.order.count < 500 || now - lastShown >= interval else { return }
        (lastShown, hasNews) = (now, false)
        let status = engine.status()
        counters.behind.set(status.reduce(0) { $0 + Double($1.size - $1.offset) })
        shown.withLock { $0 = status }
    }
}
