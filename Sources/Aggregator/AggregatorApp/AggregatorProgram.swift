import Admitting
import Configuring
import Glibc
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
        let path = path ?? (unsafe access(AggregatorConfig.pathDefault, F_OK) == 0 ? AggregatorConfig.pathDefault : nil)
        guard let config = load(path, tell: { writeToStandardError($0.description) }) else { return ExitCode.failure }
        if checkOnly {
            print("\(path ?? "the built-in defaults"): no mistakes")
            return ExitCode.success
        }
        // A peer that hangs up is an error of its write, not the end of the program.
        _ = signal(SIGPIPE, SIG_IGN)
        OpenFiles.raiseLimit()
        LogSetup.bootstrap(level: config.logLevel)
        let logger = Logger(label: "aggregator")
        if path == nil {
            logger.notice(
                "there is no configuration file; the built-in defaults are in force",
                metadata: ["looked-for": "\(AggregatorConfig.pathDefault)"]
            )
        }
        let aggregator = Aggregator(
            config: config,
            tokens: config.tokens.map { TokenBook($0) },
            systemd: ServiceNotifier(),
            time: SystemTime(),
            logger: logger
        )
        do {
            try await aggregator.run(reload: {
                load(path) { logger.error("the configuration has a mistake; everything stays as it was", metadata: ["mistake": "\($0)"]) }
            })
            return ExitCode.success
        } catch {
            logger.critical(
                "the aggregator cannot run",
                metadata: ["error": "\(error)", "address": "\(config.listen)", "storage": "\(config.storage.path)"]
            )
            return ExitCode.failure
        }
    }

    /// Nil when there are mistakes; all of them were told.
    private static func load(_ path: String?, tell: (ConfigProblem) -> Void) -> AggregatorConfig? {
        let problems = ConfigProblems()
        let config = AggregatorConfig.read(path: path, environment: { Environment[$0] }, problems: problems)
        for problem in problems.all { tell(problem) }
        return problems.isEmpty ? config : nil
    }

    private static func writeToStandardError(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
    }
}
