import Glibc
import JSON
import TestSupport
import Testing

/// The inputs that are no files, through `kill -9` of the agent: what it took is at the aggregator, once.
@Suite(.serialized) struct InputTests {
    private static let remote = "/lib/systemd/systemd-journal-remote"

    @Test func `syslog over UDP, TCP and a Unix socket: what the agent took arrives once, through kill -9`() throws {
        let house = try Installation()
        let (udp, tcp, unix) = (try freePort(), try freePort(), house.folder("log.sock"))
        let inputs = ["udp://127.0.0.1:\(udp)", "tcp://127.0.0.1:\(tcp)", "unix://\(unix)"]
        try house.writeAgentConfiguration(extra: "syslog:\n" + inputs.map { "  - {listen: \"\($0)\", source: app}\n" }.joined())
        let rounds = 4
        let perRound = 50
        var sent = 0
        for round in 0..<rounds {
            try house.startAgent()
            try eventually("the inputs listen") {
                let inputs = try house.status()?["inputs"]?.array ?? []
                return inputs.count == 3 && inputs.allSatisfy { $0["problem"]?.string == nil }
            }
            for (kind, target) in [("udp", "\(udp)"), ("tcp", "\(tcp)"), ("unix", unix)] {
                let (exit, output) = try ChildProcess.run(Installation.script("send_syslog.py") + [kind, target, "\(sent)", "\(perRound)"])
                #expect(exit == .code(0), "\(output)")
                sent += perRound
            }
            // Every other round without an aggregator: then the spool alone has them.
            try eventually("the agent has taken all of this round", within: 30) {
                let taken = try house.status()?["inputs"]?.array?.reduce(0) { $0 + ($1["messages"]?.integer ?? 0) } ?? 0
                return taken == 3 * perRound
            }
            house.agent?.killHard()
            if round == 1 { try house.startAggregator() }
            if round == 2 { house.aggregator?.killHard() }
        }
        try house.startAggregator()
        try house.startAgent()
        try expectOnce(house, count: sent, "syslog")
    }

    @Test(.enabled(if: TestFiles.exists(InputTests.remote), "systemd-journal-remote is not installed"))
    func `journald: each entry arrives once, through kill -9 at any moment`() throws {
        let house = try Installation()
        let journal = house.folder("journal")
        TestFiles.makeFolder(journal)
        try house.writeAgentConfiguration(extra: "journald: {path: \(journal), start: beginning, source: app}")
        try house.startAggregator()
        var written = 0
        for round in 0..<6 {
            try writeJournal(house, into: "\(journal)/\(round).journal", written..<written + 2000)
            written += 2000
            try house.startAgent()
            // In the middle of it, wherever that is.
            usleep(UInt32.random(in: 0...150_000))
            house.agent?.killHard()
        }
        try house.startAgent()
        try expectOnce(house, count: written, "journald")
    }

    /// Entries of one journal file, in systemd's export format (https://systemd.io/JOURNAL_EXPORT_FORMATS).
    private func writeJournal(_ house: Installation, into path: String, _ numbers: Range<Int>) throws {
        let entries = numbers.map { number in
            """
            __REALTIME_TIMESTAMP=\(1_767_225_600_000_000 + number * 1000)
            __MONOTONIC_TIMESTAMP=\(number * 1000)
            _BOOT_ID=0123456789abcdef0123456789abcdef
            MESSAGE=line \(number) by journald
            PRIORITY=6
            SYSLOG_IDENTIFIER=app


            """
        }
        let (export, made) = (house.folder("export"), house.folder("made.journal"))
        try TestFiles.write(entries.joined(), to: export)
        let (exit, output) = try ChildProcess.run(["/bin/sh", "-c", "\(Self.remote) -o \(made) - < \(export) && mv \(made) \(path)"])
        #expect(exit == .code(0), "\(output)")
    }

    private func expectOnce(_ house: Installation, count: Int, _ input: String) throws {
        var stored: Int64 = 0
        try eventually("\(count) lines are stored; there are \(stored)", within: 60) {
            stored = try house.get("/api/v1/events/stats?start=2000-01-01T00:00:00Z&end=2200-01-01T00:00:00Z")["by_source"]?["app"]?.integer ?? 0
            return stored >= count
        }
        var seen: [String: Int] = [:]
        var cursor = ""
        repeat {
            let page = try house.get("/api/v1/events?source=app&limit=1000&start=2000-01-01T00:00:00Z" + (cursor.isEmpty ? "" : "&cursor=\(cursor)"))
            for event in page["events"]?.array ?? [] { seen[event["message"]?.string ?? "", default: 0] += 1 }
            cursor = page["next_cursor"]?.string ?? ""
        } while !cursor.isEmpty
        print("| \(input) through kill -9 | written \(count) | stored \(seen.count) | duplicated \(seen.values.reduce(0) { $0 + $1 - 1 }) |")
        #expect(seen.count == count)
        #expect(seen.values.allSatisfy { $0 == 1 })
    }
}
