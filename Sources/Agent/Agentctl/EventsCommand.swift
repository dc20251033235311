import ArgumentParser
import JSON

struct EventsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "events",
        abstract: "Search events and log lines, newest first, or follow them as they come.",
        discussion: """
            All filters that are given must hold. With --follow it ends with Ctrl-C, and connects again by itself where it was; what it missed is told on
            standard error.
            """
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
    var limit: Int?
    @Option(name: .long, help: "The page that begins where an earlier one ended.")
    var cursor: String?
    @Flag(name: .long, help: "The earliest first.")
    var oldestFirst = false
    @Flag(name: .shortAndLong, help: "Events as they are stored, until Ctrl-C.")
    var follow = false
    @Option(name: .long, help: "With --follow: first what is stored from this moment on; written as --start is.")
    var since: String?
    @Flag(name: .long, help: "For programs; with --follow one event a line.")
    var json = false
    @OptionGroup var aggregator: AggregatorOptions

    func validate() throws {
        if follow, start != nil || end != nil || limit != nil || cursor != nil || oldestFirst {
            throw ValidationError(
                "--follow has no end and no pages: give it --since instead of --start, and none of --end, --limit, --cursor, --oldest-first"
            )
        }
        guard follow || since == nil else { throw ValidationError("--since belongs to --follow; a search has --start") }
    }

    private var filters: [(String, String?)] {
        let single: [(String, String?)] = [
            ("source", source), ("type", type), ("min_severity", minSeverity), ("host", host), ("correlation_id", correlationID),
            ("q", words.isEmpty ? nil : words.joined(separator: " ")),
        ]
        return single + tag.map { ("tag", $0) } + severity.map { ("severity", $0) }
    }

    func run() async throws {
        if follow {
            let path = AggregatorOptions.path("/api/v1/events/stream", filters + [("since", try Moments.text(of: since, named: "--since"))])
            return try await EventFollower(aggregator, path: path, json: json, isColoured: Terminal.isColoured).run()
        }
        let page: [(String, String?)] = [
            ("start", try Moments.text(of: start, named: "--start")), ("end", try Moments.text(of: end, named: "--end")),
            ("limit", String(limit ?? 50)), ("cursor", cursor), ("sort_order", oldestFirst ? "asc" : "desc"),
        ]
        let answer = try await aggregator.get("/api/v1/events", filters + page)
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
