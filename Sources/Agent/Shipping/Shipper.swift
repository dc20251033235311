package import Logging
package import Operating
import ServiceLifecycle
import Synchronization
package import Telemetry
package import Transferring

/// Brings what the spool holds to the aggregator, for ever. One POST at a time, the most urgent batches first; what is not acknowledged stays
/// in the spool. ``ShipperState`` decides, this obeys.
package final class Shipper: Service {
    private struct Progress {
        var status: ShippingStatus
        /// Flushes asked for, and how many of them an attempt has answered.
        var flushesAsked: UInt64 = 0
        var flushesDone: UInt64 = 0
        var isRunning = false
    }

    /// What one attempt came to.
    private enum Step {
        case sent, empty, stopped
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

    package func status() -> ShippingStatus { progress.withLock { $0.status } }

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
        while !Task.isCancelled {
            let seen = flushed.rings
            if progress.withLock({ $0.flushesDone >= number || !$0.isRunning }) { return }
            await flushed.wait(after: seen)
        }
    }

    /// Ships until graceful shutdown; then tries once more for two seconds at most, and stops.
    package func run() async throws {
        progress.withLock { $0.isRunning = true }
        defer {
            progress.withLock { $0.isRunning = false }
            flushed.ring()
        }
        await cancelWhenGracefulShutdown { await self.ship() }
        guard !Task.isCancelled else { return }
        await either({ await self.shipTheRest() }, { try? await self.time.sleep(for: ShippingLimits.lastFlush) })
    }

    private func ship() async {
        var state = ShipperState()
        while !Task.isCancelled {
            let asked = progress.withLock { $0.flushesAsked }
            let seen = nudge.rings
            switch await attempt(&state) {
            case .sent:
                continue
            case .stopped:
                return
            case .empty:
                answerFlushes(through: asked)
                await either({ await self.source.waitForBatches() }, { await self.nudge.wait(after: seen) })
            case .wait(let pause):
                answerFlushes(through: asked)
                await either({ await self.sleep(pause) }, { await self.nudge.wait(after: seen) })
            }
        }
    }

    /// What is left when the agent stops: until nothing is left or an attempt fails.
    private func shipTheRest() async {
        var state = ShipperState()
        while !Task.isCancelled {
            guard case .sent = await attempt(&state) else { return }
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

    private func attempt(_ state: inout ShipperState) async -> Step {
        do throws(SinkError) {
            guard let lease = try await source.lease(upToBytes: state.bytesToLease) else { return .empty }
            let batches = lease.batches
            let (reply, took) = await courier.carry(batches)
            // Stopped in the middle: nothing is known, and the last attempt begins afresh.
            if Task.isCancelled, case .none = reply { return .stopped }
            let sent = batches.map { ShipperState.Sent(lane: $0.lane, sequence: $0.sequence, bytes: $0.bytes.count) }
            let decision = state.after(reply, sent: sent, took: took)
            try await obey(decision, batches)
            // Until here the batches were on loan: nobody else could take them.
            _ = consume lease
            note(decision, reply, sent, failures: state.failuresInARow)
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

    private func obey(_ decision: ShipperState.Decision, _ batches: [SealedBatch]) async throws(SinkError) {
        switch decision.action {
        case .keep: return
        case .acknowledge(let acknowledgement): try await source.acknowledge(acknowledgement)
        case .setAside(let reason): try await source.setAside(batches[0], reason: reason)
        case .renewIdentity(let reason): try await source.renewIdentity(reason: reason)
        }
    }

    private func note(_ decision: ShipperState.Decision, _ reply: Reply, _ sent: [ShipperState.Sent], failures: Int) {
        counters.count(decision.outcome, sent)
        let now = time.now()
        let before = progress.withLock { progress in
            let before = progress.status
            progress.status.lastError = decision.problem
            progress.status.failuresInARow = failures
            if case .answer = reply { progress.status.isReachable = true } else { progress.status.isReachable = false }
            if decision.outcome == .acknowledged { progress.status.lastAcknowledgedAt = now }
            return before
        }
        if decision.outcome == .acknowledged { counters.acknowledged(at: now) }
        let metadata: Logger.Metadata = [
            "batches": "\(sent.count)", "bytes": "\(sent.reduce(0) { $0 + $1.bytes })", "outcome": "\(decision.outcome.rawValue)",
        ]
        logger.debug("batches sent", metadata: metadata)
        // The log says when it begins and when it ends, not each of the attempts between.
        if let problem = decision.problem, before.lastError != problem {
            logger.warning("shipping has a problem", metadata: ["error": "\(problem)", "failures": "\(failures)"])
        } else if decision.problem == nil, before.lastError != nil {
            logger.notice("shipping goes on", metadata: ["aggregator": "\(courier.config.url)"])
        }
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
