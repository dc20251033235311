import Admitting
import Answering
import Correlating
import Counting
import JSON
import Logging
import Notifying
import Operating
import Pinging
import Querying
import Receiving
import Ruling
import Serving
import Storing
import Telemetry
import Transferring
import Wire

/// The aggregator: the whole data flow, wired from the last room to the first.
///
///     HTTP ─▶ Receiver ─▶ Admitter ─▶ Log ─▶ Correlator ─▶ Notifier ─▶ webhook, mail
///      ▲                          ▲    │       ▲ Ruler ◀─ MetricReader
///      │                          └────┼─ EventCounter
///      │                               └─▶ EventSearch, EventFeed, MetricReader ─▶ ServingRoutes
struct Aggregator: Sendable {
    private let config: AggregatorConfig
    private let tokens: TokenBook?
    private let systemd: ServiceNotifier
    private let time: any TimeSource
    private let logger: Logger

    /// - Parameter tokens: nil: everybody is an operator, which the configuration allows on loopback only.
    init(config: AggregatorConfig, tokens: TokenBook?, systemd: ServiceNotifier, time: any TimeSource, logger: Logger) {
        (self.config, self.tokens, self.systemd, self.time, self.logger) = (config, tokens, systemd, time, logger)
    }

    /// Runs until SIGTERM or SIGINT. Throws when the state cannot be opened or the address cannot be bound.
    /// - Parameters:
    ///   - reload: reads the configuration again; throws every mistake in it.
    ///   - onListening: called with the port when the first request can come.
    func run(
        reload: @escaping @Sendable () async throws(AggregatorConfig.Mistakes) -> AggregatorConfig,
        onListening: @escaping @Sendable (_ port: Int) async -> Void = { _ in }
    ) async throws {
        let metrics = MetricsRegistry()
        let certificates = try config.tls.map { try Certificates($0) }
        let startedAt = time.now()
        let log = try await Log.open(config.storage, newID: newID(startedAt), time: time, metrics: metrics, logger: logger)
        let searching = EventSearch(log: log, time: time)
        let feed = EventFeed(log: log, searching: searching, limits: FeedLimits(clientsMax: config.streamsMax), time: time, metrics: metrics)
        let querying = MetricReader(log: log, time: time)
        let notifier = Notifier(
            config: config.notifying,
            path: config.storage.isInMemory ? config.storage.path : config.storage.path + "/notifications.db",
            externalURL: config.externalURL,
            http: HTTPClient(concurrent: NotifyingLimits.deliveriesMax),
            mail: MailClient(concurrent: NotifyingLimits.deliveriesMax),
            pictures: MetricPictures(queries: querying, time: time),
            time: time,
            metrics: metrics,
            logger: logger
        )
        let correlator = Correlator(
            config: config.correlating,
            reader: log,
            evidence: SearchedEvidence(events: searching, queries: querying),
            writer: log,
            next: notifier,
            time: time,
            metrics: metrics,
            logger: logger,
            isTakingData: { await log.status().problem == nil }
        )
        let ruler = Ruler(
            config: config.ruling,
            queries: querying,
            samples: OwnSamples(into: log, as: .ruling),
            next: correlator,
            time: time,
            metrics: metrics,
            logger: logger
        )
        let counter = EventCounter(
            config: config.counting,
            reader: log,
            samples: OwnSamples(into: log, as: .counting),
            time: time,
            metrics: metrics,
            logger: logger
        )
        try await notifier.open()
        try await correlator.open()
        try await ruler.open()
        try await counter.open()

        let health = AggregatorHealth(
            log: log,
            notifier: notifier,
            correlator: correlator,
            ruler: ruler,
            startedAt: startedAt,
            time: time
        )
        let deadMan = DeadMan(
            config.deadMan,
            http: HTTPClient(concurrent: 1),
            problem: { await health.deadManProblem() },
            time: time,
            metrics: metrics,
            logger: logger
        )
        let budget = BodyBudget(bytesMax: config.bodyMemory)
        let admitter = Admitter(limits: config.admitting, into: log, time: time, metrics: metrics)
        let receiver = Receiver(limits: config.receiving, into: admitter, budget: budget, time: time, metrics: metrics)
        let alertReceiver = AlertReceiver(limits: config.receiving, into: admitter, budget: budget, time: time, metrics: metrics) {
            await notifier.resolveTimeout()
        }
        let reloader = Reloader(systemd: systemd) { () async -> ConfigurationReload in
            do throws(AggregatorConfig.Mistakes) {
                let fresh = try await reload()
                await correlator.reload(fresh.correlating)
                await counter.reload(fresh.counting)
                deadMan.reload(fresh.deadMan)
                return await apply(fresh, to: notifier, ruler, certificates)
            } catch {
                return refuse(error)
            }
        }
        let serving = ServingRoutes(
            events: searching,
            stream: feed,
            queries: querying,
            alerts: correlator,
            rules: ruler,
            notifications: notifier,
            alertmanager: notifier,
            reload: { await reloader.reload() },
            history: notifier,
            correlated: correlator,
            status: { await health.status() },
            metrics: metrics,
            budget: budget,
            time: time,
            makeID: newID
        )
        let door = Door(
            routes: receiver.routes + alertReceiver.routes + AgentRoutes(log).routes + serving.routes,
            identify: identify,
            limits: config.receiving.body,
            time: time,
            metrics: metrics,
            logger: logger
        )
        let front = FrontDoor(
            FrontDoor.Configuration(
                address: config.listen,
                certificates: certificates,
                connectionsMax: OpenFiles.connectionsMax,
                bodyLimits: config.receiving.body
            ),
            door: door,
            logger: logger,
            onListening: { port in
                announce(port)
                await onListening(port)
            },
            onStopping: {
                systemd.stopping()
                // A stream has no end of its own, and the front door waits for every answer.
                feed.finish()
            }
        )

        do {
            try await Daemon.run([log, notifier, correlator, ruler, counter, querying, feed, deadMan, reloader, front], logger: logger)
        } catch {
            await log.close()
            throw error
        }
        await log.close()
        logger.notice("the aggregator has stopped; everything acknowledged is on disk")
    }

