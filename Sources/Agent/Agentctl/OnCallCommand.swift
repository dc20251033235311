import ArgumentParser
import JSON

struct OnCallCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "oncall", abstract: "Who has the duty, now and next.")

    @Option(name: .long, help: "How many turns of each rota.")
    var turns = 2
    @Flag(name: .long, help: "For programs.")
    var json = false
    @OptionGroup var aggregator: AggregatorOptions

    func run() async throws {
        let answer = try await aggregator.get("/api/v1/oncall", [("turns", String(turns))])
        let rows = (answer["oncall"]?.array ?? []).flatMap { rota in
            (rota["turns"]?.array ?? []).enumerated().map { index, turn in
                [
                    index == 0 ? Terminal.text(rota["name"]) : "", Terminal.text(turn["person"]), Terminal.text(turn["start"]),
                    Terminal.text(turn["end"]), turn["override"]?.bool == true ? "override" : Terminal.text(rota["time_zone"]),
                ]
            }
        }
        print(json ? answer.text : Terminal.table(["ROTA", "PERSON", "FROM", "UNTIL", "ZONE"], rows, nothing: "no rota is configured (oncall:)"))
    }
}
