import Blocks
import Operating
import SQLite
import Spooling
import Telemetry
import TestSupport
import Testing

struct SpoolTests {
    let fixture: SpoolFixture
    init() throws { fixture = try SpoolFixture() }

    @Test func `what is accepted goes out, most urgent first, each lane from 1`() async throws {
        let spool = try fixture.open()
        try await spool.accept(fixture.lines(["a", "b"]))
        try await spool.accept(fixture.samples(3))
        try await spool.accept(Intake(alerts: [fixture.alert("DiskFull")]))
        try await spool.accept(fixture.lines(["c"]))
        let batches = try await spool.peek()
        #expect(batches.map(\.lane) == [.alerts, .metrics, .logs, .logs])
        #expect(batches.map(\.sequence) == [1, 1, 1, 2])
        #expect(batches.map(\.messages) == [[], [], ["a", "b"], ["c"]])
        #expect(batches.map(\.samples) == [0, 3, 0, 0])
        #expect(batches[0].alerts == ["DiskFull"])
        #expect(Set(batches.map(\.agent)) == [try await spool.identity().agent])
    }

    @Test func `a lease takes at least one batch and about as many bytes as asked for`() async throws {
        let spool = try fixture.open()
        for index in 0..<20 { try await spool.accept(fixture.lines([SpoolFixture.noise(1000, seed: UInt64(index))])) }
        #expect(try await spool.peek(upToBytes: 1).count == 1)
        let some = try await spool.peek(upToBytes: 6000).count
        #expect(some > 1 && some < 8)
    }

    @Test func `a lease that is forgotten gives its batches back, and a lane with a loan is not lent from`() async throws {
        let spool = try fixture.open()
        try await spool.accept(fixture.lines(["a"]))
        try await spool.accept(fixture.lines(["b"]))
        do {
            guard let first = try await spool.lease(upToBytes: 1) else { throw NothingToLease() }
            // What comes after the loan would arrive without it.
            #expect(try await spool.peek().isEmpty)
            try await spool.accept(fixture.samples(1))
            #expect(try await spool.peek().map(\.lane) == [.metrics])
            #expect(first.batches.map(\.sequence) == [1])
        }
        #expect(try await spool.peek().map(\.messages) == [[], ["a"], ["b"]])
    }

    @Test func `what is acknowledged is gone, in this lane and no other`() async throws {
        let spool = try fixture.open()
        for text in ["a", "b", "c"] { try await spool.accept(fixture.lines([text])) }
        try await spool.accept(fixture.samples(1))
        _ = try await spool.peek()
        try await spool.acknowledge(Acknowledgement(lanes: [.logs: 2]))
        try await spool.acknowledge(Acknowledgement(lanes: [.logs: 2]))
        let rest = try await spool.peek()
        #expect(rest.map(\.lane) == [.metrics, .logs])
        #expect(rest.map(\.messages) == [[], ["c"]])
        #expect(try await spool.status().batches == [.alerts: 0, .metrics: 1, .logs: 1])
    }

    @Test func `an acknowledgement beyond what was sent frees nothing that was not sent`() async throws {
        let spool = try fixture.open()
        for text in ["a", "b", "c"] { try await spool.accept(fixture.lines([text])) }
        _ = try await spool.peek(upToBytes: 1)
        try await spool.acknowledge(Acknowledgement(lanes: [.logs: 3]))
        #expect(try await spool.peek().map(\.sequence) == [2, 3])
    }

    @Test func `positions, lines and judgement are stored together and are there after a restart`() async throws {
        let position = ReadPosition(path: "/var/log/a.log", device: .max, inode: 7, offset: 100, headHash: .max - 1, headLength: 64)
        let read = ReadRange(path: "/var/log/a.log", device: .max, inode: 7, from: 0, to: 100)
        let judgement = JudgementState(alerts: [fixture.alert("Pending", .pending)], patternMatches: ["oom": 3, "panic": 0])
        let identity: HostIdentity
        do {
            let spool = try fixture.open()
            identity = try await spool.identity()
            #expect(try await spool.checkpoint() == Checkpoint())
            var intake = fixture.lines(["a"])
            (intake.positions, intake.reads, intake.judgement, intake.notes) = ([position], [read], judgement, ["journal": "s=1", "told": "a"])
            try await spool.accept(intake)
            await spool.close()
        }
        let spool = try fixture.open()
        #expect(try await spool.identity() == identity)
        let expected = Checkpoint(
            positions: [position],
            alerts: judgement.alerts,
            patternMatches: judgement.patternMatches,
            notes: ["journal": "s=1", "told": "a"]
        )
        #expect(try await spool.checkpoint() == expected)
        #expect(try await spool.peek().map(\.reads) == [[read]])

        var finished = position
        finished.isFinished = true
        try await spool.accept(
            Intake(positions: [finished], judgement: JudgementState(alerts: [], patternMatches: ["oom": 4]), notes: ["journal": "s=2", "told": ""])
        )
        #expect(try await spool.checkpoint() == Checkpoint(patternMatches: ["oom": 4], notes: ["journal": "s=2"]))
    }

