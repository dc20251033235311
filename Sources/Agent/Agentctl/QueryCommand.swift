import ArgumentParser
import JSON
import Operating
import Telemetry

struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Evaluate a PromQL expression at an aggregator.",
        discussion: """
            At one moment (now, or --time), or from --start to --end (default: now) every --step (default: a 60th of the range).
            Moments are RFC 3339, seconds since the epoch, or how long ago: agentctl query node_load1 --start 1h --step 5m
            """
    )

    @Argument(help: "For example: 'rate(node_cpu_seconds_total{mode=\"user\"}[5m])'")
    var expression: String

    @Option(name: .long, help: "The moment. Default: now.")
    var time: String?
    @Option(name: .long, help: "First moment of a range.")
    var start: String?
    @Option(name: .long, help: "Last moment of a range. Default: now.")
    var end: String?
    @Option(name: .long, help: "Distance of a range's moments, as 15s or 5m.")
    var step: String?
    @Flag(name: .long, help: "Prometheus's answer as it is.")
    var json = false
    @OptionGroup var aggregator: AggregatorOptions

    func validate() throws {
        guard start != nil || (end == nil && step == nil) else { throw ValidationError("a range needs --start") }
        guard start == nil || time == nil else { throw ValidationError("give --time or a range, not both") }
    }

    func run() async throws {
        let answer: JSON
        if let start {
            let now = SystemTime().now()
            guard let first = Moments.parse(start, now: now), let last = Moments.parse(end ?? "now", now: now), first < last else {
                throw Failure("--start \(start) and --end \(end ?? "now") are no range: write moments, the earlier one first")
            }
            let distance = step ?? "\(max(1, last.duration(since: first).components.seconds / 60))s"
            let range = [("query", expression), ("start", first.rfc3339), ("end", last.rfc3339), ("step", distance)]
            answer = try await aggregator.get("/api/v1/query_range", range)
        } else {
            answer = try await aggregator.get("/api/v1/query", [("query", expression), ("time", try Moments.text(of: time, named: "--time"))])
        }
        print(json ? answer.text : render(answer["data"]))
    }

    private func render(_ data: JSON?) -> String {
        let result = data?["result"]
        switch data?["resultType"]?.string {
        case "scalar", "string": return Terminal.text(result?[1])
        case "matrix":
            let lines = (result?.array ?? []).flatMap { series in
                [name(series["metric"])] + (series["values"]?.array ?? []).map { "  \(moment($0[0]))  \(Terminal.text($0[1]))" }
            }
            return lines.isEmpty ? "no series" : lines.map(Terminal.printable).joined(separator: "\n")
        default:
            let rows = (result?.array ?? []).map { [Terminal.text($0["value"]?[1]), name($0["metric"])] }
            return Terminal.table(["VALUE", "SERIES"], rows, nothing: "no series")
        }
    }

    private func moment(_ seconds: JSON?) -> String { seconds?.double.flatMap { Timestamp(seconds: $0) }?.rfc3339 ?? "-" }

    private func name(_ metric: JSON?) -> String {
        let text = (metric?["__name__"]?.string ?? "") + Terminal.labels(metric, without: ["__name__"])
        return text.isEmpty ? "{}" : text
    }
}
