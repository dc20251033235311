import ArgumentParser
import JSON

struct NotificationsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notifications",
        abstract: "What was sent to whom, what became of it, and what failed, to be sent again.",
        subcommands: [List.self, Show.self, Resend.self],
        defaultSubcommand: List.self
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Deliveries of the outbox, newest first.")

        @Option(name: .long, help: "Only those that are pending, delivered, failed, or digested (told by a digest).")
        var state: String?
        @Option(name: .long, help: "Only of this receiver.")
        var receiver: String?
        @Option(name: .long, help: "Only those that told of this rule's alerts.")
        var alertname: String?
        @Option(name: .long, help: "From when on: 2026-11-01T12:00:00Z, or how long ago, as 7d.")
        var since: String?
        @Option(name: .long, help: "Until when.")
        var until: String?
        @Option(name: .long, help: "How many, newest first.")
        var limit = 50
        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            let answer = try await aggregator.get(
                "/api/v1/notifications",
                [
                    ("start", try Moments.text(of: since, named: "--since")), ("end", try Moments.text(of: until, named: "--until")),
                    ("receiver", receiver), ("alertname", alertname), ("state", state), ("limit", String(limit)),
                ]
            )
            let rows = (answer["notifications"]?.array ?? []).map { record in
                [
                    Terminal.text(record["id"]), Terminal.text(record["created_at"]), Terminal.text(record["receiver"]),
                    Terminal.text(record["channel"]), Terminal.text(record["status"]), Terminal.text(record["state"]),
                    Terminal.text(record["attempts"]), Terminal.text(record["last_reply"]),
                ]
            }
            let titles = ["ID", "CREATED", "RECEIVER", "CHANNEL", "STATUS", "STATE", "ATTEMPTS", "LAST REPLY"]
            print(json ? answer.text : Terminal.table(titles, rows, nothing: "nothing was sent"))
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "One delivery: its alerts while it is kept, and what a digest stands for.")

        @Argument(help: "The id that list shows.")
        var id: String
        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            let answer = try await aggregator.get("/api/v1/notifications/" + URLQuery.escape(id))
            if json { return print(answer.text) }
            for member in answer["notification"]?.members ?? [] where !member.value.isNull { print("\(member.key): \(Terminal.text(member.value))") }
            let alerts = (answer["alerts"]?.array ?? []).map { alert in
                [Terminal.text(alert["state"]), Terminal.text(alert["alertname"]), Terminal.labels(alert["labels"], without: ["alertname"])]
            }
            if !alerts.isEmpty { print("\n" + Terminal.table(["STATE", "ALERT", "LABELS"], alerts, nothing: "")) }
            let digested = (answer["digested"]?.array ?? []).map { record in
                [
                    Terminal.text(record["created_at"]), Terminal.text(record["status"]), Terminal.text(record["alert_count"]),
                    Terminal.text(record["group_key"]),
                ]
            }
            if !digested.isEmpty { print("\nIt stands for:\n" + Terminal.table(["CREATED", "STATUS", "ALERTS", "GROUP"], digested, nothing: "")) }
        }
    }

    struct Resend: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send what failed again, under its old key.",
            discussion: "With --all-failed everything that failed and is still kept is sent again."
        )

        @Argument(help: "Ids that list --state failed shows.")
        var ids: [String] = []
        @Flag(name: .long, help: "All that failed.")
        var allFailed = false
        @OptionGroup var aggregator: AggregatorOptions

        func validate() throws {
            if ids.isEmpty != allFailed { throw ValidationError("name deliveries, or say --all-failed") }
        }

        func run() async throws {
            var wanted = ids
            if allFailed {
                let answer = try await aggregator.get("/api/v1/notifications", [("limit", "1000"), ("state", "failed")])
                wanted = (answer["notifications"]?.array ?? []).filter { $0["can_be_sent_again"]?.bool == true }.compactMap { $0["id"]?.string }
                    .reversed()
            }
            for id in wanted {
                _ = try await aggregator.post("/api/v1/notifications/\(URLQuery.escape(id))/resend", JSONWriter())
                print("\(id) is sent again")
            }
            if wanted.isEmpty { print("nothing has failed") }
        }
    }
}
