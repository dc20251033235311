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
    private let executor = BlockingExecutor(label: "tailing")
    private let shown = Mutex<[TailStatus]>([])
    private let isStopping = Atomic(false)
    private var watched: [String: Int32] = [:]
    private var unwatched = false
    private var lastScan: Duration = .zero
    private var lastShown: Duration = .zero
    private var hasNews = true

    package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - host: the events' host.
    ///   - tags: the events' tags.
    ///   - checkpoint: positions that an earlier run made durable.
    package init(
        _ configs: [TailConfig],
        host: String,
        tags: [String] = [],
        checkpoint: Checkpoint,
        into sink: any Sink<Intake>,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) {
        counters = TailCounters(metrics)
        engine = TailEngine(configs, host: host, tags: tags, checkpoint: checkpoint.positions, counters: counters, logger: logger)
        (self.sink, self.time, self.logger) = (sink, time, logger)
    }

    /// Files that are followed, and files that match and cannot be read; as of a moment ago.
    package nonisolated func status() -> [TailStatus] { shown.withLock { $0 } }

    package func run() async throws {
        await withTaskCancellationHandler {
            await withGracefulShutdownHandler {
                await follow()
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

    private var goesOn: Bool { !isStopping.load(ordering: .acquiring) }

    private func moment() -> TailEngine.Moment { TailEngine.Moment(wall: time.now(), monotonic: time.monotonic()) }

    // MARK: The loop

    private func follow() async {
        scan(isFirst: true)
        var batch = engine.fill(at: moment())
        while goesOn {
            if batch.isEmpty {
                show(always: true)
                await Task.yield()
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

    // MARK: Looking and waiting

    private func scan(isFirst: Bool = false) {
        engine.scan(at: moment(), isFirst: isFirst)
        hasNews = true
        lastScan = time.monotonic()
        let wanted = engine.folders()
        for (folder, number) in watched where !wanted.contains(folder) {
            watched[folder] = nil
            // Two names of one folder share a number.
            if !watched.values.contains(number) { watch.remove(number) }
        }
        unwatched = false
        for folder in wanted {
            // Asked anew each time: a folder that was removed and made again has the same name and needs a new watch.
            if watched.count < TailingLimits.foldersMax || watched[folder] != nil, let number = watch.add(folder) {
                watched[folder] = number
            } else {
                unwatched = true
            }
        }
    }

    private var scanInterval: Duration { unwatched ? TailingLimits.scanIntervalWithoutWatch : TailingLimits.scanInterval }

    /// While there is always something to read, nobody waits: look around on the way.
    private func scanWhenDue() {
        let since = time.monotonic() - lastScan
        if since >= scanInterval || since >= TailingLimits.scanIntervalMin && watch.drain() { scan() }
    }

    /// Until files were written to, came or went, something is due, or the slow scan is.
    private func wait() {
        var limit = scanInterval - (time.monotonic() - lastScan)
        if let due = engine.nextDue() { limit = min(limit, due - time.monotonic() + .milliseconds(1)) }
        switch limit > .zero ? watch.wait(atMost: limit) : .timeout {
        case .interrupted: break
        // Somebody writes to a file in our folders, ours or not: look fifty times a second, not at each line.
        case .written: _ = watch.wait(atMost: TailingLimits.settle, watching: false)
        case .structure:
            let since = time.monotonic() - lastScan
            if since < TailingLimits.scanIntervalMin { _ = watch.wait(atMost: TailingLimits.scanIntervalMin - since, watching: false) }
            if goesOn { scan() }
        case .timeout:
            if time.monotonic() - lastScan >= scanInterval { scan() }
        }
    }

    private func show(always: Bool) {
        let now = time.monotonic()
        guard hasNews, always || now - lastShown >= .milliseconds(250) else { return }
        (lastShown, hasNews) = (now, false)
        let status = engine.status()
        counters.behind.set(status.reduce(0) { $0 + Double($1.size - $1.offset) })
        shown.withLock { $0 = status }
    }
}
