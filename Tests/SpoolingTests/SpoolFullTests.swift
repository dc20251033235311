import Glibc
import Spooling
import Telemetry
import TestSupport
import Testing

struct SpoolFullTests {
    let fixture: SpoolFixture
    init() throws { fixture = try SpoolFixture() }

    private static let maxBytes: UInt64 = 2 << 20

    /// Fills far beyond the limit with lines numbered from 0; returns their texts.
    private func overfill(_ spool: Spool, count: Int) async throws -> [String] {
        var texts: [String] = []
        for number in 0..<count {
            let text = "\(number) " + SpoolFixture.noise(12_500, seed: UInt64(number))
            texts.append(text)
            try await spool.accept(fixture.lines([text]))
            fixture.time.advance(by: .seconds(1))
        }
        return texts
    }

    @Test func `the oldest logs are given up, and a gap stands under their sequences`() async throws {
        let spool = try fixture.open(maxBytes: Self.maxBytes)
        let texts = try await overfill(spool, count: 400)
        let status = try await spool.status()
        #expect(status.bytes <= Self.maxBytes)
        #expect(status.gapCounts == [.spoolFull: 1])
        let gap = try #require(status.recentGaps.first)
        let batches = try await spool.drain(upToBytes: 1 << 20)
        // No sequence is missing; what is left is the end of what came, whole; the rest is in the gap.
        #expect(batches.map(\.sequence) == Array(1...400))
        let kept = batches.flatMap(\.messages)
        #expect(kept == Array(texts.suffix(kept.count)))
        #expect(Int(gap.count) == texts.count - kept.count)
        #expect(gap.source == "logs")
        let gaps = batches.flatMap(\.gaps)
        #expect(gaps.count == 1)
        #expect(gaps[0].contains("\"count\":\(gap.count)"))
        #expect(batches.firstIndex { !$0.gaps.isEmpty } == texts.count - kept.count - 1)
        #expect(kept.count > 100)
    }

    @Test func `alerts and metrics still find room, and logs do not touch their reserve`() async throws {
        let spool = try fixture.open(maxBytes: Self.maxBytes)
        try await spool.accept(fixture.samples(10))
        try await spool.accept(Intake(alerts: [fixture.alert("Early")]))
        _ = try await overfill(spool, count: 200)
        #expect(try await spool.status().bytes <= Self.maxBytes * 27 / 32)
        try await spool.accept(fixture.samples(500))
        try await spool.accept(Intake(alerts: [fixture.alert("Late")]))
        let batches = try await spool.peek()
        #expect(batches.filter { $0.lane == .alerts }.flatMap(\.alerts) == ["Early", "Late"])
        #expect(batches.filter { $0.lane == .metrics }.map(\.samples) == [10, 500])
    }

    @Test func `metrics beyond their reserve yield to logs, their reserve does not`() async throws {
        let spool = try fixture.open(maxBytes: Self.maxBytes)
        var generator = SeededGenerator(seed: 3)
        for _ in 0..<300 {
            let samples = (0..<1000).map { Sample("m", [Label("n", "\($0)")], at: fixture.time.now(), .random(in: 0...1, using: &generator)) }
            try await spool.accept(Intake(samples: samples))
        }
        let before = try await spool.status().batches[.metrics] ?? 0
        _ = try await overfill(spool, count: 200)
        let status = try await spool.status()
        let (metrics, logs) = (status.batches[.metrics] ?? 0, status.batches[.logs] ?? 0)
        #expect(metrics < before && metrics > 20)
        #expect(logs > 30)
        #expect(Set(status.recentGaps.map(\.source)) == ["metrics", "logs"])
        for lane in [Lane.metrics, .logs] {
            let sequences = try await spool.peek().filter { $0.lane == lane }.map(\.sequence)
            #expect(sequences == Array(1...UInt64(max(1, sequences.count))))
        }
    }

