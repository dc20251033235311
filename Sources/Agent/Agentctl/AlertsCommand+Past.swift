import ArgumentParser
import JSON
import Operating
import Telemetry

extension AlertsCommand {
    static var user: String { Environment["SUDO_USER"] ?? Environment["USER"] ?? "agentctl" }

    struct Explain: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Why people were told of an alert, or not: each decision with its time and its values."
        )

        @Argument(help: "The id that alerts and alerts history show, or its beginning.")
        var id: String
        @Option(name: .long, help: "The time it fired then, or last before: 2026-11-01T12:00:00Z, or how long ago, as 3h. Default: the latest.")
        var at: String?
        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            let moment = try Moments.text(of: at, named: "--at")
            let answer = try await aggregator.get("/api/v1/alerts/\(URLQuery.escape(id))/explanation", [("at", moment)])
            print(json ? answer.text : Explain.story(answer))
        }

        static func story(_ answer: JSON) -> String {
            let alert = answer["alert"]
            var lines = [
                "\(Terminal.text(alert?["alertname"])) \(Terminal.labels(alert?["labels"], without: ["alertname"]))",
                "id \(Terminal.text(answer["id"])), \(Terminal.text(alert?["state"])), since \(Terminal.text(alert?["starts_at"]))"
                    + (alert?["ends_at"]?.string.map { " until \($0)" } ?? ""),
                "", Terminal.text(answer["verdict"]), "",
            ]
            for decision in answer["decisions"]?.array ?? [] {
                lines.append("\(time(decision["at"]))  \(Terminal.text(decision["sentence"]))")
            }
            let others = answer["other_episodes"]?.array ?? []
            if let latest = others.first {
                lines += [
                    "", "It is on record \(others.count) more time(s), the latest at \(Terminal.text(latest["starts_at"])): --at tells of them.",
                ]
            }
            return lines.map(Terminal.printable).joined(separator: "\n")
        }

        /// To the millisecond, all of one width.
        private static func time(_ value: JSON?) -> String {
            guard let text = value?.string, let moment = Timestamp(rfc3339: text) else { return Terminal.text(value) }
            let whole = Timestamp(nanoseconds: moment.nanoseconds / 1_000_000_000 * 1_000_000_000).rfc3339.dropLast()
            let milliseconds = String(moment.nanoseconds / 1_000_000 % 1000)
            return "\(whole).\(String(repeating: "0", count: max(0, 3 - milliseconds.count)))\(milliseconds)Z"
        }
    }

    struct History: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Each time that an alert fired, the latest first.")

        @Option(name: .long, help: "From when on: 2026-11-01T12:00:00Z, or how long ago, as 7d.")
        var since: String?
        @Option(name: .long, help: "Until when.")
        var until: String?
        @Option(name: .long) var host: String?
        @Option(name: .long, help: "Only of this rule.")
        var alertname: String?
        @Option(name: .long, help: "How many.")
        var limit = 100
        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            let answer = try await aggregator.get(
                "/api/v1/alerts/history",
                [
                    ("start", try Moments.text(of: since, named: "--since")), ("end", try Moments.text(of: until, named: "--until")),
                    ("host", host), ("alertname", alertname), ("limit", String(limit)),
                ]
            )
            let rows = (answer["alerts"]?.array ?? []).map { alert in
                [
                    AlertsCommand.shortID(alert), Terminal.text(alert["alertname"]), Terminal.text(alert["labels"]?["host"]),
                    Terminal.text(alert["starts_at"]), Terminal.text(alert["ends_at"]), Terminal.text(alert["reason"]),
                    Terminal.text(alert["pages"]), Terminal.text(alert["acknowledged"]?["by"]),
                    Terminal.labels(alert["labels"], without: ["alertname", "host"]),
                ]
            }
            let titles = ["ID", "ALERT", "HOST", "BEGAN", "ENDED", "REASON", "PAGES", "ACKNOWLEDGED BY", "LABELS"]
            print(json ? answer.text : Terminal.table(titles, rows, nothing: "nothing fired"))
        }
    }

    struct Noise: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "What each rule cost its people: the noisiest first.")

        @Option(name: .long, help: "From when on: how long ago, as 7d, or a time.")
        var since = "7d"
        @Option(name: .long, help: "Until when.")
        var until: String?
        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            let answer = try await aggregator.get(
                "/api/v1/reports/noise",
                [("start", try Moments.text(of: since, named: "--since")), ("end", try Moments.text(of: until, named: "--until"))]
            )
            let rows = (answer["rules"]?.array ?? []).map { rule in
                [
                    Terminal.text(rule["alertname"]), Terminal.text(rule["pages"]), Terminal.text(rule["notifications"]),
                    Terminal.text(rule["episodes"]), Terminal.text(rule["acknowledged"]), Terminal.text(rule["flaps"]),
                    rule["median_seconds"]?.double.map(Noise.length) ?? "-",
                ]
            }
            let titles = ["ALERT", "PAGES", "NOTIFICATIONS", "FIRED", "ACKNOWLEDGED", "FLAPS", "MEDIAN LENGTH"]
            print(json ? answer.text : Terminal.table(titles, rows, nothing: "nothing fired"))
        }

        /// `1h30m`, `45s`: the two largest units.
        static func length(_ seconds: Double) -> String {
            guard seconds >= 0, seconds < 1e15 else { return "-" }
            guard seconds >= 1 else { return "\(Int((seconds * 1000).rounded()))ms" }
            var rest = Int(seconds.rounded())
            var parts: [String] = []
            for (unit, size) in [("d", 86_400), ("h", 3600), ("m", 60), ("s", 1)] where rest >= size {
                parts.append("\(rest / size)\(unit)")
                rest %= size
            }
            return parts.prefix(2).joined()
        }
    }
}
