import ArgumentParser
import JSON

struct HostsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "hosts",
        abstract: "Every host that the aggregator knows, and where its lease stands."
    )

    @Option(name: .long, help: "Only those that are up, late, down or unknown.")
    var state: String?
    @Flag(name: .long, help: "For programs.")
    var json = false
    @OptionGroup var aggregator: AggregatorOptions

    func run() async throws {
        let answer = try await aggregator.get("/api/v1/hosts", [("state", state)])
        let rows = (answer["hosts"]?.array ?? []).map { host in
            [
                Terminal.text(host["host"]), Terminal.text(host["state"]), Terminal.text(host["since"]), Terminal.text(host["last_contact"]),
                (host["tags"]?.array ?? []).compactMap(\.string).joined(separator: ", "),
            ]
        }
        print(
            json ? answer.text : Terminal.table(["HOST", "STATE", "SINCE", "LAST CONTACT", "TAGS"], rows, nothing: "no host has sent anything yet")
        )
    }
}

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Search events and log lines, newest first.",
        discussion: "All filters that are given must hold."
    )

    @Argument(help: "Whole words that must occur in the message or in string values of data.")
    var words: [String] = []
    @Option(name: .long) var source: String?
    @Option(name: .long, help: "Exact, or with a star: deploy.*")
    var type: String?
    @Option(name: .long, help: "debug, info, warning, error or critical, exactly. May be given several times; one must hold.")
    var severity: [String] = []
    @Option(name: .long, help: "This severity or a worse one.")
    var minSeverity: String?
    @Option(name: .long) var host: String?
    @Option(name: .long) var correlationID: String?
    @Option(name: .long, help: "May be given several times; all must be there.")
    var tag: [String] = []
    @Option(name: .long, help: "From when on: RFC 3339, seconds since the epoch, or how long ago, as 2h.")
    var start: String?
    @Option(name: .long, help: "Until when, exclusive; in the same ways.")
    var end: String?
    @Option(name: .long, help: "How many, 1 to 1000.")
    var limit = 50
    @Option(name: .long, help: "The page that begins where an earlier one ended.")
    var cursor: String?
    @Flag(name: .long, help: "The earliest first.")
    var oldestFirst = false
    @Flag(name: .long, help: "For programs.")
    var json = false
    @OptionGroup var aggregator: AggregatorOptions

    func run() async throws {
        var parameters: [(String, String?)] = [
            ("source", source), ("type", type), ("min_severity", minSeverity), ("host", host), ("correlation_id", correlationID),
            ("start", try Moments.text(of: start, named: "--start")), ("end", try Moments.text(of: end, named: "--end")),
            ("limit", String(limit)), ("cursor", cursor), ("sort_order", oldestFirst ? "asc" : "desc"),
            ("q", words.isEmpty ? nil : words.joined(separator: " ")),
        ]
        parameters += tag.map { ("tag", $0) } + severity.map { ("severity", $0) }
        let answer = try await aggregator.get("/api/v1/events", parameters)
        let rows = (answer["events"]?.array ?? []).map { event in
            [
                Terminal.text(event["timestamp"]), Terminal.text(event["severity"]), Terminal.text(event["host"]), Terminal.text(event["source"]),
                Terminal.text(event["type"]), event["message"]?.string ?? Terminal.text(event["data"]),
            ]
        }
        print(json ? answer.text : Terminal.table(["TIME", "SEVERITY", "HOST", "SOURCE", "TYPE", "MESSAGE"], rows, nothing: "no event matches"))
        if !json, let next = answer["next_cursor"]?.string { Terminal.complain("there are more: raise --limit, or add --cursor \(next)") }
    }
}

struct AlertsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "alerts",
        abstract: "Alerts of all hosts: firing first, then pending and lately resolved."
    )

    @Option(name: .long, help: "Only those that are pending, firing or resolved.")
    var state: String?
    @Option(name: .long) var host: String?
    @Flag(name: .long, help: "For programs.")
    var json = false
    @OptionGroup var aggregator: AggregatorOptions

    func run() async throws {
        let answer = try await aggregator.get("/api/v1/alerts", [("state", state), ("host", host)])
        let rows = (answer["alerts"]?.array ?? []).map { alert in
            [
                Terminal.text(alert["state"]), Terminal.text(alert["labels"]?["severity"]), Terminal.text(alert["alertname"]),
                Terminal.text(alert["labels"]?["host"]), Terminal.text(alert["starts_at"]), Terminal.text(alert["value"]),
                alert["annotations"]?["summary"]?.string ?? Terminal.labels(alert["labels"], without: ["alertname", "host", "severity"]),
            ]
        }
        print(json ? answer.text : Terminal.table(["STATE", "SEVERITY", "ALERT", "HOST", "SINCE", "VALUE", "SUMMARY"], rows, nothing: "no alerts"))
    }
}

struct IncidentsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "incidents",
        abstract: "Incidents: alerts that belong together, with the evidence around them."
    )

    @Option(name: .long, help: "How many, newest first.")
    var limit = 20
    @Flag(name: .long, help: "For programs; with the evidence.")
    var json = false
    @OptionGroup var aggregator: AggregatorOptions

    func run() async throws {
        let answer = try await aggregator.get("/api/v1/incidents", [("limit", String(limit))])
        let rows = (answer["incidents"]?.array ?? []).map { incident in
            [
                Terminal.text(incident["state"]), Terminal.text(incident["opened_at"]), Terminal.text(incident["closed_at"]),
                (incident["hosts"]?.array ?? []).compactMap(\.string).joined(separator: ", "), String(incident["evidence"]?.array?.count ?? 0),
                (incident["alerts"]?.array ?? []).map { "\(Terminal.text($0["alertname"])) \(Terminal.text($0["state"]))" }.joined(separator: ", "),
            ]
        }
        print(json ? answer.text : Terminal.table(["STATE", "OPENED", "CLOSED", "HOSTS", "EVIDENCE", "ALERTS"], rows, nothing: "no incidents"))
    }
}

struct NotificationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "notifications", abstract: "What was sent to whom, and what became of it.")

    @Option(name: .long, help: "Only those that are pending, delivered or failed.")
    var state: String?
    @Option(name: .long, help: "How many, newest first.")
    var limit = 50
    @Flag(name: .long, help: "For programs.")
    var json = false
    @OptionGroup var aggregator: AggregatorOptions

    func run() async throws {
        let answer = try await aggregator.get("/api/v1/notifications", [("limit", String(limit)), ("state", state)])
        let rows = (answer["notifications"]?.array ?? []).map { record in
            [
                Terminal.text(record["created_at"]), Terminal.text(record["receiver"]), Terminal.text(record["channel"]),
                Terminal.text(record["status"]),
                Terminal.text(record["state"]), Terminal.text(record["attempts"]), Terminal.text(record["last_reply"]),
            ]
        }
        let titles = ["CREATED", "RECEIVER", "CHANNEL", "STATUS", "STATE", "ATTEMPTS", "LAST REPLY"]
        print(json ? answer.text : Terminal.table(titles, rows, nothing: "nothing was sent yet"))
    }
}
