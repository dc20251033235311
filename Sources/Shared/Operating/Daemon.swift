import Glibc
package import Logging
package import ServiceLifecycle

/// What both programs do as processes, before and around their rooms.
package enum Daemon {
    /// How long what is under way may take when the program is told to stop; then it is cancelled. systemd and people wait five seconds.
    private static let shutdownDuration = Duration.seconds(4)

    /// Runs services until SIGTERM or SIGINT, or until one fails. Consumers come first: they are there before data comes, and stop after the last of it.
    /// - Parameter ending: returns when all is to stop as at the program's end.
    package static func run(_ services: [any Service], until ending: (any Service)? = nil, logger: Logger) async throws {
        var quiet = logger
        // The life cycle package tells each step of each service; we tell what matters ourselves.
        quiet.logLevel = max(logger.logLevel, .warning)
        var all = services.map { ServiceGroupConfiguration.ServiceConfiguration(service: $0) }
        all.append(.init(service: EndSignal(), successTerminationBehavior: .gracefullyShutdownGroup))
        if let ending { all.append(.init(service: ending, successTerminationBehavior: .gracefullyShutdownGroup)) }
        var configuration = ServiceGroupConfiguration(services: all, logger: quiet)
        configuration.maximumGracefulShutdownDuration = shutdownDuration
        try await ServiceGroup(configuration: configuration).run()
    }

    /// Once a process: where its log goes, and that a peer that hangs up is an error of its write, not the end of the program.
    /// - Parameter looked: the configuration that is missing where none was named; nil when there is one.
    package static func prepare(label: String, level: Logger.Level, noConfigurationAt looked: String?) -> Logger {
        _ = signal(SIGPIPE, SIG_IGN)
        LogSetup.bootstrap(level: level)
        let logger = Logger(label: label)
        if let looked {
            logger.notice("there is no configuration file; the built-in defaults are in force", metadata: ["looked-for": "\(looked)"])
        }
        return logger
    }

    /// The configuration's path: what was named, else the usual one if it is there, else nil.
    package static func configuration(named path: String?, usual: String) -> String? {
        path ?? (unsafe access(usual, F_OK) == 0 ? usual : nil)
    }

    /// A line on standard error.
    package static func complain(_ line: String) {
        let bytes = Array((line + "\n").utf8)
        _ = unsafe write(STDERR_FILENO, bytes, bytes.count)
    }
}

/// Returns at SIGTERM or SIGINT, and when all is to stop anyway.
private struct EndSignal: Service {
    func run() async throws { _ = await cancelWhenGracefulShutdown { await Signals.shared.next(of: [SIGTERM, SIGINT]) } }
}
