package import Logging
package import Operating
import ServiceLifecycle
import Synchronization
package import Telemetry
package import Transferring

/// Brings what the spool holds to the aggregator, for ever. One POST at a time, the most urgent batches first; what is not acknowledged stays
/// in the spool. ``ShipperState`` decides, this obeys. Alerts do not wait behind a POST of logs or a back-off: they overtake it with a POST of
/// their own. Old logs go out under a budget.
package final class Shipper: Service {
    private struct Progress {
        var status: ShippingStatus
        /// Flushes asked for, and how many of them an attempt has answered.
        var flushesAsked: UInt64 = 0
        var flushesDone: UInt64 = 0
        var isRunning = false
        var rate = ShippingRate()
    }

    /// What one attempt came to.
    private enum Step {
        case sent, empty, stopped
        /// Only old logs are left, and their budget is used up.
        case budget(Duration)
        case wait(ShipperState.Pause)
    }

    private let source: any BatchSource
    private let courier: Courier
    private let time: any TimeSource
    private let jitter: @Sendable (Duration) -> Duration
    private let logger: Logger
    private let counters: ShippingCounters
    private let progress: Mutex<Progress>
    /// Rings when somebody wants an attempt now.
    private let nudge = Bell()
    /// Rings then too, and when there may be something to send.
    private let work = Bell()
    /// Rings when a flush was answered.
    private let flushed = Bell()

    /// - Parameters:
    ///   - source: the spool.
    ///   - jitter: a random time between zero and its argument.
    package init(
        from source: any BatchSource,
        config: ShippingConfig,
        client: any HTTPTransferring,
        time: any TimeSource,
        metrics: MetricsRegistry = MetricsRegistry(),
        logger: Logger = Logger(label: "shipping"),
        jitter: @escaping @Sendable (Duration) -> Duration = { $0 * Double.random(in: 0...1) }
    ) {
        (self.source, self.time, self.jitter, self.logger) = (source, time, jitter, logger)
        courier = Courier(config: config, client: client, time: time)
        counters = ShippingCounters(metrics)
        progress = Mutex(
            Progress(status: ShippingStatus(url: config.url, isReachable: false, lastAcknowledgedAt: nil, lastError: nil, failuresInARow: 0))
        )
    }

    package func status() -> ShippingStatus {
        let now = time.monotonic()
        return progress.withLock { progress in
            var status = progress.status
            status.bytesPerSecond = progress.rate.bytesPerSecond(at: now)
            return status
        }
    }

    /// Whether ``run()`` is at work: before and after it a ``flush()`` does nothing.
    package var isRunning: Bool { progress.withLock { $0.isRunning } }

    /// Tries at once, whatever the wait, and returns when the spool is empty or an attempt has failed; ``status()`` then tells which. Returns at
    /// once when the service is not running.
    package func flush() async {
        let number: UInt64? = progress.withLock { progress in
            guard progress.isRunning else { return nil }
            progress.flushesAsked += 1
            return progress.flushesAsked
        }
        guard let number else { return }
        nudge.ring()
        work.ring()
        while !Task.isCancelled {
            let seen = flushed.rings
            if progress.withLock({ $0.flushesDone >= number || !$0.isRunning }) { return }
            await flushed.wait(after: seen)
        }
    }

    /// How far the host's files are stored at the aggregator.
    /// - Parameter agents: the ids under which this agent has delivered.
    package func knownFiles(of host: String, askedBy agents: [UUID], within limit: Duration) async throws(PositionsUnknown) -> KnownFiles {
        try await courier.knownFiles(of: host, askedBy: agents, within: limit)
    }

    /// Ships until graceful shutdown; then tries once more for two seconds at most, and stops.
    package func run() async throws {
        progress.withLock { $0.isRunning = true }
        defer {
            progress.withLock { $0.isRunning = false }
            flushed.ring()
        }
        await cancelWhenGracefulShutdown { await self.either({ await self.ship() }, { await self.overtake() }) }
        guard !Task.isCancelled else { return }
        await either({ await self.shipTheRest() }, { try? await self.time.sleep(for: ShippingLimits.lastFlush) })
    }

    private func ship() async {
        source.tellArrivals { [work] in work.ring() }
        var state = ShipperState()
        var budget = BacklogBudget(bytesPerSecond: courier.config.backlogBytesPerSecond, at: time.monotonic())
        while !Task.isCancelled {
            let asked = progress.withLock { $0.flushesAsked }
            let (seen, seenWork) = (nudge.rings, work.rings)
            switch await attempt(&state, &budget) {
            case .sent:
                continue
            case .stopped:
                return
            case .empty:
                answerFlushes(through: asked)
                await work.wait(after: seenWork)
            case .budget(let wait):
                await either({ try? await self.time.sleep(for: wait) }, { await self.source.waitForBatches(of: Self.fresh) })
            case .wait(let pause):
                answerFlushes(through: asked)
                await either({ await self.sleep(pause) }, { await self.nudge.wait(after: seen) })
            }
        }
    }

    /// Lanes that are never held up by the budget.
    private static let fresh: [Lane] = [.alerts, .metrics]

    /// Sends alerts that the other loop does not come to, because its POST takes long or because it waits.
    private func overtake() async {
        var state = ShipperState()
        while !Task.isCancelled {
            await source.waitForBatches(of: [.alerts])
            try? await time.sleep(for: ShippingLimits.overtakeAfter)
            if Task.isCancelled { return }
            let bytes = min(state.bytesToLease, ShippingLimits.urgentBytesMax)
            switch await attempt(&state, of: [.alerts], upToBytes: bytes, isUrgent: true, { _ in }) {
            case .stopped: return
            case .empty, .budget: continue
            // The line is there again: the rest need not wait for the end of its back-off.
            case .sent: if progress.withLock({ $0.status.failuresInARow > 0 }) { nudge.ring() }
            case .wait(.told(let duration)): await sleep(.told(duration))
            case .wait: try? await time.sleep(for: ShippingLimits.urgentPause / 2 + jitter(ShippingLimits.urgentPause / 2))
            }
        }
    }

    /// What is left when the agent stops: until nothing is left or an attempt fails.
    private func shipTheRest() async {
        var state = ShipperState()
        while !Task.isCancelled {
            guard case .sent = await attempt(&state, of: Lane.allCases, upToBytes: state.bytesToLease, isUrgent: false, { _ in }) else { return }
        }
    }

    private func answerFlushes(through number: UInt64) {
        progress.withLock { $0.flushesDone = max($0.flushesDone, number) }
        flushed.ring()
    }

    private func sleep(_ pause: ShipperState.Pause) async {
        switch pause {
        case .none: return
        // A little more than told, and not the same for each agent: they were all told the same.
        case .told(let duration): try? await time.sleep(for: duration + jitter(duration / 10))
        case .upTo(let ceiling): try? await time.sleep(for: jitter(ceiling))
        }
    }

    // MARK: One attempt

    /// One POST of what may go now.
    private func attempt(_ state: inout ShipperState, _ budget: inout BacklogBudget) async -> Step {
        let wait = budget.wait(at: time.monotonic())
        let lanes = wait > .zero ? Self.fresh : Lane.allCases
        var sent: [SealedBatch] = []
        let step = await attempt(&state, of: lanes, upToBytes: state.bytesToLease, isUrgent: false) { sent = $0 }
        budget.spend(sent, at: time.monotonic(), wall: time.now())
        if case .empty = step, wait > .zero { return .budget(wait) }
        return step
    }

    private func attempt(
        _ state: inout ShipperState,
        of lanes: [Lane],
        upToBytes bytes: Int,
        isUrgent: Bool,
        _ noteSent: ([SealedBatch]) -> Void
    ) async -> Step {
        do throws(SinkError) {
            guard let lease = try await source.lease(of: lanes, upToBytes: bytes) else { return .empty }
            let (batches, agent) = (lease.batches, lease.agent)
            let (reply, took) = await courier.carry(batches)
            // Stopped in the middle: nothing is known, and the last attempt begins afresh.
            if Task.isCancelled, case .none = reply { return .stopped }
            noteSent(batches)
            let sent = batches.map { ShipperState.Sent(lane: $0.lane, sequence: $0.sequence, bytes: $0.bytes.count) }
            var decision = state.after(reply, sent: sent, took: took)
            try await obey(&decision, batches, of: agent, &state)
            // Until here the batches were on loan: nobody else could take them.
            _ = consume lease
            note(decision, reply, sent, failures: state.failuresInARow, isUrgent: isUrgent)
            if case .none = decision.pause { return .sent }
            return .wait(decision.pause)
        } catch .stopped {
            return .stopped
        } catch {
            let decision = state.afterSpoolFailure(error.description)
            logger.error("the spool failed", metadata: ["error": "\(error)"])
            progress.withLock { progress in
                progress.status.lastError = error.description
                progress.status.failuresInARow = state.failuresInARow
            }
            return .wait(decision.pause)
        }
    }

    private func obey(
        _ decision: inout ShipperState.Decision,
        _ batches: [SealedBatch],
        of agent: UUID,
        _ state: inout ShipperState
    ) async throws(SinkError) {
        switch decision.action {
        case .keep: return
        case .acknowledge(let acknowledgement):
            // Of the lanes that were sent: another POST may be on its way with the others, and its answer be newer.
            let lanes = Set(batches.map(\.lane))
            try await source.acknowledge(Acknowledgement(lanes: acknowledgement.lanes.filter { lanes.contains($0.key) }), of: agent)
        case .setAside(let reason):
            try await source.setAside(batches[0], of: agent, reason: reason)
        case .split(let reason):
            if try await source.split(batches[0], of: agent) { return }
            decision = state.afterFailedSplit(reason)
            try await source.setAside(batches[0], of: agent, reason: reason)
        case .resolveConflict(let reason):
            if try await source.resolveConflict(over: batches[0], of: agent, reason: reason) { state.afterRenewal() }
        }
    }

    private func note(_ decision: ShipperState.Decision, _ reply: Reply, _ sent: [ShipperState.Sent], failures: Int, isUrgent: Bool) {
        counters.count(decision.outcome, sent)
        let (now, monotonic) = (time.now(), time.monotonic())
        let before = progress.withLock { progress in
            let before = progress.status
            if decision.outcome == .acknowledged { progress.rate.add(sent.reduce(0) { $0 + $1.bytes }, at: monotonic) }
            // Alerts that overtake a back-off fail as often as they try: what the state shows is the other loop's.
            if !isUrgent { (progress.status.lastError, progress.status.failuresInARow) = (decision.problem, failures) }
            if case .answer = reply { progress.status.isReachable = true } else { progress.status.isReachable = false }
            if decision.outcome == .acknowledged { progress.status.lastAcknowledgedAt = now }
            return before
        }
        if decision.outcome == .acknowledged { counters.acknowledged(at: now) }
        let metadata: Logger.Metadata = [
            "batches": "\(sent.count)", "bytes": "\(sent.reduce(0) { $0 + $1.bytes })", "outcome": "\(decision.outcome.rawValue)",
        ]
        logger.debug("batches sent", metadata: metadata)
        if isUrgent { return }
        // The log says when it begins and when it ends, not each of the attempts between.
        if let problem = decision.problem, before.lastError != problem {
            logger.warning("shipping has a problem", metadata: ["error": "\(problem)", "failures": "\(failures)"])
        } else if decision.problem == nil, before.lastError != nil {
            logger.notice("shipping goes on", metadata: ["aggregator": "\(courier.config.url)"])
        }
    }

    /// Runs both and returns when one of them has; the other is cancelled.
    private func either(_ first: @escaping @Sendable () async -> Void, _ second: @escaping @Sendable () async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await first() }
            group.addTask { await second() }
            await group.next()
            group.cancelAll()
        }
    }
}
