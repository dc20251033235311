import Alarming
import Collecting
import Controlling
import Exposing
import Judging
package import Logging
package import Operating
import ServiceLifecycle
import Shipping
import Spooling
import Synchronization
import Tailing
import Telemetry
import Transferring
import Wire

/// The agent: the whole data flow, wired from the last room to the first.
///
///     /proc, /sys ───▶ CollectLoop ─▶ Judge ─▶ Alarm ─▶ Spool ─▶ Shipper ─▶ HTTP
///     files ─────────▶ Tailer ─────────┤         │        ▲ acknowledged ─┘
///     journald ──────▶ JournalReader ──┤         └─▶ local receivers, while the aggregator takes nothing
///     /dev/log, 514 ─▶ SyslogListener ─┘
package struct Agent: Sendable {
    private let config: AgentConfig
    private let systemd: ServiceNotifier
    private let time: any TimeSource
    private let logger: Logger

    package init(config: AgentConfig, systemd: ServiceNotifier, time: any TimeSource, logger: Logger) {
        (self.config, self.systemd, self.time, self.logger) = (config, systemd, time, logger)
    }

    /// Runs until SIGTERM or SIGINT. Throws when the spool cannot be opened. While its disk cannot be written the agent stands on memory, and begins
    /// anew when it can.
    /// - Parameter reading: reads the configuration again.
    package func run(reading: @escaping @Sendable () async -> AgentConfig.Reading) async throws {
        var config = config
        while true {
            let metrics = MetricsRegistry()
            let ground = try SpoolGround.find(for: config, time: time, metrics: metrics, logger: logger)
            let agent = Agent(config: ground.adapted(config), systemd: systemd, time: time, logger: logger)
            try await agent.run(on: ground, metrics) {
                let read = await reading()
                if case .config(let fresh) = read { return .config(ground.adapted(fresh)) }
                return read
            }
            guard ground.isLeft else { break }
            if case .config(let fresh) = await reading() { config = fresh }
        }
        logger.notice("the agent has stopped; what was not acknowledged waits in the spool")
    }

    private func run(on ground: SpoolGround, _ metrics: MetricsRegistry, reading: @escaping @Sendable () async -> AgentConfig.Reading) async throws {
        let spool = ground.spool
        let (identity, checkpoint) = (try await spool.identity(), try await spool.checkpoint())
        let shipping = try await Replaceable(config.shipping, logger: logger) { [time, logger] settings in
            settings.map { settings in
                Shipper(
                    from: spool,
                    config: settings,
                    client: HTTPClient(concurrent: 2, userAgent: "tocsin-agent/\(Version.current)"),
                    time: time,
                    metrics: metrics,
                    logger: logger
                )
            }
        }
        let alarm = Alarm(
            config.alarm,
            host: config.host,
            next: spool,
            checkpoint: checkpoint,
            aggregator: {
                guard let status = shipping.current?.status() else { return .none }
                return status.lastError == nil ? .takes : .fails(status.lastError ?? "")
            },
            undelivered: { (try? await spool.status().batches[.alerts] ?? 0).map { $0 > 0 } ?? true },
            probe: { [http = HTTPClient(concurrent: 1, userAgent: "tocsin-agent/\(Version.current)")] in
                guard let shipping = shipping.settings else { return nil }
                return HealthProbe(url: shipping.url, tls: shipping.tls, http: http)
            },
            time: time,
            metrics: metrics,
            logger: logger
        )
        let judge = Judge(config.judge, next: alarm, checkpoint: checkpoint, identity: identity, time: time, metrics: metrics, logger: logger)
        let tailing = try await Replaceable(config.tails, logger: logger) { [config, time, logger] tails in
            Tailer(
                tails,
                host: config.host,
                tags: config.tags,
                checkpoint: try await spool.checkpoint(),
                // Standing on memory it reads no files, and has not lost its spool.
                question: try await ground.problem == nil
                    ? Self.question(of: ground, host: config.host, patience: config.spool.positionsWait, shipping) : nil,
                into: judge,
                time: time,
                metrics: metrics,
                logger: logger
            )
        }
        let syslog = try await Replaceable(config.syslog, logger: logger) { [config, time, logger] inputs -> SyslogListener? in
            inputs.isEmpty
                ? nil
                : SyslogListener(inputs, host: config.host, tags: config.tags, into: judge, time: time, metrics: metrics, logger: logger)
        }
        let journal = try await Replaceable(config.journal, logger: logger) { [config, time, logger] journal -> JournalReader? in
            guard let journal else { return nil }
            return JournalReader(
                journal,
                host: config.host,
                tags: config.tags,
                checkpoint: try await spool.checkpoint(),
                into: judge,
                time: time,
                metrics: metrics,
                logger: logger
            )
        }
        let collecting = try await Replaceable(config.collect, logger: logger) { [time, logger] collect in
            CollectLoop(Collectors(collect, time: time), every: collect.interval, into: judge, time: time, metrics: metrics, logger: logger)
        }

        let rooms = ReplaceableRooms(
            judge: judge,
            shipping: shipping,
            alarm: alarm,
            tailing: tailing,
            syslog: syslog,
            journal: journal,
            collecting: collecting
        )
        let inForce = Mutex(config)
        let reloader = Reloader(systemd: systemd) { [logger] in
            let report: ReloadReport
            switch await reading() {
            case .mistakes(let mistakes): report = ReloadReport(problems: mistakes)
            case .config(let fresh): report = await rooms.put(fresh, inForce: inForce)
            }
            Self.tell(report, logger)
            return report
        }
        let desk = StatusDesk(
            identity: identity,
            startedAt: time.now(),
            time: time,
            spool: spool,
            spoolDesk: SpoolDesk(spool, folder: ground.config.path),
            rooms: rooms,
            reloader: reloader,
            groundProblem: ground.problem
        )
        let control = ControlServer(path: config.controlSocket, agent: desk, logger: logger)
        do throws(ControlError) { try control.open() } catch {
            logger.warning("agentctl cannot ask this agent; everything else goes on", metadata: ["problem": "\(error)"])
        }
        let exposing = expose(collecting, metrics)
        let heartbeat = Heartbeat(systemd: systemd, desk: desk, time: time, beginsAnew: { ground.isLeft })
        let farewell = Farewell(
            spool: spool,
            host: config.host,
            tags: config.tags,
            lastBootID: checkpoint.notes[Farewell.bootNote],
            bootID: Farewell.currentBootID(),
            absence: { [asker = AbsenceAsker()] in await asker.kind() },
            beginsAnew: { ground.isLeft },
            time: time,
            logger: logger
        )
        let drains = ground.drains(config.shipping, time: time, logger: logger)

        announce(identity)
        let outcome: Result<Void, any Error>
        do {
            // The heartbeat is last up and first to know.
            let upkeep = SpoolUpkeep(spool, time: time)
            let rooms: [any Service] = [
                MemoryUpkeep(time: time), upkeep, shipping, alarm, farewell, control, reloader, tailing, syslog, journal, collecting,
            ]
            try await Daemon.run(rooms + drains + exposing + [heartbeat], until: ground.watch, logger: logger)
            outcome = .success(())
        } catch { outcome = .failure(error) }
        await ground.close()
        try outcome.get()
    }

    /// Where files stood, of a spool that does not know it.
    private static func question(
        of ground: SpoolGround,
        host: String,
        patience: Duration,
        _ shipping: Replaceable<ShippingConfig?, Shipper>
    ) async throws -> PositionQuestion? {
        guard let memory = try await ground.spool.fileMemory() else { return nil }
        guard shipping.current != nil else { return PositionQuestion(memory: memory, patience: patience, ask: nil) }
        // It is the same agent: it has not lost a spool.
        let others = await [ground.leftoverAgent()].compactMap { $0 }
        return PositionQuestion(memory: memory, patience: patience) { limit in
            guard let shipper = shipping.current else { throw PositionsUnknown(reason: "there is no aggregator now") }
            return try await shipper.knownFiles(of: host, askedBy: [try await ground.spool.identity().agent] + others, within: limit)
        }
    }

    /// The page that a Prometheus scrapes, made of a collection of its own or of the last one, when that is less than a second old.
    private func expose(_ collecting: Replaceable<CollectConfig, CollectLoop>, _ metrics: MetricsRegistry) -> [any Service] {
        guard let address = config.metricsListen else { return [] }
        let listener = MetricsListener(
            at: address,
            metrics: metrics,
            logger: logger,
            compress: { Gzip.compress($0, level: 1) },
            page: {
                let scrape = await collecting.current?.recentScrape(within: ExposingLimits.freshFor)
                return (scrape?.prometheusBytes() ?? []) + Array(metrics.prometheusText().utf8)
            }
        )
        do throws(ExposingError) { try listener.open() } catch {
            logger.warning("nobody can scrape this agent", metadata: ["problem": "\(error)"])
        }
        return [listener]
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

    private static func tell(_ report: ReloadReport, _ logger: Logger) {
        for problem in report.problems { logger.error("reload: something stays as it was", metadata: ["problem": "\(problem)"]) }
        if !report.needsRestart.isEmpty {
            let keys = report.needsRestart.joined(separator: ", ")
            logger.warning("reload: these keys changed and count after a restart only", metadata: ["keys": "\(keys)"])
        }
        if report.problems.isEmpty {
            let changed = report.changed.isEmpty ? "nothing" : report.changed.joined(separator: ", ")
            logger.notice("the configuration was read again and is in force", metadata: ["changed": "\(changed)"])
        }
    }
}
