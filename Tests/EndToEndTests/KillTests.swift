import Glibc
import JSON
import TestSupport
import Testing

/// `kill -9` of the aggregator under load, again and again: every acknowledged event is there once, none twice.
@Suite(.serialized) struct KillTests {
    /// The short version is in `make test`, 200 kills in `make test-kill`.
    private static let kills = unsafe getenv("TOCSIN_KILLS").flatMap { unsafe Int(String(cString: $0)) } ?? 6

    @Test func `kill -9 under load, again and again: what was acknowledged is there once`() throws {
        let house = try Installation()
        try house.writeAggregatorConfiguration(extra: "limits: {events_per_second: 1000000, burst: 2000000}")
        try house.startAggregator()
        let clients = try ChildProcess(
            Installation.script("kill_clients.py") + [house.address, house.folder("clients.json"), house.folder("stop")],
            outputPath: house.folder("clients.out")
        )
        let seed = UInt64.random(in: 1...(.max))
        var generator = SeededGenerator(seed: seed)
        var starts: [Double] = []
        for kill in 1...Self.kills {
            // Anywhere in the traffic: in a commit, in a seal, in the start.
            usleep(UInt32.random(in: 20_000...600_000, using: &generator))
            house.aggregator?.killHard()
            let clock = ContinuousClock()
            let took = try clock.measure { try house.startAggregator() }
            starts.append(Double(took.components.seconds) + Double(took.components.attoseconds) / 1e18)
            if let exit = clients.poll() { throw Stopped(what: "clients, after \(kill) kills", exit: exit, output: clients.output()) }
        }
        try TestFiles.write("now", to: house.folder("stop"))
        try eventually("the clients have their answers; they wrote: \(clients.output().suffix(1000))", within: 120) { clients.poll() != nil }
        #expect(clients.wait() == .code(0), "\(clients.output().suffix(2000))")

        let (counted, text) = try ChildProcess.run(Installation.script("kill_count.py") + [house.address, house.folder("clients.json")])
        try #require(counted == .code(0), "\(text.suffix(2000))")
        let count = try JSON.parse(text)
        func number(_ name: String) throws -> Int { Int(try #require(count[name]?.integer, "\(name) in \(text)")) }
        let (acknowledged, lost, duplicated) = (try number("acknowledged"), try number("lost"), try number("duplicated"))
        let longest = starts.max() ?? 0
        print(
            "killed \(Self.kills) times (seed \(seed)); acknowledged \(acknowledged)  found \(try number("found"))  lost \(lost)  "
                + "duplicated \(duplicated)  (of \(try number("unsure")) without an answer \(try number("unsure_found")) are there); "
                + "longest start \(Int(longest * 1000)) ms"
        )
        #expect(acknowledged > 100 * Self.kills)
        #expect(lost == 0, "seed \(seed): \(text)")
        #expect(duplicated == 0, "seed \(seed): \(text)")
        #expect(try number("strangers") == 0, "seed \(seed): \(text)")
        // What is on disk is sound after all of it.
        house.aggregator?.killHard()
        let (exit, output) = try ChildProcess.run(["\(Installation.binaries)/tocsin-aggregator", "verify", "--storage", house.folder("aggregator")])
        #expect(exit == .code(0), "\(output)")
    }
}
