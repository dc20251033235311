import ArgumentParser
import JSON

struct IncidentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "incidents",
        abstract: "Incidents: alerts and events that belong together, with the evidence around them.",
        subcommands: [List.self, Show.self],
        defaultSubcommand: List.self
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Incidents, the latest first.")

        @Option(name: .long, help: "Only those that are open or closed.")
        var state: String?
        @Option(name: .long, help: "Only those that this host is part of.")
        var host: String?
        @Option(name: .long, help: "Only those with an alert, or of a pattern, of this name.")
        var name: String?
        @Option(name: .long, help: "Opened since then: a moment, or how long ago, as 2d.")
        var since: String?
        @Option(name: .long, help: "How many.")
        var limit = 20
        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            let start = try Moments.text(of: since, named: "--since")
            let filters: [(String, String?)] = [("state", state), ("host", host), ("name", name), ("start", start), ("limit", String(limit))]
            let answer = try await aggregator.get("/api/v1/incidents", filters)
            let rows = (answer["incidents"]?.array ?? []).map { incident in
                [
                    Terminal.text(incident["id"]), Terminal.text(incident["state"]), Terminal.text(incident["opened_at"]),
                    Terminal.text(incident["closed_at"]), Terminal.text(incident["name"]), Self.few(incident["hosts"]?.array?.compactMap(\.string)),
                    Terminal.text(incident["evidence_count"]),
                    Self.few((incident["alerts"]?.array ?? []).map { "\(Terminal.text($0["alertname"])) \(Terminal.text($0["state"]))" }),
                ]
            }
            let titles = ["ID", "STATE", "OPENED", "CLOSED", "NAME", "HOSTS", "EVIDENCE", "ALERTS"]
            print(json ? answer.text : Terminal.table(titles, rows, nothing: "no incidents"))
        }

        private static func few(_ words: [String]?) -> String {
            let words = words ?? []
            return words.prefix(3).joined(separator: ", ") + (words.count > 3 ? " and \(words.count - 3) more" : "")
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One incident as a story: what changed, what happened, who said so, how it ended.")

        @Argument(help: "The id that the list shows, or the one of a notification.")
        var id: String
        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            let incident = try await aggregator.get("/api/v1/incidents/" + URLQuery.escape(id))
            print(json ? incident.text : IncidentStory(incident).text)
        }
    }
}