    @Test func `a kill between two moments leaves all that was accepted before, lines and positions alike`() async throws {
        let spool = try fixture.open()
        var copies: [String] = []
        for number in 1...10 {
            var intake = fixture.lines(["line \(number)"])
            intake.positions = [ReadPosition(path: "/a", device: 1, inode: 2, offset: UInt64(number))]
            try await spool.accept(intake)
            copies.append(try fixture.copyAsKilled(to: "killed-\(number)"))
        }
        for (index, copy) in copies.enumerated() {
            let killed = try fixture.open(at: copy)
            #expect(try await killed.checkpoint().positions.map(\.offset) == [UInt64(index + 1)])
            #expect(try await killed.peek().flatMap(\.messages) == (1...index + 1).map { "line \($0)" })
        }
    }

    @Test func `accepts at the same time share a commit and none is lost`() async throws {
        let spool = try fixture.open()
        let fixture = fixture
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 0..<200 { group.addTask { try await spool.accept(fixture.lines(["\(number)"])) } }
            try await group.waitForAll()
        }
        let batches = try await spool.drain()
        #expect(Set(batches.flatMap(\.messages)) == Set((0..<200).map { "\($0)" }))
        #expect(batches.map(\.sequence) == Array(1...UInt64(batches.count)))
    }

    @Test func `an intake larger than a batch is split, and its reads stand in the last part`() async throws {
        let spool = try fixture.open()
        let read = ReadRange(path: "/a", device: 1, inode: 1, from: 0, to: 3_000_000)
        var intake = Intake(events: (0..<30).map { fixture.line(SpoolFixture.noise(100_000, seed: $0)) })
        intake.reads = [read]
        try await spool.accept(intake)
        let batches = try await spool.peek()
        #expect(batches.count > 1)
        #expect(batches.flatMap(\.messages) == intake.events.map { $0.message ?? "" })
        #expect(batches.map(\.reads) == batches.dropLast().map { _ in [] } + [[read]])
    }

    @Test func `a waiter wakes when something comes, and when its task is cancelled`() async throws {
        let spool = try fixture.open()
        async let woken: Void = spool.waitForBatches()
        try await spool.accept(fixture.lines(["a"]))
        await woken
        _ = try await spool.drain()
        let task = Task { await spool.waitForBatches() }
        task.cancel()
        await task.value
    }

    @Test func `gaps of other rooms travel in the alerts lane and show in the status`() async throws {
        let spool = try fixture.open()
        let gap = Gap(source: "/a", reason: .truncated, from: fixture.time.now(), to: fixture.time.now(), detail: "the file became shorter")
        try await spool.accept(Intake(gaps: [gap]))
        let batches = try await spool.peek()
        #expect(batches.map(\.lane) == [.alerts])
        #expect(batches[0].gaps.count == 1)
        #expect(batches[0].gaps[0].contains(#""reason":"truncated""#))
        let status = try await spool.status()
        #expect(status.gapCounts == [.truncated: 1])
        #expect(status.recentGaps == [gap])
    }

    @Test func `a closed spool takes nothing more`() async throws {
        let spool = try fixture.open()
        await spool.close()
        await #expect(throws: SinkError.stopped) { try await spool.accept(fixture.lines(["a"])) }
    }

    @Test func `a second agent on the same spool is refused and told who has it`() throws {
        let first = try fixture.open()
        let error = #expect(throws: SpoolError.self) { try fixture.open() }
        #expect(error?.label.description == "locked")
        #expect(error?.description.contains("in use by another tocsin-agent (process ") == true)
        withExtendedLifetime(first) {}
    }

    @Test func `a spool of a newer version is refused and left alone`() async throws {
        await (try fixture.open()).close()
        do {
            let connection = try Connection(path: fixture.path + "/spool.db")
            try connection.execute("PRAGMA user_version = 99")
        }
        let error = #expect(throws: SpoolError.self) { try fixture.open() }
        #expect(error?.label.description == "newer_schema")
        let connection = try Connection(path: fixture.path + "/spool.db")
        #expect(try connection.pragma("user_version") == 99)
    }

    @Test func `its numbers are metrics`() async throws {
        let metrics = MetricsRegistry()
        let spool = try fixture.open(metrics: metrics)
        try await spool.accept(fixture.lines(["a"]))
        let samples = metrics.samples(at: fixture.time.now())
        func value(_ name: String, _ label: String? = nil) -> Double? {
            samples.first { $0.series.name == name && (label == nil || $0.series.pairs.contains { $0.value == label }) }?.value
        }
        #expect(value("tocsin_spool_max_bytes") == Double(512 << 20))
        #expect(try #require(value("tocsin_spool_bytes")) > 4096)
        #expect(value("tocsin_spool_batches", "logs") == 1)
        #expect(value("tocsin_spool_gaps", "spool_full") == 0)
    }
}
