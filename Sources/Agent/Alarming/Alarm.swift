package import Logging
package import Operating
import ServiceLifecycle
import Synchronization
package import Telemetry
package import Transferring

/// Stands between judge and spool and tells local receivers of alerts that the aggregator does not get: when it has taken nothing for a while, or there
/// is none. Everything goes on to the spool as it came; an alert that was told here carries an annotation that says so, and the aggregator, when it
/// is back, shows it with its original times and pages nobody again. Who was told of a beginning is told of the end.
package final class Alarm: Sink, Service {
    /// One receiver and what it did not take yet.
    private struct Line {
        let receiver: AlarmConfig.Receiver
        var waiting: [Alert] = []
        var failures = 0
        var nextAttempt: Duration = .zero
        var lastError: String?
    }

    private struct State {
        var config: AlarmConfig?
        var book: AlarmBook
        var lines: [Line]
        var watch: AggregatorWatch
        /// When the aggregator's health is asked next.
        var nextProbe: Duration = .zero
    }

    private let host: String
    private let next: any Sink<Intake>
    private let aggregator: @Sendable () async -> AggregatorState
    private let undelivered: @Sendable () async -> Bool
    private let probe: @Sendable () -> HealthProbe?
    private let courier: LocalCourier
    private let time: any TimeSource
    private let logger: Logger
    private let delivered: Counter
    private let failed: Counter
    private let state: Mutex<State>
    private let bell = Bell()

    /// - Parameters:
    ///   - config: nil: nobody is told here.
    ///   - aggregator: whether it takes data.
    ///   - undelivered: whether alerts wait in the spool.
    ///   - probe: asks the aggregator's health; nil where there is none.
    package init(
        _ config: AlarmConfig?,
        host: String,
        next: any Sink<Intake>,
        checkpoint: Checkpoint = Checkpoint(),
        aggregator: @escaping @Sendable () async -> AggregatorState,
        undelivered: @escaping @Sendable () async -> Bool,
        probe: @escaping @Sendable () -> HealthProbe? = { nil },
        http: any HTTPTransferring = HTTPClient(concurrent: 1, userAgent: "tocsin-agent/\(Version.current)"),
        mail: any MailTransferring = MailClient(concurrent: 1),
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) {
        (self.host, self.next, self.aggregator, self.undelivered) = (host, next, aggregator, undelivered)
        (self.probe, self.time, self.logger) = (probe, time, logger)
        courier = LocalCourier(http: http, mail: mail, commands: CommandRunner())
        state = Mutex(State(config: config, book: AlarmBook(checkpoint), lines: Self.lines(config), watch: AggregatorWatch(checkpoint)))
        let help = "Notifications of local receivers, by outcome."
        delivered = metrics.counter("tocsin_local_notifications_total", help: help, labels: [Label("outcome", "delivered")])
        failed = metrics.counter("tocsin_local_notifications_total", help: help, labels: [Label("outcome", "failed")])
    }

    private static func lines(_ config: AlarmConfig?) -> [Line] { (config?.receivers ?? []).map { Line(receiver: $0) } }

    // MARK: The door

    package func accept(_ element: Intake) async throws(SinkError) {
        guard !element.alerts.isEmpty else { return try await next.accept(element) }
        var intake = element
        intake.alerts = state.withLock { $0.book.marked(intake.alerts) }
        try await next.accept(intake)
        state.withLock { $0.book.stored(element.alerts) }
        bell.ring()
    }

    // MARK: Telling

    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.watch() }
    }

    private func watch() async {
        while !Task.isCancelled {
            let seen = bell.rings
            if state.withLock({ $0.config == nil }) {
                await bell.wait(after: seen)
                continue
            }
            await look()
            try? await time.sleep(for: AlarmLimits.lookInterval)
        }
    }

    /// One look at the aggregator, and what follows from it.
    func look() async {
        let aggregator = await aggregator()
        // Asked first: what is stored after the answer is not covered by it.
        let known = state.withLock { $0.book.entries.values.contains { !$0.isDelivered } }
        var isDrained = false
        if known, case .takes = aggregator {
            let before = state.withLock { $0.book.entries }
            isDrained = await !undelivered()
            isDrained = isDrained && state.withLock { $0.book.entries } == before
        }
        await watch(aggregator)
        let now = time.monotonic()
        let isChanged = state.withLock { state in
            let isChanged = state.book.look(aggregator, isDrained: isDrained, at: now)
            guard let config = state.config else { return isChanged }
            let due = state.book.due(after: config.after, at: now)
            for index in state.lines.indices {
                state.lines[index].waiting = state.book.stillWanted(state.lines[index].waiting)
                for alert in due where !state.lines[index].waiting.contains(where: { $0.isSameWord(as: alert) }) {
                    state.lines[index].waiting.append(alert)
                }
            }
            return isChanged
        }
        if isChanged { await store([]) }
        for index in state.withLock({ Array($0.lines.indices) }) { await attempt(index) }
    }

    /// Whether the aggregator takes data and says that it is well, where this agent is to watch it.
    private func watch(_ aggregator: AggregatorState) async {
        let config = state.withLock { state -> AlarmConfig? in
            guard let config = state.config, config.watchAfter != nil, time.monotonic() >= state.nextProbe else { return nil }
            state.nextProbe = time.monotonic() + config.watchInterval
            return config
        }
        guard let after = config?.watchAfter, let probe = probe() else { return }
        var problem = await probe.problem()
        if problem == nil, case .fails(let error) = aggregator { problem = "it takes nothing: \(error)" }
        let found = problem
        let kept = state.withLock { state -> [Alert] in
            let (now, wall) = (time.monotonic(), time.now())
            if let changed = state.watch.look(found, of: probe.url, after: after, host: host, now: now, wall: wall) {
                let marked = state.book.marked([changed])
                state.book.stored([changed])
                // Its end goes to the aggregator, if it heard of the beginning.
                return changed.state == .resolved ? marked.filter(\.isToldLocally) : []
            }
            return state.watch.repeated(now: now, wall: wall).map { state.book.marked([$0]).filter(\.isToldLocally) } ?? []
        }
        if !kept.isEmpty { await store(kept) }
    }

    private func attempt(_ index: Int) async {
        let now = time.monotonic()
        let job = state.withLock { state -> (AlarmConfig.Receiver, AlarmNotification)? in
            guard state.lines.indices.contains(index), !state.lines[index].waiting.isEmpty, state.lines[index].nextAttempt <= now else { return nil }
            let notification = AlarmNotification(
                alerts: state.lines[index].waiting,
                host: host,
                state: state.book.state,
                outage: state.book.outage(at: now)
            )
            return (state.lines[index].receiver, notification)
        }
        guard let (receiver, notification) = job else { return }
        var generator = SystemRandomNumberGenerator()
        let id = UUID.v7(at: time.now(), using: &generator)
        let error = await courier.deliver(notification, to: receiver, id: id, at: time.now())
        let backoff = Backoff(base: AlarmLimits.retryBase, cap: AlarmLimits.retryCap)
        state.withLock { state in
            guard state.lines.indices.contains(index), state.lines[index].receiver == receiver else { return }
            state.lines[index].failures = error == nil ? 0 : state.lines[index].failures + 1
            state.lines[index].nextAttempt = time.monotonic() + backoff.ceiling(afterFailures: state.lines[index].failures)
            state.lines[index].lastError = error.map { String($0.prefix(AlarmLimits.errorBytesMax)) }
        }
        if let error {
            failed.increment()
            logger.warning("a local receiver was not told; it is tried again", metadata: ["receiver": "\(receiver.name)", "error": "\(error)"])
            return
        }
        delivered.increment()
        logger.notice("local receiver told", metadata: ["receiver": "\(receiver.name)", "alerts": "\(notification.alerts.count)"])
        let toldAt = time.now()
        let marked = state.withLock { state in
            if state.lines.indices.contains(index), state.lines[index].receiver == receiver {
                state.lines[index].waiting.removeAll { waiting in notification.alerts.contains { $0.isSameWord(as: waiting) } }
            }
            return state.book.told(notification.alerts, at: toldAt)
        }
        await store(marked)
    }

    /// Who was told goes to the spool, and with it, as alerts, to the aggregator. What the spool does not take now goes with the next change.
    private func store(_ marked: [Alert]) async {
        let (note, watched) = state.withLock { ($0.book.noteText, $0.watch.noteText) }
        do throws(SinkError) {
            try await next.accept(Intake(alerts: marked, notes: [AlarmBook.note: note, AggregatorWatch.note: watched]))
        } catch {
            logger.warning("who was told of alerts could not be stored", metadata: ["problem": "\(error)"])
        }
    }

    // MARK: Operators

    /// Takes other receivers; who was told stays known.
    package func reload(_ config: AlarmConfig?) {
        state.withLock { ($0.config, $0.lines) = (config, Self.lines(config)) }
        bell.ring()
    }

    /// What an operator should look at, each a sentence; empty when all is well.
    package func problems() -> [String] {
        state.withLock { state in
            state.lines.compactMap { line in
                line.lastError.map { "local receiver \(line.receiver.name) was not told of \(line.waiting.count) alerts: \($0)" }
            }
        }
    }
}

extension Alert {
    fileprivate func isSameWord(as other: Alert) -> Bool {
        fingerprint == other.fingerprint && startsAt == other.startsAt && state == other.state
    }
}
