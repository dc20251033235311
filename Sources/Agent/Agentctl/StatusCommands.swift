import ArgumentParser
import Controlling
import Glibc
import JSON
import Operating

/// Where the agent's socket is.
struct SocketOption: ParsableArguments {
    @Option(name: .long, help: "The agent's control socket (control.socket of its configuration).")
    var socket = ControlClient.pathDefault

    /// Asks the agent; ends the program with exit code 2 when none runs.
    func ask(_ command: ControlCommand, within patience: Duration = .seconds(30)) throws -> JSON {
        do throws(ControlError) { return try ControlClient(path: socket).ask(command, within: patience) } catch {
            Terminal.complain(error.description)
            if case .notRunning = error { throw ExitCode(Operating.ExitCode.notRunning) }
            throw ExitCode(Operating.ExitCode.failure)
        }
    }
}

struct StatusCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "status",
        abstract: "State of this host's agent: connection, lag, spool, tails, rules, gaps.",
        discussion: "Exit code 0: healthy, 1: degraded, 2: no agent runs."
    )

    @OptionGroup var agent: SocketOption
    @Flag(name: .long, help: "For programs.")
    var json = false

    func run() async throws {
        let status = try agent.ask(.status)
        print(json ? status.text : StatusText.render(status))
        if status["status"]?.string != "healthy" { throw ExitCode(Operating.ExitCode.failure) }
    }
}

struct FlushCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flush",
        abstract: "Ship what waits in the spool now, whatever the back-off says.",
        discussion: "Exit code 0: what waited is with the aggregator, 1: it still waits, 2: no agent runs."
    )

    @OptionGroup var agent: SocketOption
    @Option(name: .long, help: "Seconds to wait at most.")
    var timeout = 300

    func run() async throws {
        let status = try agent.ask(.flush, within: .seconds(max(1, timeout)))
        guard status["aggregator"]?["url"]?.string != nil else {
            throw Failure("this agent has no aggregator to ship to: write aggregator: https://… into its configuration")
        }
        let waiting = status["spool"]?["batches"]?.integer ?? 0
        guard let reason = status["aggregator"]?["last_error"]?.string else {
            print(waiting == 0 ? "shipped: nothing waits in the spool" : "shipped: \(waiting) batches came in meanwhile")
            return
        }
        Terminal.complain("\(waiting) batches still wait: \(reason)")
        throw ExitCode(Operating.ExitCode.failure)
    }
}
