import Glibc
import JSON
import TestSupport
import Testing

/// `agentctl events --follow` beside a real aggregator.
@Suite(.serialized) struct FollowTests {
    private func post(_ numbers: Range<Int>, to house: Installation) throws {
        let lines = numbers.map {
            #"{"source":"shop","type":"order.placed","severity":"\#($0 % 2 == 0 ? "info" : "error")","message":"order \#($0)"}"#
        }
        #expect(try Curl.post(house.address + "/api/v1/events/batch", lines.joined(separator: "\n"), type: "application/x-ndjson").status == 201)
    }

    private func follow(_ house: Installation, _ arguments: [String], to file: String) throws -> ChildProcess {
        try ChildProcess(
            ["\(Installation.binaries)/agentctl", "events", "--follow", "--aggregator", house.address] + arguments,
            outputPath: house.folder(file)
        )
    }

    private func messages(_ text: String) -> [String] {
        text.split(separator: "\n").compactMap { (try? JSON.parse(String($0)))?["message"]?.string }
    }

    @Test func `through kill -9 and a restart each event comes once, and Ctrl-C ends it well`() throws {
        let house = try Installation()
        try house.startAggregator()
        try post(0..<700, to: house)
        let follower = try follow(house, ["--json", "--since", "1h", "--source", "shop"], to: "follow.out")
        try eventually("the old ones are there") { self.messages(follower.output()).count >= 700 }
        try post(700..<720, to: house)
        try eventually("new ones come") { self.messages(follower.output()).count >= 720 }
        for round in 0..<3 {
            house.aggregator?.killHard()
            try house.startAggregator()
            // The follower is not back yet, or just is: either way these are its.
            try post(720 + round * 50..<770 + round * 50, to: house)
            try eventually("those of the time between: \(follower.output().suffix(600))") {
                self.messages(follower.output()).count >= 770 + round * 50
            }
        }
        follower.signal(SIGINT)
        #expect(follower.wait() == .code(0))
        #expect(messages(follower.output()) == (0..<870).map { "order \($0)" })
        print("followed through three kills: \(messages(follower.output()).count) events, each once")
        #expect(follower.output().contains("going on behind the last event"))
    }

    @Test func `people see lines, filters hold, and SIGTERM ends it well too`() throws {
        let house = try Installation()
        try house.startAggregator()
        let follower = try follow(house, ["--min-severity", "error", "order"], to: "people.out")
        // The stream begins with its connection: what is posted before may not be in it.
        try eventually("it is connected") { try Curl.run([house.address + "/metrics"]).body.contains("tocsin_stream_clients 1") }
        try post(0..<4, to: house)
        try eventually("two lines") { follower.output().split(separator: "\n").count == 2 }
        follower.signal(SIGTERM)
        #expect(follower.wait() == .code(0))
        let lines = follower.output().split(separator: "\n")
        #expect(lines.allSatisfy { $0.contains("error    -            shop         order.placed order ") })
        #expect(!follower.output().contains("\u{1B}"))
    }

    @Test func `what cannot be followed is told in a sentence, with exit 1 or 64`() throws {
        let house = try Installation()
        let alone = try ChildProcess.run(["\(Installation.binaries)/agentctl", "events", "-f", "--aggregator", house.address])
        #expect(alone.exit == .code(1))
        #expect(alone.output.contains("no connection to"))
        try house.startAggregator()
        let wrong = try ChildProcess.run(
            ["\(Installation.binaries)/agentctl", "events", "-f", "--severity", "fatal", "--aggregator", house.address]
        )
        #expect(wrong.exit == .code(1))
        #expect(wrong.output.contains("400: severity=fatal"))
        for arguments in [["--follow", "--limit", "3"], ["--follow", "--start", "1h"], ["--since", "1h"]] {
            let senseless = try ChildProcess.run(["\(Installation.binaries)/agentctl", "events"] + arguments)
            #expect(senseless.exit == .code(64))
            #expect(senseless.output.contains("--since"))
        }
    }
}
