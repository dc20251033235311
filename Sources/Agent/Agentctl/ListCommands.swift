import ArgumentParser
import JSON

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
