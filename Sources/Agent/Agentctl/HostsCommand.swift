import ArgumentParser
import JSON

struct HostsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hosts",
        abstract: "Every host that the aggregator knows, and where its lease stands.",
        subcommands: [List.self, Forget.self],
        defaultSubcommand: List.self
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Every host, its state, since when, and why.")

        @Option(name: .long, help: "Only those that are up, late, planned, down or unknown.")
        var state: String?
        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            let answer = try await aggregator.get("/api/v1/hosts", [("state", state)])
            let rows = (answer["hosts"]?.array ?? []).map { host in
                [
                    Terminal.text(host["host"]), Terminal.text(host["state"]), Terminal.text(host["since"]), Terminal.text(host["last_contact"]),
                    (host["tags"]?.array ?? []).compactMap(\.string).joined(separator: ", "), Terminal.text(host["reason"]),
                ]
            }
            let titles = ["HOST", "STATE", "SINCE", "LAST CONTACT", "TAGS", "REASON"]
            print(json ? answer.text : Terminal.table(titles, rows, nothing: "no host has sent anything yet"))
        }
    }

    struct Forget: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take a host that is gone for good off the list.",
            discussion: "Its alerts are resolved as forgotten. What it sent stays in the log. A host that sends again is listed again."
        )

        @Argument(help: "The host's name, as the list shows it.")
        var name: String
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            _ = try await aggregator.delete("/api/v1/hosts/" + URLQuery.escape(name))
            print("forgotten")
        }
    }
}
