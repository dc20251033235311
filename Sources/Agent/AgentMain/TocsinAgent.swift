import AgentApp
import ArgumentParser

/// The agent: measures the host, follows its logs, judges alert rules, buffers everything and ships it.
struct TocsinAgent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tocsin-agent",
        abstract: "Measures this host, follows its logs, judges alert rules on the spot, and ships everything to an aggregator.",
        version: "tocsin-agent \(AgentProgram.version)"
    )

    @Option(name: .long, help: "The configuration. Default: /etc/tocsin/agent.yaml, or built-in defaults when there is none.")
    var config: String?

    @Flag(name: .long, help: "Print every mistake of the configuration and of its rule files, and exit: 0 when there is none, else 1.")
    var check = false

    @Flag(name: .long, help: "Collect once, print what was measured, and exit.")
    var once = false

    @Option(name: .long, help: "How --once prints: text, json or prometheus.")
    var format: AgentProgram.OutputFormat?

    func validate() throws {
        if check, once { throw ValidationError("--check and --once exclude each other; give one of them.") }
        if format != nil, !once { throw ValidationError("--format says how --once prints; give both, or neither.") }
    }

    func run() async throws {
        let code = await AgentProgram.run(path: config, check ? .check : once ? .once(format ?? .text) : .run)
        if code != 0 { throw ExitCode(code) }
    }
}

extension AgentProgram.OutputFormat: ExpressibleByArgument {}
