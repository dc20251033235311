import ArgumentParser
import JSON

struct ChannelsCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "channels",
        abstract: "The channels of the receivers: where each stands, and whether it works.",
        subcommands: [List.self, Test.self],
        defaultSubcommand: List.self
    )

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Where each channel stands: closed is well, open is down.")

        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            let answer = try await aggregator.get("/api/v1/channels")
            let rows = (answer["channels"]?.array ?? []).map { channel in
                [
                    Terminal.text(channel["channel"]), Terminal.text(channel["state"]), Terminal.text(channel["waiting"]),
                    Terminal.text(channel["failures_in_a_row"]), Terminal.text(channel["down_since"]), Terminal.text(channel["last_reply"]),
                ]
            }
            let titles = ["CHANNEL", "STATE", "WAITING", "FAILURES", "DOWN SINCE", "LAST REPLY"]
            print(json ? answer.text : Terminal.table(titles, rows, nothing: "no receiver has a channel"))
        }
    }

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send a test notification through each channel of a receiver, and show the provider's reply.",
            discussion: "Exit code 0: each channel took it, 1: one did not."
        )

        @Argument(help: "The receiver's name.")
        var receiver: String
        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            var body = JSONWriter()
            body.beginObject()
            body.member("receiver", receiver)
            body.endObject()
            let answer = try await aggregator.post("/api/v1/channels/test", body, within: .seconds(300))
            let tests = answer["channels"]?.array ?? []
            let rows = tests.map { test in
                [
                    Terminal.text(test["channel"]), test["delivered"]?.bool == true ? "delivered" : "not delivered",
                    "\(Int(((test["seconds"]?.double ?? 0) * 1000).rounded())) ms", Terminal.text(test["reply"]), test["note"]?.string ?? "",
                ]
            }
            let titles = ["CHANNEL", "RESULT", "TOOK", "REPLY", "NOTE"]
            print(json ? answer.text : Terminal.table(titles, rows, nothing: "the receiver \(receiver) has no channel"))
            if tests.contains(where: { $0["delivered"]?.bool != true }) { throw ExitCode(1) }
        }
    }
}
