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

        let report = try JSON.parse(TestFiles.read(house.folder("clients.json")) ?? "")
        let sent = Set((report["acknowledged"]?.array ?? []).compactMap(\.string))
        let unsure = Set((report["unsure"]?.array ?? []).compactMap(\.string))
        let found = try messages(house)
        let lost = sent.filter { found[$0] == nil }
        let duplicated = found.filter { $0.value > 1 }
        let strangers = found.keys.filter { !sent.contains($0) && !unsure.contains($0) }
        let longest = starts.max() ?? 0
        print(
            "killed \(Self.kills) times (seed \(seed)); acknowledged \(sent.count)  found \(found.count)  lost \(lost.count)  "
                + "duplicated \(duplicated.count)  (of \(unsure.count) without an answer \(unsure.filter { found[$0] != nil }.count) are there); "
                + "longest start \(Int(longest * 1000)) ms"
        )
        #expect(sent.count > 100 * Self.kills)
        #expect(lost.isEmpty, "seed \(seed): \(lost.sorted().prefix(5))")
        #expect(duplicated.isEmpty, "seed \(seed): \(duplicated.keys.sorted().prefix(5))")
        #expect(strangers.isEmpty, "seed \(seed): \(strangers.sorted().prefix(5))")
        // What is on disk is sound after all of it.
        house.aggregator?.killHard()
        let (exit, output) = try ChildProcess.run(["\(Installation.binaries)/tocsin-aggregator", "verify", "--storage", house.folder("aggregator")])
        #expect(exit == .code(0), "\(output)")
    }

    /// How often each message of the clients is stored.
    private func messages(_ house: Installation) throws -> [String: Int] {
        var (found, cursor) = ([String: Int](), String?.none)
        repeat {
            let page = try house.get("/api/v1/events?limit=1000&source=kill&sort_order=asc" + (cursor.map { "&cursor=\($0)" } ?? ""))
            for event in page["events"]?.array ?? [] { if let message = event["message"]?.string { found[message, default: 0] += 1 } }
            cursor = page["next_cursor"]?.string
        } while cursor != nil
        return found
    }
}