    @Test func `a gap that somebody has seen does not change any more`() async throws {
        let spool = try fixture.open(maxBytes: Self.maxBytes)
        _ = try await overfill(spool, count: 200)
        let seen = try await spool.peek(upToBytes: 1)
        let before = try await spool.peek(upToBytes: 30_000)
        _ = try await overfill(spool, count: 200)
        let after = try await spool.peek(upToBytes: 30_000)
        #expect(seen.count == 1)
        let gapAt = try #require(before.firstIndex { !$0.gaps.isEmpty })
        #expect(after.prefix(gapAt + 1) == before.prefix(gapAt + 1))
        let all = try await spool.drain(upToBytes: 1 << 20)
        #expect(all.map(\.sequence) == Array(1...400))
        #expect(all.flatMap(\.gaps).count == 2)
    }

    @Test func `part of a run can be acknowledged, also across a restart`() async throws {
        do {
            let spool = try fixture.open(maxBytes: Self.maxBytes)
            _ = try await overfill(spool, count: 400)
            _ = try await spool.peek()
            try await spool.acknowledge(Acknowledgement(lanes: [.logs: 5]))
            await spool.close()
        }
        let spool = try fixture.open(maxBytes: Self.maxBytes)
        let all = try await spool.drain()
        #expect(all.map(\.sequence) == Array(6...400))
        #expect(all.flatMap(\.gaps).count == 1)
    }

    @Test func `what is on loan is not given up: then the giver keeps its data and nothing is half stored`() async throws {
        let spool = try fixture.open(maxBytes: Self.maxBytes)
        let texts = try await overfill(spool, count: 100)
        do {
            guard let lease = try await spool.lease(upToBytes: 1 << 30) else { throw NothingToLease() }
            #expect(lease.batches.count == 100)
            var refused: SinkError?
            for number in 0..<100 where refused == nil {
                do throws(SinkError) {
                    var intake = fixture.lines(["late \(number) " + SpoolFixture.noise(50_000, seed: 7)])
                    intake.positions = [ReadPosition(path: "/a", device: 1, inode: 1, offset: UInt64(number))]
                    try await spool.accept(intake)
                } catch {
                    refused = error
                    // The position of the refused one is not stored either.
                    #expect(try await spool.checkpoint().positions.first.map { Int($0.offset) } ?? -1 == number - 1)
                }
            }
            // Later ones gave up earlier late ones, never those on loan; a large one found no room at last, or all found some.
            if let refused { #expect(refused.description.contains("raise spool.max_size")) }
        }
        #expect(try await spool.peek().prefix(100).flatMap(\.messages) == texts)
    }

    @Test(.enabled(if: geteuid() == 0)) func `a full disk is an error that says what to do, and nothing is half stored`() async throws {
        let disk = fixture.folder("disk")
        TestFiles.makeFolder(disk)
        guard unsafe mount("tmpfs", disk, "tmpfs", 0, "size=2m") == 0 else { return }
        defer { _ = unsafe umount2(disk, Int32(MNT_DETACH)) }
        let spool = try fixture.open(at: disk + "/spool")
        var stored = 0
        var failure: SinkError?
        while failure == nil {
            do throws(SinkError) {
                var intake = fixture.lines(["\(stored) " + SpoolFixture.noise(50_000, seed: UInt64(stored))])
                intake.positions = [ReadPosition(path: "/a", device: 1, inode: 1, offset: UInt64(stored + 1))]
                try await spool.accept(intake)
                stored += 1
            } catch { failure = error }
        }
        #expect(failure?.description.contains("free some space on the file system") == true)
        #expect(try await spool.peek().count == stored)
        #expect(try await spool.checkpoint().positions.map(\.offset) == [UInt64(stored)])
        // With room again it goes on by itself.
        #expect(unsafe mount("tmpfs", disk, "tmpfs", UInt(MS_REMOUNT), "size=20m") == 0)
        try await spool.accept(fixture.lines(["after"]))
        #expect(try await spool.drain().map(\.sequence) == Array(1...UInt64(stored + 1)))
    }
}
