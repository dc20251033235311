import Logging
import Operating
import Telemetry

/// Both receivers of transitions read them from the file, each from where it stopped: what was decided is told, whatever dies between.
extension Correlator {
    /// To people, by way of the next room.
    func tell() async {
        await handOver(as: .told, signal: told.stream) { transition throws(SinkError) in try await self.next.accept(transition) }
    }

    /// Into the log, as the aggregator's own events.
    func record() async {
        await handOver(as: .recorded, signal: recorded.stream) { transition throws(SinkError) in try await self.append(transition) }
    }

    private func append(_ transition: AlertTransition) async throws(SinkError) {
        do throws(LogError) { _ = try await writer.append(OwnEvents.batch(for: transition, receivedAt: time.now())) } catch {
            if case .closed = error { throw .stopped }
            throw .failed(error.description)
        }
    }

    private func handOver(
        as consumer: CorrelationStore.Consumer,
        signal: AsyncStream<Void>,
        to take: (AlertTransition) async throws(SinkError) -> Void
    ) async {
        var signals = signal.makeAsyncIterator()
        var failures = 0
        while !Task.isCancelled {
            do {
                let page = try pending(for: consumer)
                guard let last = page.last else {
                    guard await signals.next(isolation: self) != nil else { return }
                    continue
                }
                for transition in page {
                    do { try await take(transition) } catch {
                        // What was taken before it need not be taken again.
                        try mark(consumer, through: transition.sequence - 1)
                        throw error
                    }
                }
                try mark(consumer, through: last.sequence)
                failures = 0
            } catch SinkError.stopped {
                return
            } catch {
                failures += 1
                metrics.failures.increment()
                logger.warning(
                    "alert changes wait to be handed over; they are kept and tried again",
                    metadata: ["to": "\(consumer.rawValue)", "error": "\(error)", "failures": "\(failures)"]
                )
                let delay = min(CorrelatingLimits.retryCap, CorrelatingLimits.retryBase * (1 << min(failures - 1, 10)))
                try? await time.sleep(for: delay)
            }
        }
    }

    private func pending(for consumer: CorrelationStore.Consumer) throws -> [AlertTransition] {
        // Closed after a failure: the main loop opens it again and signals.
        guard let store else { return [] }
        return try store.transitions(after: try store.position(of: consumer), limit: CorrelatingLimits.transitionsPerPage)
    }

    private func mark(_ consumer: CorrelationStore.Consumer, through sequence: UInt64) throws {
        try store?.mark(consumer, through: sequence)
    }
}
