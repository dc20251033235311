import ArgumentParser
import JSON

struct AlertsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts",
        abstract: "Alerts of all hosts; why people were told of one, or not; who takes care of it.",
        subcommands: [List.self, Explain.self, Acknowledge.self, Unacknowledge.self, History.self, Noise.self],
        defaultSubcommand: List.self
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Firing first, then pending and lately resolved.")

        @Option(name: .long, help: "Only those that are pending, firing, resolved, stale (the host is down) or flapping.")
        var state: String?
        @Option(name: .long) var host: String?
        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            let answer = try await aggregator.get("/api/v1/alerts", [("state", state), ("host", host)])
            let rows = (answer["alerts"]?.array ?? []).map { alert in
                let care = AlertsCommand.care(of: alert)
                let summary =
                    alert["annotations"]?["summary"]?.string ?? Terminal.labels(alert["labels"], without: ["alertname", "host", "severity"])
                return [
                    AlertsCommand.shortID(alert), AlertsCommand.state(of: alert), Terminal.text(alert["labels"]?["severity"]),
                    Terminal.text(alert["alertname"]), Terminal.text(alert["labels"]?["host"]), Terminal.text(alert["starts_at"]),
                    Terminal.text(alert["value"]), summary + AlertsCommand.voices(of: alert) + care,
                ]
            }
            let titles = ["ID", "STATE", "SEVERITY", "ALERT", "HOST", "SINCE", "VALUE", "SUMMARY"]
            print(json ? answer.text : Terminal.table(titles, rows, nothing: "no alerts"))
        }
    }

    struct Acknowledge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            commandName: "ack",
            abstract: "Take care of an alert: no repeats and no escalation until it ends."
        )

        @Argument(help: "The id that alerts shows, or its beginning.")
        var id: String
        @Option(name: .long, help: "What you know or do.")
        var comment = ""
        @Option(name: .long, help: "Who. Default: the user's name.")
        var author: String?
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            var body = JSONWriter()
            body.beginObject()
            body.member("comment", comment)
            body.member("by", author ?? AlertsCommand.user)
            body.endObject()
            let answer = try await aggregator.post("/api/v1/alerts/\(URLQuery.escape(id))/acknowledge", body)
            print("acknowledged \(Terminal.text(answer["id"]))")
        }
    }

    struct Unacknowledge: AsyncParsableCommand {
        static let configuration = CommandConfiguration(commandName: "unack", abstract: "Take an acknowledgement back.")

        @Argument(help: "The id that alerts shows, or its beginning.")
        var id: String
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            _ = try await aggregator.delete("/api/v1/alerts/\(URLQuery.escape(id))/acknowledge")
            print("taken back")
        }
    }

    /// What people type: the first eight digits say which, mostly.
    static func shortID(_ alert: JSON) -> String { alert["id"]?.string.map { String($0.prefix(8)) } ?? "-" }
}

extension AlertsCommand {
    /// Who says so, where it is more than one.
    static func voices(of alert: JSON) -> String {
        let voices = alert["said_by"]?.array?.compactMap(\.string) ?? []
        return voices.count > 1 ? " (said by \(voices.joined(separator: ", ")))" : ""
    }

    /// Who takes care of it, and since when; empty: nobody.
    static func care(of alert: JSON) -> String {
        guard let care = alert["acknowledged"], let by = care["by"]?.string else { return "" }
        let comment = care["comment"]?.string.flatMap { $0.isEmpty ? nil : ": \($0)" } ?? ""
        return " (\(by) takes care of it since \(Terminal.text(care["at"]))\(comment))"
    }

    /// The state, and what whoever reads it must know besides.
    static func state(of alert: JSON) -> String {
        Terminal.text(alert["state"]) + (alert["stale"]?.bool == true ? ", stale" : "") + (alert["flapping"] == nil ? "" : ", flapping")
    }
}
