import Expressions
package import Logging
package import Operating
import Rules
import SQLite
import ServiceLifecycle
package import Telemetry
package import Wire

/// Evaluates the aggregator's own rules over the metrics of all hosts, each group on its own clock, and tells the next room what is pending and what fires.
///
/// ``RuleBook`` decides; this shell asks the queries, stores what changed and hands the whole state over. What is handed over is the state and not the change:
/// whatever dies between the two rooms, the next hand-over puts it right and nothing is told twice.
package actor Ruler: Service, RuleDirectory {
    private let executor = BlockingExecutor()
    nonisolated package var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private(set) var config: RulingConfig
    let queries: any MetricQuerying
    let samples: OwnSamples
    let next: any Sink<RuledAlerts>
    let time: any TimeSource
    let logger: Logger
    let metrics: RulingMetrics

    var book: RuleBook
    var store: RulingStore?
    /// Groups whose alerts the file does not have yet.
    var unwritten: Set<GroupID> = []
    /// By the clock that does not jump.
    var writtenAt: [GroupID: Duration] = [:]
    private var isUntold = false
    private var toldAt: Duration?
    private var clock: ClockWatch
    /// Rings when a group has ended or the rules are others.
    private let changed = Bell()
    /// Rings when there is something to tell.
    private let news = Bell()

    /// - Parameters:
    ///   - queries: PromQL over what is stored.
    ///   - samples: takes recorded series.
    ///   - next: is told what the rules say, again and again; it passes over what it knows.
    package init(
        config: RulingConfig,
        queries: any MetricQuerying,
        samples: OwnSamples,
        next: any Sink<RuledAlerts>,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) {
        (self.config, self.queries, self.samples, self.next, self.time, self.logger) = (config, queries, samples, next, time, logger)
        self.metrics = RulingMetrics(metrics)
        book = RuleBook([], interval: config.interval, at: time.now())
        clock = ClockWatch(wall: time.now(), monotonic: time.monotonic(), stepMin: RulingLimits.clockStepMin)
    }

    /// Opens the state, so that what is wrong with it shows at the start. A damaged file is set aside: what fires goes on firing, what was pending waits anew.
    /// A file of a newer version is refused.
    package func open() throws(RulingError) {
        guard store == nil else { return }
        do throws(SQLiteError) { try restore() } catch { throw .stateUnusable("\(error)") }
    }

    package func run() async throws {
        try open()
        await cancelWhenGracefulShutdown {
            await withTaskGroup(of: Void.self) { group in
                group.addTask { await self.follow() }
                group.addTask { await self.tell() }
                await group.waitForAll()
            }
        }
        for id in unwritten { write(id, at: time.now()) }
        store = nil
    }

    /// Other rules, at once. Rules that are the same go on; alerts of rules that are gone are over.
    package func reload(_ fresh: RulingConfig) {
        let path = config.path
        config = fresh
        config.path = path
        book = book.reloaded(fresh.groups, interval: fresh.interval, at: time.now())
        let ids = book.groups.map(\.id)
        metrics.seed(ids)
        do throws(SQLiteError) { try store?.keep(only: Set(ids)) } catch { closeStore(error) }
        unwritten = Set(ids)
        isUntold = true
        news.ring()
        changed.ring()
    }

    // MARK: The loop

    private func follow() async {
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                let rings = changed.rings
                watchClock()
                for turn in begin() { group.addTask { await self.evaluate(turn) } }
                await rest(until: book.next(at: time.now()), after: rings)
            }
            group.cancelAll()
        }
    }

    func begin() -> [RuleBook.Turn] { book.begin(at: time.now()) }

    /// Until a group's time has come, or one has ended, or the rules are others.
    private func rest(until moment: Timestamp?, after rings: UInt64) async {
        let (changed, time) = (changed, time)
        let pause = moment.map { max($0.duration(since: time.now()), .milliseconds(1)) }
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await changed.wait(after: rings) }
            if let pause { group.addTask { try? await time.sleep(for: pause) } }
            await group.next()
            group.cancelAll()
        }
    }

    private func watchClock() {
        guard let jump = clock.jump(wall: time.now(), monotonic: time.monotonic()) else { return }
        logger.warning("the wall clock was set; what waits for its time moves with it", metadata: ["jump.seconds": "\(jump.inSeconds)"])
        book.shiftClock(by: jump)
        unwritten.formUnion(book.groups.map(\.id))
    }

    func ended(_ turn: RuleBook.Turn, took: Duration, isChanged: Bool) {
        book.end(turn, took: took)
        metrics.took(turn.id, took)
        let now = time.monotonic()
        if isChanged { unwritten.insert(turn.id) }
        let hasAlerts = !book.stored(of: turn.id).isEmpty
        let isWriteDue = writtenAt[turn.id].map { now - $0 >= RulingLimits.refreshEvery } ?? true
        if unwritten.contains(turn.id) || isWriteDue { write(turn.id, at: turn.moment) }
        if isChanged || toldAt.map({ now - $0 >= RulingLimits.refreshEvery }) ?? hasAlerts {
            isUntold = true
            news.ring()
        }
        changed.ring()
    }

    // MARK: Telling

    private func tell() async {
        var failures = 0
        while !Task.isCancelled {
            let rings = news.rings
            guard isUntold else {
                await news.wait(after: rings)
                continue
            }
            isUntold = false
            do throws(SinkError) {
                try await next.accept(book.ruled)
                toldAt = time.monotonic()
                failures = 0
            } catch {
                if case .stopped = error { return }
                isUntold = true
                failures += 1
                metrics.failures.increment()
                logger.warning("what rules say waits to be handed over", metadata: ["error": "\(error)", "failures": "\(failures)"])
                try? await time.sleep(for: Self.delay(failures))
            }
        }
    }

    private static func delay(_ failures: Int) -> Duration {
        min(RulingLimits.retryCap, RulingLimits.retryBase * (1 << min(failures - 1, 10)))
    }

    // MARK: The file

    private func restore() throws(SQLiteError) {
        let opened: RulingStore
        let state: RulingStore.State
        do {
            (opened, state) = try read()
        } catch {
            guard error.isCorrupt else { throw error }
            let aside = DamagedFile.setAside(config.path, stamp: time.now().milliseconds)
            logger.error(
                "the state of rules is damaged: it was set aside; what fires goes on, what was pending waits anew",
                metadata: ["error": "\(error)", "aside": "\(aside)"]
            )
            (opened, state) = try read()
        }
        let now = time.now()
        let away = state.lastMoments.values.max().map { now.duration(since: $0) } ?? .zero
        book = RuleBook(
            config.groups,
            interval: config.interval,
            restoring: state.alerts,
            lastMoments: state.lastMoments,
            heldFor: away > RulingLimits.awayMin ? RulingLimits.agentsReturnWithin : .zero,
            at: now
        )
        store = opened
        metrics.seed(book.groups.map(\.id))
        isUntold = true
        news.ring()
    }

    private func read() throws(SQLiteError) -> (RulingStore, RulingStore.State) {
        let store = try RulingStore(path: config.path)
        return (store, try store.load())
    }

    /// What could not be written is written with the next evaluation.
    func write(_ id: GroupID, at moment: Timestamp) {
        do throws(SQLiteError) {
            if store == nil { store = try RulingStore(path: config.path) }
            try store?.write(book.stored(of: id), of: id, evaluatedAt: moment)
            unwritten.remove(id)
            writtenAt[id] = time.monotonic()
        } catch { closeStore(error) }
    }

    private func closeStore(_ error: SQLiteError) {
        store = nil
        metrics.failures.increment()
        logger.warning(
            "the state of rules cannot be stored; they are evaluated all the same, and it is tried again with each evaluation",
            metadata: ["error": "\(error)"]
        )
    }

    // MARK: What is known

    package func ruleGroups() -> [EvaluatedGroup] { book.evaluated }

    /// What an operator should look at; empty when all is well.
    package func problems() -> [String] { book.problems }
}
