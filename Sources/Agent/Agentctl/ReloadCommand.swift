import ArgumentParser
import Controlling
import JSON
import Operating

struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Have the agent, or an aggregator, read its configuration again, without losing anything.",
        discussion: """
            Of the agent: rules, patterns, tails, collectors and the aggregator change while the agent runs; what needs a restart is named. A configuration with mistakes
            is refused: every mistake is printed, and the old one goes on.
            Of the aggregator that --aggregator names (an operator's token is needed): receivers, routes, inhibitions, tokens and certificates change;
            what groups have told, and when they tell again, goes on.
            Exit code 0: in force, 1: something stays as it was, 2: no agent runs.
            """
    )

    @OptionGroup var agent: SocketOption
    @Option(name: .long, help: "An aggregator's address, to have that read its configuration instead.")
    var aggregator: String?
    @Option(name: .long, help: "With --aggregator: a file that holds the token to show.")
    var tokenFile: String?
    @Option(name: .long, help: "With --aggregator: a file with the certificates to trust.")
    var caFile: String?
    @Flag(name: .long, help: "For programs.")
    var json = false

    func run() async throws {
        let report = if let aggregator { try await ask(aggregator) } else { try agent.ask(.reload, within: .seconds(60)) }
        if json { print(report.text) } else { tell(report) }
        if report["problems"]?.array?.isEmpty == false { throw ExitCode(Operating.ExitCode.failure) }
    }

    private func ask(_ address: String) async throws -> JSON {
        var options = AggregatorOptions()
        (options.aggregator, options.tokenFile, options.caFile) = (address, tokenFile, caFile)
        return try await options.post("/api/v1/reload", JSONWriter(), accepting: [422])
    }

    private func tell(_ report: JSON) {
        func words(_ key: String) -> [String] { (report[key]?.array ?? []).compactMap(\.string) }
        for problem in words("problems") { Terminal.complain(problem) }
        let (changed, restart) = (words("changed"), words("needs_restart"))
        if aggregator != nil, words("problems").isEmpty {
            print("in force")
        } else if words("problems").isEmpty || !changed.isEmpty {
            print(changed.isEmpty ? "nothing changed" : "in force: \(changed.joined(separator: ", "))")
        } else {
            Terminal.complain("the old configuration goes on")
        }
        if !restart.isEmpty {
            print(
                "after a restart only (systemctl restart \(aggregator == nil ? "tocsin-agent" : "tocsin-aggregator")): \(restart.joined(separator: ", "))"
            )
        }
    }
}
