package import Logging
package import Operating
import ServiceLifecycle
package import Telemetry

/// Collects at each tick and hands the samples on. Ticks lie on whole multiples of the interval, so that all hosts measure at the same moments;
/// ticks that a slow next room or a sleeping machine swallowed are left out, not made up for. No bad tick ends the loop.
package struct CollectLoop: Service {
    private let collectors: Collectors
    private let interval: Duration
    private let sink: any Sink<Intake>
    private let time: any TimeSource
    private let metrics: MetricsRegistry
    private let logger: Logger
    private let counters: Counters

    /// - Parameter metrics: its samples are appended to each collection.
    package init(
        _ collectors: Collectors,
        every interval: Duration,
        into sink: any Sink<Intake>,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) {
        (self.collectors, self.interval, self.sink, self.time) = (collectors, interval, sink, time)
        (self.metrics, self.logger, counters) = (metrics, logger, Counters(metrics))
    }

    /// How each collector fared last.
    package func status() -> [CollectorStatus] { collectors.status() }

    /// The last collection when it ended less than `age` ago, else one more, which goes to nobody but the caller.
    package func recentScrape(within age: Duration) async -> Scrape { await collectors.recentScrape(within: age) }

    /// A tick that is under way at a graceful shutdown is made to its end.
    package func run() async { await cancelWhenGracefulShutdown { await tickOnAndOn() } }

    private func tickOnAndOn() async {
        var lost: Loss?
        while !Task.isCancelled {
            do { try await time.sleep(for: untilNextTick(after: time.now())) } catch { return }
            if Task.isCancelled { return }
            await tick(&lost)
        }
    }

    /// From `now` to the next whole multiple of the interval since the epoch; never zero.
    func untilNextTick(after now: Timestamp) -> Duration {
        let step = interval.wholeNanoseconds
        let phase = ((now.nanoseconds % step) + step) % step
        return .nanoseconds(step - phase)
    }

    /// Collections that the next room did not take: told with the first one that it takes again.
    private struct Loss {
        let since: Timestamp
        var samples: UInt64
        var reason: String
    }

    private func tick(_ lost: inout Loss?) async {
        let scrape = await collectors.scrape()
        counters.collections.increment()
        for status in scrape.collectors where status.lastError != nil {
            counters.problems.increment()
            logger.warning("collector has no values", metadata: ["collector": "\(status.name)", "problem": "\(status.lastError ?? "")"])
        }
        // The collection last: what comes and goes stands at its end.
        var intake = Intake(samples: metrics.samples(at: scrape.timestamp) + scrape.samples, gaps: scrape.gaps)
        if let lost {
            intake.gaps.append(
                Gap(
                    source: "collect",
                    reason: .notStored,
                    from: lost.since,
                    to: scrape.timestamp,
                    count: lost.samples,
                    detail: "samples were collected and could not be stored: \(lost.reason)"
                )
            )
        }
        do throws(SinkError) {
            try await sink.accept(intake)
            lost = nil
        } catch {
            counters.dropped.increment(by: intake.samples.count)
            let samples = UInt64(intake.samples.count) + (lost?.samples ?? 0)
            lost = Loss(since: lost?.since ?? scrape.timestamp, samples: samples, reason: error.description)
            logger.warning(
                "collection dropped; the next one is tried as usual",
                metadata: ["samples": "\(intake.samples.count)", "problem": "\(error)"]
            )
        }
    }

    private struct Counters: Sendable {
        let collections: Counter
        let problems: Counter
        let dropped: Counter

        init(_ metrics: MetricsRegistry) {
            collections = metrics.counter("tocsin_collect_collections_total", help: "Collections made.")
            problems = metrics.counter("tocsin_collect_failures_total", help: "Times that one collector had no values, or a part did not answer.")
            dropped = metrics.counter("tocsin_collect_dropped_samples_total", help: "Samples that the next room did not take.")
        }
    }
}
