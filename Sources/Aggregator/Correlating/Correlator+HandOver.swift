import Logging
import Operating
import Telemetry

/// Both receivers of transitions read them from the file, each from where it stopped: what was decided is told, whatever dies between.
extension Correlator {
    /// How many of a page were taken, and why not all.
    private typealias Taken = (count: Int, error: SinkError?)

    /// To people, by way of the next room: a page is one transaction there.
    func tell() async {
        await handOver(as: .told, signal: told.stream) { page in
            // What is said of incidents is nobody's alert.
            let news = page.filter { $0.reason != TransitionReason.incidentsMerged.rawValue }
            do throws(SinkError) {
                if !news.isEmpty { try await self.next.accept(contentsOf: news) }
                return (page.count, nil)
            } catch {
                return (0, error)
            }
        }
    }

    /// Into the log, as the aggregator's own events.
    func record() async {
        await handOver(as: .recorded, signal: recorded.stream) { page in
            for (index, transition) in page.enumerated() {
                do throws(SinkError) { try await self.append(transition) } catch { return (index, error) }
            }
            return (page.count, nil)
        }
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
        to take: ([AlertTransition]) async -> Taken
    ) async {
        var signals = signal.makeAsyncIterator()
        var failures = 0
        while !Task.isCancelled {
            do {
                let page = try pending(for: consumer)
                guard !page.isEmpty else {
                    guard await signals.next(isolation: self) != nil else { return }
                    continue
                }
                let (count, error) = await take(page)
                // What was taken need not be taken again.
                if count > 0 { try mark(consumer, through: page[count - 1].sequence) }
                if let error { throw error }
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
