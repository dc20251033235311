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
    func ask(_ command: ControlCommand) throws -> JSON {
        do throws(ControlError) { return try ControlClient(path: socket).ask(command) } catch {
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
        discussion: "Exit code 0: the spool is empty, 1: something still waits, 2: no agent runs."
    )

    @OptionGroup var agent: SocketOption

    func run() async throws {
        let status = try agent.ask(.flush)
        let waiting = status["spool"]?["batches"]?.integer ?? 0
        guard waiting > 0 else {
            print("shipped: nothing waits in the spool")
            return
        }
        let reason = status["aggregator"]?["last_error"]?.string.map { ": \($0)" } ?? ""
        Terminal.complain("\(waiting) batches still wait\(reason)")
        throw ExitCode(Operating.ExitCode.failure)
    }
}
