import Admitting
import Configuring
import Logging
import Operating
import Storing
import Telemetry

/// What `tocsin-aggregator` does with its arguments.
package enum AggregatorProgram {
    package static var version: String { Version.current }

    /// Runs until it is told to stop, or checks only.
    /// - Parameters:
    ///   - path: `--config`; nil: `/etc/tocsin/aggregator.yaml` if it is there, else the built-in defaults.
    ///   - checkOnly: `--check`: prints every mistake and starts nothing.
    /// - Returns: the exit code.
    package static func run(path: String?, checkOnly: Bool) async -> Int32 {
        let path = Daemon.configuration(named: path, usual: AggregatorConfig.pathDefault)
        let config: AggregatorConfig
        do throws(AggregatorConfig.Mistakes) { config = try load(path) } catch {
            for sentence in error.sentences { Daemon.complain(sentence) }
            return ExitCode.failure
        }
        if checkOnly {
            print("\(path ?? "the built-in defaults"): no mistakes")
            return ExitCode.success
        }
        OpenFiles.raiseLimit()
        let logger = Daemon.prepare(
            label: "aggregator",
            level: config.logLevel,
            noConfigurationAt: path == nil ? AggregatorConfig.pathDefault : nil
        )
        let aggregator = Aggregator(
            config: config,
            tokens: config.tokens.map { TokenBook($0) },
            systemd: ServiceNotifier(),
            time: SystemTime(),
            logger: logger
        )
        do {
            try await aggregator.run(reload: { () throws(AggregatorConfig.Mistakes) in try load(path) })
            return ExitCode.success
        } catch {
            logger.critical(
                "the aggregator cannot run",
                metadata: ["error": "\(error)", "address": "\(config.listen)", "storage": "\(config.storage.path)"]
            )
            return ExitCode.failure
        }
    }

    private static func load(_ path: String?) throws(AggregatorConfig.Mistakes) -> AggregatorConfig {
        let problems = ConfigProblems()
        let config = AggregatorConfig.read(path: path, environment: { Environment[$0] }, problems: problems)
        guard problems.isEmpty else { throw AggregatorConfig.Mistakes(sentences: problems.all.map(\.description)) }
        return config
    }
}
