import ArgumentParser
import Configuring
import Controlling
import JSON
import Operating
import Rules

struct RulesCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "rules",
        abstract: "Check rule files, test them, or list the rules that this host's agent or an aggregator judges.",
        subcommands: [Check.self, List.self, Test.self]
    )

    struct Check: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Read Prometheus rule files and print every mistake with file and line.",
            discussion: "Needs no running agent. Exit code 0: all good, 1: mistakes."
        )

        @Argument(help: "Rule files; patterns are the shell's.")
        var files: [String]
        @Flag(name: .long, help: "For programs.")
        var json = false

        func run() async throws {
            let loaded = files.map { RuleFile.load(path: $0) }
            let problems = loaded.flatMap(\.problems)
            if json {
                print(report(loaded))
            } else {
                for (path, (file, found)) in zip(files, loaded) where found.isEmpty {
                    print("\(path): \(file.groups.reduce(0) { $0 + $1.rules.count }) rules in \(file.groups.count) groups, all good")
                }
                for problem in problems { Terminal.complain(problem.description) }
            }
            if !problems.isEmpty { throw ExitCode(Operating.ExitCode.failure) }
        }

        private func report(_ loaded: [(file: RuleFile, problems: [ConfigProblem])]) -> String {
            var writer = JSONWriter()
            writer.beginObject()
            writer.key("files")
            writer.beginArray()
            for (path, (file, problems)) in zip(files, loaded) {
                writer.beginObject()
                writer.member("file", path)
                writer.member("groups", file.groups.count)
                writer.member("rules", file.groups.reduce(0) { $0 + $1.rules.count })
                writer.key("problems")
                writer.beginArray()
                for problem in problems {
                    writer.beginObject()
                    writer.member("line", problem.line)
                    writer.member("key", problem.key)
                    writer.member("problem", problem.problem)
                    writer.member("remedy", problem.remedy)
                    writer.endObject()
                }
                writer.endArray()
                writer.endObject()
            }
            writer.endArray()
            writer.endObject()
            return writer.text
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Every rule that this host's agent judges, or with --aggregator that one's own rules, and its state."
        )

        @Option(name: .long, help: "The address of an aggregator, whose rules are listed instead.")
        var aggregator: String?
        @Option(name: .long, help: "A file that holds the token to show to the aggregator.")
        var tokenFile: String?
        @Option(name: .long, help: "A file with the certificates to trust, when the aggregator's is not signed by a public authority.")
        var caFile: String?
        @Flag(name: .long, help: "For programs.")
        var json = false
        @OptionGroup var agent: SocketOption

        func run() async throws {
            if let aggregator { return print(try await listed(by: aggregator)) }
            let rules = try agent.ask(.status)["rules"] ?? .array([])
            let rows = (rules.array ?? []).map { rule in
                [
                    Terminal.text(rule["group"]), Terminal.text(rule["name"]), Terminal.text(rule["state"]), Terminal.text(rule["pending"]),
                    Terminal.text(rule["firing"]), rule["last_error"]?.string ?? "",
                ]
            }
            print(
                json
                    ? rules.text
                    : Terminal.table(["GROUP", "RULE", "STATE", "PENDING", "FIRING", "LAST ERROR"], rows, nothing: "no rules: see rule_files")
            )
        }

        private func listed(by address: String) async throws -> String {
            var options = AggregatorOptions()
            (options.aggregator, options.tokenFile, options.caFile) = (address, tokenFile, caFile)
            let answer = try await options.get("/api/v1/rules")
            return json ? answer.text : RulesReport.table(ofGroups: answer["data"]?["groups"]?.array ?? [])
        }
    }
}
