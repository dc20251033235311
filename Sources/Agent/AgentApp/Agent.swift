import Collecting
import Controlling
import Judging
package import Logging
package import Operating
import ServiceLifecycle
import Shipping
import Spooling
import Tailing
import Telemetry
import Transferring
import UnixSignals

/// The agent: the whole data flow, wired from the last room to the first.
///
///     /proc, /sys ─▶ CollectLoop ─▶ Judge ─▶ Spool ─▶ Shipper ─▶ HTTP
///     logs ────────▶ Tailer ─────────┘        ▲ acknowledged ─┘
package struct Agent: Sendable {
    private let config: AgentConfig
    private let systemd: ServiceNotifier
    private let time: any TimeSource
    private let logger: Logger

    /// How long what is under way may take when the program is told to stop; then it is cancelled. systemd and people wait five seconds.
    private static let shutdownDuration = Duration.seconds(4)

    package init(config: AgentConfig, systemd: ServiceNotifier, time: any TimeSource, logger: Logger) {
        (self.config, self.systemd, self.time, self.logger) = (config, systemd, time, logger)
    }

    /// Runs until SIGTERM or SIGINT. Throws when the spool cannot be opened.
    /// - Parameter reload: reads the configuration again; nil when it holds mistakes, which were told.
    package func run(reload: @escaping @Sendable () async -> AgentConfig?) async throws {
        let metrics = MetricsRegistry()
        let spool = try Spool(config: config.spool, host: config.host, tags: config.tags, time: time, metrics: metrics, logger: logger)
        let (identity, checkpoint) = (try await spool.identity(), try await spool.checkpoint())
        let shipper = config.shipping.map { shipping in
            Shipper(
                from: spool,
                config: shipping,
                client: HTTPClient(concurrent: 1, userAgent: "tocsin-agent/\(Version.current)"),
                time: time,
                metrics: metrics,
                logger: logger
            )
        }
        let judge = Judge(config.judge, next: spool, checkpoint: checkpoint, identity: identity, time: time, metrics: metrics, logger: logger)
        let tailer = Tailer(
            config.tails,
            host: config.host,
            tags: config.tags,
            checkpoint: checkpoint,
            into: judge,
            time: time,
            metrics: metrics,
            logger: logger
        )
        let collectors = Collectors(config.collect, time: time)
        let collecting = CollectLoop(collectors, every: config.collect.interval, into: judge, time: time, metrics: metrics, logger: logger)

        let desk = StatusDesk(
            identity: identity,
            startedAt: time.now(),
            time: time,
            spool: spool,
            shipper: shipper,
            judge: judge,
            tailer: tailer,
            collectors: collectors
        )
        let control = ControlServer(path: config.controlSocket, agent: desk, logger: logger)
        do throws(ControlError) { try control.open() } catch {
            logger.warning("agentctl cannot ask this agent; everything else goes on", metadata: ["problem": "\(error)"])
        }
        let reloader = Reloader(systemd: systemd, reload: reload) { fresh in await apply(fresh, to: judge) }
        let heartbeat = Heartbeat(systemd: systemd, desk: desk, time: time)

        // Consumers first: they are there before data comes, and stop after the last of it. The heartbeat is last up and first to know.
        let rooms: [(any Service)?] = [shipper, control, reloader, tailer, collecting, heartbeat]
        var group = ServiceGroupConfiguration(services: rooms.compactMap { $0 }, gracefulShutdownSignals: [.sigterm, .sigint], logger: quiet)
        group.maximumGracefulShutdownDuration = Self.shutdownDuration
        announce(identity)
        let outcome: Result<Void, any Error>
        do { outcome = .success(try await ServiceGroup(configuration: group).run()) } catch { outcome = .failure(error) }
        await spool.close()
        try outcome.get()
        logger.notice("the agent has stopped; what was not acknowledged waits in the spool")
    }

    private func announce(_ identity: HostIdentity) {
        logger.notice(
            "the agent is running",
            metadata: [
                "version": "\(Version.current)", "host": "\(config.host)", "agent": "\(identity.agent)", "spool": "\(config.spool.path)",
                "aggregator": "\(config.shipping?.url ?? "none: it judges and buffers alone")", "tails": "\(config.tails.count)",
                "rules": "\(config.rulesCount)",
            ]
        )
    }

    /// Rules and patterns count at once; the rest is compared and named.
    private func apply(_ fresh: AgentConfig, to judge: Judge) async {
        await judge.reload(fresh.judge)
        let others = config.keysThatNeedARestart(against: fresh)
        if others.isEmpty {
            logger.notice("the configuration was read again and is in force")
        } else {
            logger.warning(
                "rules and patterns were read again; other keys that changed count after a restart",
                metadata: ["keys": "\(others.joined(separator: ", "))"]
            )
        }
    }

    /// The life cycle package tells each step of each service; the agent tells what matters itself.
    private var quiet: Logger {
        var quiet = logger
        quiet.logLevel = max(logger.logLevel, .warning)
        return quiet
    }
}
