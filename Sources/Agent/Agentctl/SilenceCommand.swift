import ArgumentParser
import Glibc
import JSON
import Operating

struct SilenceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "silence",
        abstract: "Keep matching alerts from being told for a while.",
        subcommands: [Add.self, List.self, Expire.self]
    )

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Silence what matches, from now on or ahead of time.")

        @Argument(help: "Matchers in Alertmanager's notation, all of which must hold: 'alertname=\"DiskFull\"' 'host=~\"web-.*\"'")
        var matchers: [String]
        @Option(name: .long, help: "How long, as 2h or 1d.")
        var duration = "2h"
        @Option(name: .long, help: "From when on, as 2026-11-01T22:00:00Z. Default: now.")
        var start: String?
        @Option(name: .long, help: "Until when, instead of --duration.")
        var end: String?
        @Option(name: .long, help: "Why; people will read it at 3 a.m.")
        var comment: String
        @Option(name: .long, help: "Who. Default: the user's name.")
        var author: String?
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            var body = JSONWriter()
            body.beginObject()
            body.member("matchers", matchers)
            body.member("duration", duration)
            if let start { body.member("starts_at", start) }
            if let end { body.member("ends_at", end) }
            body.member("comment", comment)
            body.member("created_by", author ?? Environment["SUDO_USER"] ?? Environment["USER"] ?? "agentctl")
            body.endObject()
            print(Terminal.text(try await aggregator.post("/api/v1/silences", body)["silence_id"]))
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Silences that are in force, ahead, or lately expired.")

        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            let answer = try await aggregator.get("/api/v1/silences")
            let rows = (answer["silences"]?.array ?? []).map { silence in
                [
                    Terminal.text(silence["id"]), Terminal.text(silence["state"]), Terminal.text(silence["ends_at"]),
                    Terminal.text(silence["created_by"]),
                    (silence["matchers"]?.array ?? []).compactMap(\.string).joined(separator: " "), Terminal.text(silence["comment"]),
                ]
            }
            print(json ? answer.text : Terminal.table(["ID", "STATE", "UNTIL", "BY", "MATCHERS", "COMMENT"], rows, nothing: "no silences"))
        }
    }

    struct Expire: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "End a silence now.")

        @Argument(help: "The id that add printed and list shows.")
        var id: String
        @OptionGroup var aggregator: AggregatorOptions

        func run() async throws {
            _ = try await aggregator.delete("/api/v1/silences/" + URLQuery.escape(id))
            print("expired")
        }
    }
}
