import ArgumentParser
import Operating

/// Asks an agent over its socket, or an aggregator over HTTP: arguments in, tables out.
@main
struct Agentctl: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "agentctl",
        abstract: "Ask a Tocsin agent or aggregator how things are.",
        discussion:
            "status, flush, reload, spool and rules ask this host's agent over its socket; the others ask an aggregator. Every list has --json.",
        version: "agentctl \(Version.current)",
        subcommands: [
            StatusCommand.self, FlushCommand.self, ReloadCommand.self, TopCommand.self, DoctorCommand.self, SpoolCommand.self, RulesCommand.self,
            QueryCommand.self, HostsCommand.self,
            EventsCommand.self,
            AlertsCommand.self,
            IncidentsCommand.self, NotificationsCommand.self, ChannelsCommand.self, SilenceCommand.self,
            OnCallCommand.self,
        ]
    )
}

/// A failure that is printed as one sentence, without usage text; the exit code is 1.
struct Failure: Error, CustomStringConvertible {
    let description: String
    /// The answer would be more than the aggregator gives at once, or than is read here: asking for less helps.
    let isTooMuch: Bool

    init(_ description: String, isTooMuch: Bool = false) { (self.description, self.isTooMuch) = (description, isTooMuch) }
}
