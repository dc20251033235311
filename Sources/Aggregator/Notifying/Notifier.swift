import Glibc
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

    private let executor = BlockingExecutor(label: "notifying")
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
    private let makeID: @Sendable (Timestamp) -> UUID
    private let jitter: @Sendable (Duration) -> Duration

    private(set) var config: NotifyingConfig
    /// Nil before the first opening, and after a failure until it is opened again.
    private(set) var store: NotificationStore?
    var dispatcher: Dispatcher
    var outbox = Outbox()
    private var watermark: UInt64 = 0
    /// When old history was deleted last.
    private var lastPrune: Duration?
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
    ///   - makeID: identifiers of deliveries; random UUIDv7 unless told.
    ///   - jitter: what becomes of a retry's longest wait; a random part of it unless told.
    package init(
        config: NotifyingConfig,
        path: String,
        externalURL: String,
        http: any HTTPTransferring,
        mail: any MailTransferring,
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
        courier = Courier(http: http, mail: mail)
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
                let aside = "\(path).damaged-\(time.now().milliseconds)"
                for suffix in ["", "-wal", "-shm"] { unsafe rename(path + suffix, aside + suffix) }
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
        var outbox = Outbox()
        for item in try store.pending() { outbox.add(item) }
        watermark = try store.watermark
        let changes = dispatcher.takeChanges()
        _ = try store.write(nil, changes: changes, of: dispatcher, deliveries: [], at: now)
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
        defer { wake.continuation.yield() }
        guard let store else { return }
        do throws(SQLiteError) {
            let now = time.now()
            // From memory, not from the file: timers of groups that had nothing new to say stand here only.
            var fresh = Dispatcher(config: config, stored: dispatcher.snapshot, at: now)
            _ = try store.write(nil, changes: fresh.takeChanges(), of: fresh, deliveries: [], at: now)
            dispatcher = fresh
        } catch {
            closeStore(error)
            throw .failed(error.description)
        }
    }

    // MARK: Transitions

    /// Takes a transition; returns when it is on disk with all that follows from it. One that was taken before is passed over.
    package func accept(_ transition: AlertTransition) async throws(SinkError) {
        let store = try opened()
        do throws(SQLiteError) {
            let digest = StoredAlert.digest(of: transition)
            var beginsAnew = false
            if transition.sequence <= watermark {
                let known = try store.digest(of: transition.sequence)
                if known == digest {
                    metrics.repeats.increment()
                    return
                }
                beginsAnew = true
                logger.notice(
                    "alert changes are counted anew: the state before them was lost",
                    metadata: ["sequence": "\(transition.sequence)", "expected": "\(watermark + 1)"]
                )
            }
            let now = time.now()
            let refused = dispatcher.refused
            dispatcher.accept(transition, at: now)
            if dispatcher.refused > refused { refuse(transition.alert) }
            try commit(
                NotificationStore.Taken(transition: transition, digest: digest, beginsAnew: beginsAnew),
                to: store,
                at: now
            )
            watermark = transition.sequence
            metrics.transitions.increment()
        } catch {
            closeStore(error)
            throw .failed(error.description)
        }
        // The loop may have to sleep less now, or has something to deliver.
        wake.continuation.yield()
    }

    private func refuse(_ alert: Alert) {
        metrics.refused.increment()
        logger.error(
            "more alerts fire than can be told; people hear of those that came first",
            metadata: ["limit": "\(NotifyingLimits.alertsMax)", "alert": "\(alert.labels)"]
        )
    }

    /// Groups whose time has come: called by the loop.
    func flush() {
        guard let store = try? opened() else { return }
        let now = time.now()
        guard let deadline = dispatcher.nextDeadline, deadline <= now else { return }
        do throws(SQLiteError) { try commit(nil, to: store, at: now) } catch { closeStore(error) }
    }

    /// Flushes what is due and writes everything that changed, in one transaction.
    func commit(_ taken: NotificationStore.Taken?, to store: NotificationStore, at now: Timestamp) throws(SQLiteError) {
        let notifications = dispatcher.flush(at: now, pending: outbox.pending)
        let deliveries = notifications.map { notification in
            let id = makeID(now)
            let linked = linking(notification, id: id, at: now)
            return Delivery(linked, config: config, externalURL: externalURL, id: id, at: now)
        }
        let changes = dispatcher.takeChanges()
        if taken != nil || !changes.isEmpty || !deliveries.isEmpty {
            for item in try store.write(taken, changes: changes, of: dispatcher, deliveries: deliveries, at: now) { outbox.add(item) }
        }
        for delivery in deliveries { record(delivery) }
        updateGauges()
        if lastPrune.map({ time.monotonic() - $0 >= NotifyingLimits.historyPruneEvery }) ?? true {
            lastPrune = time.monotonic()
            try store.prune(config.history, at: now)
        }
    }

    private func record(_ delivery: Delivery) {
        metrics.countCreated(delivery.channel.kind)
        var metadata: Logger.Metadata = [
            "channel": "\(delivery.channel.key)", "group": "\(delivery.groupKey)", "reason": "\(delivery.reason.rawValue)",
            "status": "\(delivery.status)", "alerts": "\(delivery.alertCount)", "id": "\(delivery.id)",
        ]
        guard case .unsendable(let sentence) = delivery.payload else {
            return logger.info("notification made", metadata: metadata)
        }
        metadata["error"] = "\(sentence)"
        metrics.countFailed(delivery.channel.kind)
        logger.warning("a notification could not be written out and has failed; mend the receiver's configuration", metadata: metadata)
    }

    func updateGauges() {
        metrics.pending.set(Double(outbox.count))
        metrics.groups.set(Double(dispatcher.groups.count))
    }

    /// When the loop has to look again by itself; nil: only when it is woken.
    var nextDeadline: Timestamp? {
        guard store != nil else { return nextOpening ?? time.now() }
        let attempt = isStopping ? nil : outbox.nextAttempt
        return [dispatcher.nextDeadline, attempt].compactMap { $0 }.min()
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
