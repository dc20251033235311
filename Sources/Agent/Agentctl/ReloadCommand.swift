import ArgumentParser
import Controlling
import JSON
import Operating

struct ReloadCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "reload",
        abstract: "Have the agent read its configuration again, without losing anything.",
        discussion: """
            Rules, patterns, tails, collectors and the aggregator change while the agent runs; what needs a restart is named. A configuration with mistakes
            is refused: every mistake is printed, and the old one goes on.
            Exit code 0: in force, 1: something stays as it was, 2: no agent runs.
            """
    )

    @OptionGroup var agent: SocketOption
    @Flag(name: .long, help: "For programs.")
    var json = false

    func run() async throws {
        let report = try agent.ask(.reload, within: .seconds(60))
        if json { print(report.text) } else { tell(report) }
        if report["problems"]?.array?.isEmpty == false { throw ExitCode(Operating.ExitCode.failure) }
    }

    private func tell(_ report: JSON) {
        func words(_ key: String) -> [String] { (report[key]?.array ?? []).compactMap(\.string) }
        for problem in words("problems") { Terminal.complain(problem) }
        let (changed, restart) = (words("changed"), words("needs_restart"))
        if words("problems").isEmpty || !changed.isEmpty {
            print(changed.isEmpty ? "nothing changed" : "in force: \(changed.joined(separator: ", "))")
        } else {
            Terminal.complain("the old configuration goes on")
        }
        if !restart.isEmpty { print("after a restart only (systemctl restart tocsin-agent): \(restart.joined(separator: ", "))") }
    }
}
