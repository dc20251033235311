package import Logging
package import Operating
import ServiceLifecycle
import Synchronization
import Telemetry
package import Transferring

/// `deadman` of `aggregator.yaml`.
package struct DeadManConfig: Sendable, Hashable {
    /// What is asked for by GET; the address often holds a secret, so only its origin is shown.
    package var url: String
    package var interval: Duration
    /// Of one ping.
    package var timeout: Duration

    package static let intervalDefault = Duration.seconds(60)
    package static let timeoutDefault = Duration.seconds(10)

    package init(url: String, interval: Duration = intervalDefault, timeout: Duration = timeoutDefault) {
        (self.url, self.interval, self.timeout) = (url, interval, timeout)
    }
}

/// A dead man's switch: while the aggregator is well it pings somebody outside, who calls people when the pings stay out. Who watches the hosts cannot
/// say that it is itself dead; and an aggregator that runs but can store or tell nothing is as good as dead, so then it does not ping either.
package final class DeadMan: Service {
    private let config: Mutex<DeadManConfig?>
    /// Wakes the loop: somebody else is to be pinged, or at other times.
    private let wake = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
    private let http: any HTTPTransferring
    private let problem: @Sendable () async -> String?
    private let time: any TimeSource
    private let logger: Logger
    private let delivered: Counter
    private let failed: Counter
    private let withheld: Counter
    /// What was told last, so that the log says when it begins and when it ends.
    private let told = Mutex<String?>(nil)

    /// - Parameters:
    ///   - config: nil: nobody is pinged.
    ///   - problem: what keeps the aggregator from doing its work; nil: nothing. As long as it does not answer there is no ping.
    package init(
        _ config: DeadManConfig?,
        http: any HTTPTransferring,
        problem: @escaping @Sendable () async -> String?,
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) {
        self.config = Mutex(config)
        (self.http, self.problem, self.time, self.logger) = (http, problem, time, logger)
        let counter = { (outcome: String) in
            metrics.counter("tocsin_deadman_pings_total", help: "Pings of the dead man's switch, by outcome.", labels: [Label("outcome", outcome)])
        }
        (delivered, failed, withheld) = (counter("delivered"), counter("failed"), counter("withheld"))
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown { await self.ping() }
    }

    /// Another configuration, from now on; the next ping is counted from the last.
    package func reload(_ fresh: DeadManConfig?) {
        let isOther = config.withLock { known in
            defer { known = fresh }
            return known != fresh
        }
        if isOther { wake.continuation.yield() }
    }

    private func ping() async {
        var (begun, alarm): (Duration?, Duration?) = (nil, nil)
        var wakes = wake.stream.makeAsyncIterator()
        await withDiscardingTaskGroup { group in
            while !Task.isCancelled {
                if let interval = config.withLock({ $0?.interval }) {
                    if begun.map({ time.monotonic() - $0 >= interval }) ?? true {
                        begun = time.monotonic()
                        await beat()
                    }
                    let now = time.monotonic()
                    let next = max((begun ?? now) + interval, now + .seconds(1))
                    // One that was set for an earlier moment wakes this loop in any case.
                    if alarm.map({ $0 <= now || $0 > next }) ?? true {
                        alarm = next
                        group.addTask {
                            try? await self.time.sleep(for: next - now)
                            self.wake.continuation.yield()
                        }
                    }
                }
                guard await wakes.next() != nil else { break }
            }
            group.cancelAll()
        }
    }

    /// One ping, or none.
    func beat() async {
        guard let config = config.withLock({ $0 }) else { return }
        if let problem = await problem() {
            withheld.increment()
            tell("the aggregator is not well: \(problem)")
            return
        }
        let request = HTTPRequest(
            method: "GET",
            url: config.url,
            headers: [HTTPHeader("User-Agent", "tocsin-aggregator/\(Version.current)")],
            timeout: config.timeout
        )
        do throws(TransferError) {
            let response = try await http.perform(request)
            guard (200..<300).contains(response.status) else {
                failed.increment()
                return tell("\(request.origin) answered \(response.status)")
            }
            delivered.increment()
            tell(nil)
        } catch {
            failed.increment()
            tell(error.description)
        }
    }

    private func tell(_ problem: String?) {
        let before = told.withLock { known in
            defer { known = problem }
            return known
        }
        guard before != problem else { return }
        if let problem {
            logger.warning("the dead man's switch is not pinged; whoever watches it will call", metadata: ["problem": "\(problem)"])
        } else {
            logger.notice("the dead man's switch is pinged again")
        }
    }
}
