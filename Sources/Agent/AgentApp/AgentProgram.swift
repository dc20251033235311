import Collecting
import Configuring
import Glibc
import Logging
import Operating
import Spooling
import Telemetry

/// What `tocsin-agent` does with its arguments.
package enum AgentProgram {
    package static var version: String { Version.current }

    package enum Errand: Sendable { case run, check, once(OutputFormat) }

    /// How `--once` prints.
    package enum OutputFormat: String, Sendable, CaseIterable { case text, json, prometheus }

    /// Before anything else, on the program's first thread.
    package static func prepareMemory() { MemoryUpkeep.shareOnePool() }

    /// Everything else: all tasks of the agent share few threads with what blocks.
    package static func onItsThreads(_ work: () async -> Void) async { await withTaskExecutorPreference(WorkThreads.shared, operation: work) }

    /// - Parameter path: `--config`; nil: `/etc/tocsin/agent.yaml` if it is there, else the built-in defaults.
    /// - Returns: the exit code.
    package static func run(path: String?, _ errand: Errand) async -> Int32 {
        let path = Daemon.configuration(named: path, usual: AgentConfig.pathDefault)
        let config: AgentConfig
        switch read(path) {
        case .config(let good): config = good
        case .mistakes(let mistakes):
            for mistake in mistakes { Daemon.complain(mistake) }
            return ExitCode.failure
        }
        switch errand {
        case .check:
            print(
                "\(path ?? "the built-in defaults"): no mistakes (\(config.tails.count) tails, \(config.patternsCount) patterns, \(config.rulesCount) rules)"
            )
            return ExitCode.success
        case .once(let format):
            return await once(config, format)
        case .run:
            return await serve(config, path)
        }
    }

    /// One real collection. The kernel's counters are printed as they stand, as node_exporter does; nothing here is a rate, so one read is enough.
    private static func once(_ config: AgentConfig, _ format: OutputFormat) async -> Int32 {
        let scrape = await Collectors(config.collect, time: SystemTime()).scrape()
        for collector in scrape.collectors {
            if let error = collector.lastError { Daemon.complain("\(collector.name): \(error)") }
        }
        switch format {
        case .text: print(scrape.tableText(), terminator: "")
        case .json: print(scrape.jsonText())
        case .prometheus: print(scrape.prometheusText(), terminator: "")
        }
        return scrape.samples.isEmpty ? ExitCode.failure : ExitCode.success
    }

    private static func serve(_ config: AgentConfig, _ path: String?) async -> Int32 {
        let logger = Daemon.prepare(label: "agent", level: config.logLevel, noConfigurationAt: path == nil ? AgentConfig.pathDefault : nil)
        if let sentence = spoolProblem(config.spool.path) {
            logger.critical("the agent cannot run", metadata: ["error": "\(sentence)"])
            return ExitCode.failure
        }
        let agent = Agent(config: config, systemd: ServiceNotifier(), time: SystemTime(), logger: logger)
        do {
            try await agent.run(reading: { read(path) })
            return ExitCode.success
        } catch {
            logger.critical("the agent cannot run", metadata: ["error": "\(error)", "spool": "\(config.spool.path)"])
            return ExitCode.failure
        }
    }

    /// What to do when this user may not write the spool's folder; nil when it may, or when the folder can be made.
    static func spoolProblem(_ folder: String) -> String? {
        var existing = folder[...]
        while unsafe access(String(existing), F_OK) != 0, let slash = existing.lastIndex(of: "/"), existing.count > 1 {
            existing = slash == existing.startIndex ? "/" : existing[..<slash]
        }
        if unsafe access(String(existing), W_OK | X_OK) == 0 { return nil }
        // A disk that cannot be written now is no mistake of the installation; the agent starts without it.
        if errno == EROFS { return nil }
        let reason = unsafe String(cString: strerror(errno))
        let user = getuid()
        return "the spool's folder \(folder) cannot be \(existing == folder[...] ? "written" : "made in \(existing)") by user \(user) (\(reason)): "
            + "run as the agent's own user (systemctl start tocsin-agent), or `install -d -o \(user) -m 0750 \(folder)` as root, "
            + "or start with TOCSIN_SPOOL_PATH=$HOME/.local/state/tocsin-agent"
    }

    /// Reads the file, or the defaults where there is none.
    package static func read(_ path: String?) -> AgentConfig.Reading {
        let problems = ConfigProblems()
        let config = AgentConfig.read(path: path, environment: { Environment[$0] }, problems: problems)
        return problems.isEmpty ? .config(config) : .mistakes(problems.all.map(\.description))
    }
}
