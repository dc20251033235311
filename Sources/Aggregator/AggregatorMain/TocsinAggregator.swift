import AggregatorApp
import ArgumentParser

/// The aggregator: receives, stores, correlates, shows, and tells people. Without a subcommand it does just that.
@main
struct TocsinAggregator: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tocsin-aggregator",
        abstract: "Receives what agents and clients send, stores it, shows it, and tells people when something is wrong.",
        version: "tocsin-aggregator \(AggregatorProgram.version)",
        subcommands: [Serve.self, Verify.self, Backup.self, Restore.self],
        defaultSubcommand: Serve.self
    )
}

/// A command of its own, so that `--config` behind another one is that one's.
struct Serve: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Run the aggregator: what happens without a subcommand.")

    @Option(name: .long, help: "The configuration. Default: /etc/tocsin/aggregator.yaml, or built-in defaults when there is none.")
    var config: String?

    @Flag(name: .long, help: "Print every mistake of the configuration and exit: 0 when there is none, else 1.")
    var check = false

    func run() async throws {
        let code = await AggregatorProgram.run(path: config, checkOnly: check)
        if code != 0 { throw ExitCode(code) }
    }
}
