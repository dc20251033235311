import ArgumentParser
import JSON

struct QueryCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "query",
        abstract: "Evaluate a PromQL expression at an aggregator.",
        discussion: "At one moment (now, or --time), or from --start to --end every --step."
    )

    @Argument(help: "For example: 'rate(node_cpu_seconds_total{mode=\"user\"}[5m])'")
    var expression: String

    @Option(name: .long, help: "The moment: RFC 3339 or seconds since the epoch. Default: now.")
    var time: String?
    @Option(name: .long, help: "First moment of a range.")
    var start: String?
    @Option(name: .long, help: "Last moment of a range.")
    var end: String?
    @Option(name: .long, help: "Distance of a range's moments, as 15s or 5m.")
    var step: String?
    @Flag(name: .long, help: "Prometheus's answer as it is.")
    var json = false
    @OptionGroup var aggregator: AggregatorOptions

    func validate() throws {
        let given = [start, end, step].compactMap { $0 }.count
        guard given == 0 || given == 3 else { throw ValidationError("a range needs --start, --end and --step") }
        guard given == 0 || time == nil else { throw ValidationError("give --time or a range, not both") }
    }

    func run() async throws {
        let answer =
            if start == nil {
                try await aggregator.get("/api/v1/query", [("query", expression), ("time", time)])
            } else {
                try await aggregator.get("/api/v1/query_range", [("query", expression), ("start", start), ("end", end), ("step", step)])
            }
        print(json ? answer.text : render(answer["data"]))
    }

    private func render(_ data: JSON?) -> String {
        let result = data?["result"]
        switch data?["resultType"]?.string {
        case "scalar", "string": return Terminal.text(result?[1])
        case "matrix":
            let lines = (result?.array ?? []).flatMap { series in
                [name(series["metric"])] + (series["values"]?.array ?? []).map { "  \(Terminal.text($0[0]))  \(Terminal.text($0[1]))" }
            }
            return lines.isEmpty ? "no series" : lines.map(Terminal.printable).joined(separator: "\n")
        default:
            let rows = (result?.array ?? []).map { [Terminal.text($0["value"]?[1]), name($0["metric"])] }
            return Terminal.table(["VALUE", "SERIES"], rows, nothing: "no series")
        }
    }

    private func name(_ metric: JSON?) -> String {
        let text = (metric?["__name__"]?.string ?? "") + Terminal.labels(metric, without: ["__name__"])
        return text.isEmpty ? "{}" : text
    }
}
