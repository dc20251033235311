import Glibc
import JSON
import TestSupport
import Testing

/// An installation whose agent is to lose and double nothing, whatever happens to it: writes numbered lines and counts what became of them.
final class FaultHouse {
    let house: Installation
    let proxyPort: Int
    private var proxy: ChildProcess?
    private(set) var written = 0
    private var rotations = 0
    private(set) var generator: SeededGenerator
    let seed = UInt64.random(in: 1...(.max))

    /// - Parameter throughProxy: whether the agent reaches the aggregator over a link that can be cut.
    init(throughProxy: Bool = false, extra: String = "") throws {
        house = try Installation()
        proxyPort = try freePort()
        generator = SeededGenerator(seed: seed)
        try house.writeAggregatorConfiguration(extra: "limits: {agents: {events_per_second: 10000000, burst: 10000000}}")
        try house.writeAgentConfiguration(extra: extra, address: throughProxy ? "http://127.0.0.1:\(proxyPort)" : nil)
        guard throughProxy else { return }
        let output = proxyOutput
        proxy = try ChildProcess(
            Installation.script("fault_proxy.py") + ["\(proxyPort)", "\(house.port)", house.folder("link")],
            outputPath: output
        )
        try eventually("the link listens") { TestFiles.read(output)?.contains("ready") == true }
    }

    deinit { proxy?.killHard() }

    private var proxyOutput: String { house.folder("proxy.out") }

    /// Puts the link into another mode (`pass`, `cut`, `silent`, `slow`); returns when it is in force.
    func link(_ mode: String) throws {
        try TestFiles.write(mode, to: house.folder("link"))
        let modes = { TestFiles.read(self.proxyOutput)?.split(separator: "\n").filter { $0.hasPrefix("mode ") } ?? [] }
        try eventually("the link is in mode \(mode)") { (modes().last ?? "mode pass") == "mode \(mode)" }
    }

    func random(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &generator) }

    func write(_ count: Int, to path: String? = nil) throws {
        var text = ""
        for line in written..<written + count { text += "line \(line) GET /api/v1/orders/\(line &* 7919 % 100_003) HTTP/1.1 200 \(line % 977) ms\n" }
        try TestFiles.write(text, to: path ?? house.logPath, appending: true)
        written += count
    }

    /// `rm -rf` of the spool's folder, or a file of no bytes in it; the agent does not run.
    func loseSpool(wholly: Bool = true) throws {
        try run("/bin/rm", "-rf", house.folder("agent"))
        guard !wholly else { return }
        TestFiles.makeFolder(house.folder("agent"))
        try TestFiles.write("", to: house.folder("agent/spool.db"))
    }

    enum Rotation: CaseIterable { case rename, copytruncate, compress }

    /// The log's lines go elsewhere, and new ones come to its place.
    func rotate(_ rotation: Rotation) throws {
        rotations += 1
        let aside = house.logPath + ".\(rotations)"
        switch rotation {
        case .copytruncate:
            try run("/bin/cp", "-p", house.logPath, aside)
            try TestFiles.write("", to: house.logPath)
        case .rename, .compress:
            try run("/bin/mv", house.logPath, aside)
            try TestFiles.write("", to: house.logPath)
            if rotation == .compress { try run("/bin/gzip", aside) }
        }
    }

    private func run(_ arguments: String...) throws {
        let (exit, output) = try ChildProcess.run(arguments)
        #expect(exit == .code(0), "\(arguments) \(output)")
    }

    /// Until the file is read to its end.
    func waitUntilRead() throws {
        try eventually("the log is read (seed \(seed))", within: 60) {
            let tails = try house.status()?["tails"]?.array ?? []
            return !tails.isEmpty && tails.allSatisfy { ($0["lag_bytes"]?.integer ?? 1) == 0 && ($0["size"]?.integer ?? 0) > 0 }
        }
    }

    struct Count {
        var stored = 0
        var inGaps = 0
        var duplicates = 0
        var lost = 0
    }

    /// Waits until everything is stored or in a gap, and counts it.
    func settle(within seconds: Double = 90) throws -> Count {
        var count = Count()
        var total = 0
        try eventually("\(written) lines are stored or in gaps; the store has \(total), gaps \(count.inGaps) (seed \(seed))", within: seconds) {
            let stats = try house.get("/api/v1/events/stats?start=2000-01-01T00:00:00Z&end=2200-01-01T00:00:00Z")
            total = Int(stats["by_source"]?["app"]?.integer ?? 0)
            count.inGaps = try gaps().reduce(0) { $0 + ($1.source == "logs" ? $1.count : 0) }
            return total + count.inGaps >= written
        }
        let seen = try stored()
        count.stored = seen.count
        count.duplicates = seen.values.reduce(0) { $0 + $1 - 1 }
        count.lost = written - seen.count - count.inGaps
        return count
    }

    /// How often each numbered line is stored.
    func stored() throws -> [Int: Int] {
        var seen: [Int: Int] = [:]
        var cursor = ""
        repeat {
            let page = try house.get("/api/v1/events?source=app&limit=1000" + (cursor.isEmpty ? "" : "&cursor=\(cursor)"))
            for event in page["events"]?.array ?? [] {
                let words = (event["message"]?.string ?? "").split(separator: " ")
                if words.count > 1, words[0] == "line", let number = Int(words[1]) { seen[number, default: 0] += 1 }
            }
            cursor = page["next_cursor"]?.string ?? ""
        } while !cursor.isEmpty
        return seen
    }

    func gaps() throws -> [(source: String, reason: String, count: Int)] {
        let events = try house.get("/api/v1/events?source=tocsin&type=gap.recorded&limit=1000")["events"]?.array ?? []
        return events.compactMap { event in
            guard let data = event["data"] else { return nil }
            return (data["source"]?.string ?? "", data["reason"]?.string ?? "", Int(data["count"]?.integer ?? 0))
        }
    }

    /// One row of the table, and the claim behind it.
    func conclude(_ fault: String, times: Int) throws {
        let count = try settle()
        print("| \(fault) | \(times) | \(written) | \(count.stored) | \(count.inGaps) | \(count.lost) | \(count.duplicates) |")
        #expect(count.lost == 0, "\(fault), seed \(seed)")
        #expect(count.duplicates == 0, "\(fault), seed \(seed)")
    }
}
