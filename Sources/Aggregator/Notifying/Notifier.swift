package import Logging
package import Operating
import SQLite
import ServiceLifecycle
package import Telemetry
package import Transferring

/// Takes what changed among the alerts, and tells people. `accept` returns when a transition and all that follows from it are on disk;
/// `run` delivers what is in the outbox. ``Dispatcher`` decides who is told when, ``Outbox`` what goes next, ``Courier`` carries.
///
/// Nothing is polled: a transition or an ended delivery wakes the loop, else it sleeps until the next timer. When the store fails, what is in
/// memory is thrown away and read again from the file; transitions are refused meanwhile, and Correlating keeps them.
package actor Notifier: Service, Sink, NotificationDirectory {
    package typealias Element = AlertTransition

    private let executor = BlockingExecutor()
    nonisolated package var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let path: String
    let externalURL: String
    let time: any TimeSource
    let logger: Logger
    let metrics: NotifyingMetrics
    let courier: Courier
    /// Answers questions about the past; nil for a store in memory.
    let past: HistoryReader?
    /// Signs and reads the links in messages.
    nonisolated let links: AcknowledgeLinks
    let makeID: @Sendable (Timestamp) -> UUID
    private let jitter: @Sendable (Duration) -> Duration

    private(set) var config: NotifyingConfig
    /// Nil before the first opening, and after a failure until it is opened again.
    private(set) var store: NotificationStore?
    var dispatcher: Dispatcher
    var outbox = Outbox()
    var watermark: UInt64 = 0
    /// When old history was deleted last.
    var lastPrune: Duration?
    private var storeProblem: String?
    private var openFailures = 0
    private var nextOpening: Timestamp?
    /// Moments at which the loop is woken.
    var alarms: Set<Timestamp> = []
    var isLastAlarmSet = false
    var isStopping = false
    var isGraceOver = false
    let wake = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))

    /// - Parameters:
    ///   - path: of `notifications.db`; its folder must exist.
    ///   - externalURL: where people reach this aggregator, without a slash at the end; it stands in every notification.
    ///   - http, mail: should run ``NotifyingLimits/deliveriesMax`` transfers at once, so that slow providers do not hold up others.
    ///   - pictures: of metrics, for mails; nil: mails without.
    ///   - makeID: identifiers of deliveries; random UUIDv7 unless told.
    ///   - jitter: what becomes of a retry's longest wait; a random part of it unless told.
    package init(
        config: NotifyingConfig,
        path: String,
        externalURL: String,
        http: any HTTPTransferring,
        mail: any MailTransferring,
        pictures: (any MetricPictureSource)? = nil,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger,
        makeID: (@Sendable (Timestamp) -> UUID)? = nil,
        jitter: (@Sendable (Duration) -> Duration)? = nil
    ) {
        (self.config, self.path, self.externalURL) = (config, path, externalURL)
        (self.time, self.logger, self.metrics) = (time, logger, NotifyingMetrics(metrics))
        past = path == ":memory:" ? nil : HistoryReader(path: path)
        links = Notifier.links(beside: path, logger: logger)
        courier = Courier(
            http: http,
            mail: mail,
            composer: Composer(externalURL: externalURL, pictures: pictures),
            tokens: OAuthTokens(http: http, time: time)
        )
        dispatcher = Dispatcher(config: config, at: time.now())
        self.makeID =
            makeID ?? { moment in
                var generator = SystemRandomNumberGenerator()
                return UUID.v7(at: moment, using: &generator)
            }
        self.jitter = jitter ?? { longest in longest * Double.random(in: 0...1) }
    }

    // MARK: The store

    /// Opens the store, so that what is wrong with it shows at the start. A damaged file is set aside and a new one begun: what fires is told
    /// again. A file of a newer version is refused.
    package func open() throws(SinkError) {
        guard store == nil else { return }
        do throws(SQLiteError) {
            do throws(SQLiteError) { try load() } catch {
                guard error.isCorrupt else { throw error }
                let aside = DamagedFile.setAside(path, stamp: time.now().milliseconds)
                logger.error(
                    "the notifications' file was damaged and is set aside; a new one is begun, and alerts that still fire are told again",
                    metadata: ["file": "\(aside)", "error": "\(error)"]
                )
                try load()
            }
            (openFailures, nextOpening, storeProblem) = (0, nil, nil)
        } catch {
            closeStore(error)
            throw .failed(error.description)
        }
    }

    private func load() throws(SQLiteError) {
        let store = try NotificationStore(path: path)
        let stored = try store.load()
        let now = time.now()
        var dispatcher = Dispatcher(config: config, stored: stored, at: now)
        let outbox = try outbox(from: store, at: now)
        watermark = try store.watermark
        let changes = dispatcher.takeChanges()
        _ = try store.write([], changes: changes, of: dispatcher, deliveries: [], at: now)
        (self.store, self.dispatcher, self.outbox) = (store, dispatcher, outbox)
        updateGauges()
    }

    /// What is in memory may be ahead of the file now: the file is read again.
    func closeStore(_ error: SQLiteError) {
        store = nil
        openFailures += 1
        storeProblem = error.description
        metrics.storeFailures.increment()
        nextOpening = time.now().advanced(by: min(.seconds(30), .seconds(1) * (1 << min(openFailures - 1, 5))))
        logger.error(
            "notifications cannot be stored; alert changes wait and are tried again",
            metadata: ["error": "\(error)", "failures": "\(openFailures)"]
        )
        wake.continuation.yield()
    }

    func opened() throws(SinkError) -> NotificationStore {
        if let store { return store }
        if let nextOpening, nextOpening > time.now() { throw .failed(storeProblem ?? "the notifications' store is being opened again") }
        try open()
        guard let store else { throw .stopped }
        return store
    }

    /// New receivers and routes, at once. Alerts are routed anew; a group with the same key goes on with what it was told and with its timer.
    package func reload(_ config: NotifyingConfig) throws(SinkError) {
        self.config = config
        // Deliveries under way keep their places: the outbox stays as it is.
        outbox.settings = config.outbox
        outbox.setFallbacks { fallbackAt($0) }
        defer { wake.continuation.yield() }
        guard let store else { return }
        do throws(SQLiteError) {
            let now = time.now()
            // From memory, not from the file: timers of groups that had nothing new to say stand here only.
            var fresh = Dispatcher(config: config, stored: dispatcher.snapshot, at: now)
            _ = try store.write([], changes: fresh.takeChanges(), of: fresh, deliveries: [], at: now)
            dispatcher = fresh
        } catch {
            closeStore(error)
            throw .failed(error.description)
        }
    }

    func updateGauges() {
        metrics.pending.set(Double(outbox.count))
        metrics.groups.set(Double(dispatcher.groups.count))
        metrics.channelsDown.set(Double(outbox.lanes.values.count { !$0.breaker.isClosed }))
    }

    /// When the loop has to look again by itself; nil: only when it is woken.
    var nextDeadline: Timestamp? {
        guard store != nil else { return nextOpening ?? time.now() }
        let (attempt, fallback) = isStopping ? (nil, nil) : (outbox.nextAttempt, outbox.nextFallback)
        return [dispatcher.nextDeadline, attempt, fallback].compactMap { $0 }.min()
    }

    func retryDelay(afterFailures failures: Int) -> Duration {
        jitter(Backoff(base: NotifyingLimits.retryBase, cap: NotifyingLimits.retryCap).ceiling(afterFailures: failures))
    }

    // MARK: Silences

    /// Runs `change` on the silences and on the store; what failed is read again.
    func changeSilences<Result>(
        _ change: (NotificationStore, inout SilenceBook) throws(QueryError) -> (result: Result, write: [Silence], delete: [UUID])
    ) throws(QueryError) -> Result {
        let store: NotificationStore
        do throws(SinkError) { store = try opened() } catch { throw .failed(error.description) }
        var book = dispatcher.silences
        let (result, written, deleted) = try change(store, &book)
        do throws(SQLiteError) {
            try store.connection.transaction { () throws(SQLiteError) in
                for silence in written { try store.write(silence) }
                try store.deleteSilences(deleted)
            }
        } catch {
            closeStore(error)
            throw .failed(error.description)
        }
        dispatcher.silences = book
        wake.continuation.yield()
        return result
    }

    var problem: String? { storeProblem }
}
