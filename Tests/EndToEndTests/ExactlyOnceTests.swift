import Glibc
import JSON
import TestSupport
import Testing

/// Promise 2: file, spool, store: each line once, through `kill -9` of either side and rotation by the real logrotate.
@Suite(.serialized) struct ExactlyOnceTests {
    static let linesTotal = 200_000
    static let linesAtOnce = 500
    static let agentKills = 12
    static let aggregatorKills = 8
    static let rotations = 2

    @Test func `200 000 lines through kills and rotations are each stored exactly once`() throws {
        let house = try Installation()
        try house.startAggregator()
        try house.startAgent()
        let chunks = ExactlyOnceTests.linesTotal / ExactlyOnceTests.linesAtOnce
        // Where in the traffic each blow falls is drawn anew each time; a failure prints the seed.
        let seed = UInt64.random(in: 1...(.max))
        var generator = Xorshift(state: seed)
        func draw(_ count: Int) -> Set<Int> {
            var drawn = Set<Int>()
            while drawn.count < count { drawn.insert(Int.random(in: 10..<chunks - 10, using: &generator)) }
            return drawn
        }
        let agentBlows = draw(ExactlyOnceTests.agentKills)
        let aggregatorBlows = draw(ExactlyOnceTests.aggregatorKills)
        let rotationPoints = draw(ExactlyOnceTests.rotations)
        var kills = (agent: 0, aggregator: 0, rotations: 0)

        for chunk in 0..<chunks {
            var text = ""
            for line in chunk * ExactlyOnceTests.linesAtOnce..<(chunk + 1) * ExactlyOnceTests.linesAtOnce {
                text += "line \(line) GET /api/v1/orders/\(line &* 7919 % 100_003) HTTP/1.1 200 \(line % 977) ms\n"
            }
            try house.appendLog(text)
            if rotationPoints.contains(chunk) {
                try rotate(house)
                kills.rotations += 1
            }
            if agentBlows.contains(chunk) {
                house.agent?.killHard()
                kills.agent += 1
                try house.startAgent()
            }
            if aggregatorBlows.contains(chunk) {
                house.aggregator?.killHard()
                kills.aggregator += 1
                try house.startAggregator()
            }
            usleep(5000)
        }

        var total = 0
        try eventually("all \(ExactlyOnceTests.linesTotal) lines are stored; the store has \(total) (seed \(seed))", within: 180) {
            total = Int(try house.get("/api/v1/events/stats?start=2000-01-01T00:00:00Z&end=2200-01-01T00:00:00Z")["by_source"]?["app"]?.integer ?? 0)
            return total >= ExactlyOnceTests.linesTotal
        }
        let seen = try storedLines(house)
        let lost = (0..<ExactlyOnceTests.linesTotal).filter { seen[$0] == nil }.count
        let duplicated = seen.values.filter { $0 > 1 }.count
        print(
            """
            agent killed \(kills.agent) times, aggregator killed \(kills.aggregator) times, rotated \(kills.rotations) times (seed \(seed))
            written \(ExactlyOnceTests.linesTotal)  stored \(seen.values.reduce(0, +))  lost \(lost)  duplicated \(duplicated)
            """
        )
        #expect(lost == 0, "seed \(seed)")
        #expect(duplicated == 0, "seed \(seed)")
        #expect(seen.count == ExactlyOnceTests.linesTotal, "seed \(seed)")
        #expect(kills == (ExactlyOnceTests.agentKills, ExactlyOnceTests.aggregatorKills, ExactlyOnceTests.rotations))
    }

    /// Rotates by renaming, as most of Debian's packages do.
    private func rotate(_ house: Installation) throws {
        let configuration = house.folder("logrotate.conf")
        try TestFiles.write("\(house.logPath) {\n  rotate 5\n  create 0644\n  size 1\n}\n", to: configuration)
        let (exit, output) = try ChildProcess.run(["/usr/sbin/logrotate", "-f", "-s", house.folder("logrotate.state"), configuration])
        #expect(exit == .code(0), "\(output)")
    }

    /// Reads the whole store page by page, as a client would, and counts each line's number.
    private func storedLines(_ house: Installation) throws -> [Int: Int] {
        var seen = [Int: Int](minimumCapacity: ExactlyOnceTests.linesTotal)
        var cursor = ""
        repeat {
            let page = try house.get("/api/v1/events?source=app&limit=1000" + (cursor.isEmpty ? "" : "&cursor=\(cursor)"))
            for event in page["events"]?.array ?? [] {
                let words = (event["message"]?.string ?? "").split(separator: " ")
                if words.count > 1, let number = Int(words[1]) { seen[number, default: 0] += 1 }
            }
            cursor = page["next_cursor"]?.string ?? ""
        } while !cursor.isEmpty
        return seen
    }
}

/// A small seeded generator, so that a failing run can be run again.
struct Xorshift: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state ^= state << 13
        state ^= state >> 7
        state ^= state << 17
        return state
    }
}