    private func identify(_ token: String?) -> Door.Identification {
        guard let tokens else { return .known(.loopback) }
        guard let token else { return .missing }
        return tokens.principal(for: token).map { .known($0) } ?? .unknown
    }

    private func announce(_ port: Int) {
        let address = ListenAddress(host: config.listen.host, port: port)
        let url = "\(config.tls == nil ? "http" : "https")://\(address)"
        logger.notice(
            "the aggregator is listening",
            metadata: ["url": "\(url)", "storage": "\(config.storage.path)", "tokens": "\(tokens.map { "\($0.count)" } ?? "none needed")"]
        )
        systemd.ready()
        systemd.status("listening on \(url)")
    }

    private func refuse(_ mistakes: AggregatorConfig.Mistakes) -> ConfigurationReload {
        for sentence in mistakes.sentences {
            logger.error("the configuration has a mistake; everything stays as it was", metadata: ["mistake": "\(sentence)"])
        }
        return ConfigurationReload(problems: mistakes.sentences)
    }

    /// What counts at once; the rest is compared and named.
    private func apply(_ fresh: AggregatorConfig, to notifier: Notifier, _ ruler: Ruler, _ certificates: Certificates?) async -> ConfigurationReload {
        var report = ConfigurationReload(needsRestart: config.keysThatNeedARestart(against: fresh))
        if let tokens { tokens.replace(with: fresh.tokens ?? []) }
        do { try certificates?.reload() } catch {
            logger.error("the certificate stays as it was", metadata: ["error": "\(error)"])
            report.problems.append("the certificate stays as it was: \(error)")
        }
        do { try await notifier.reload(fresh.notifying) } catch {
            logger.error("receivers and routes stay as they were", metadata: ["error": "\(error)"])
            report.problems.append("receivers and routes stay as they were: \(error)")
        }
        await ruler.reload(fresh.ruling)
        if report.needsRestart.isEmpty {
            logger.notice("the configuration was read again and is in force")
        } else {
            logger.warning(
                "the configuration was read again; some keys count after a restart only",
                metadata: ["keys": "\(report.needsRestart.joined(separator: ", "))"]
            )
        }
        return report
    }
}

/// A new identifier, random but for its time.
private func newID(_ timestamp: Timestamp) -> UUID {
    var generator = SystemRandomNumberGenerator()
    return UUID.v7(at: timestamp, using: &generator)
}
