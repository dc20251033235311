import Spooling
import Telemetry
import TestSupport
import Testing

/// A full spool: metrics in coarser steps first, then files wait, then the oldest goes.
struct SpoolPressureTests {
    let fixture: SpoolFixture
    init() throws { fixture = try SpoolFixture() }

    private static let maxBytes: UInt64 = 2 << 20
    private static let seriesCount = 300

    /// Collections ten seconds apart; returns how many samples that were.
    private func collect(_ spool: Spool, times: Int) async throws -> Int {
        var generator = SeededGenerator(seed: 5)
        for _ in 0..<times {
            let samples = (0..<Self.seriesCount).map { number in
                Sample("m", [Label("n", "\(number)")], at: fixture.time.now(), .random(in: 0...1, using: &generator))
            }
            try await spool.accept(Intake(samples: samples))
            fixture.time.advance(by: .seconds(10))
        }
        return times * Self.seriesCount
    }

    private func file(_ text: String, at offset: UInt64) -> Intake {
        var intake = fixture.lines([text])
        intake.positions = [ReadPosition(path: "/a", device: 1, inode: 1, offset: offset)]
        return intake
    }

    @Test func `metrics are kept in coarser steps, each series to the end, and what is left out is counted`() async throws {
        let spool = try fixture.open(maxBytes: Self.maxBytes)
        let written = try await collect(spool, times: 1500)
        let status = try await spool.status()
        #expect(status.bytes <= Self.maxBytes)
        #expect(status.gapCounts[.spoolFull] == nil, "thinning is enough: nothing had to be given up whole")
        #expect((status.gapCounts[.thinned] ?? 0) > 0)
        let batches = try await spool.drain()
        #expect(batches.map(\.sequence) == Array(1...1500))
        let missing = batches.flatMap(\.gaps).reduce(0) { $0 + Self.count(in: $1) }
        #expect(batches.reduce(0) { $0 + $1.samples } + missing == written)
        let gaps: [String] = batches.flatMap(\.gaps)
        #expect(gaps.allSatisfy { $0.contains("\"thinned\"") })
        // The newest are whole.
        #expect(batches.suffix(20).allSatisfy { $0.samples == Self.seriesCount })
    }

    @Test func `what may have been sent is not thinned`() async throws {
        let spool = try fixture.open(maxBytes: Self.maxBytes)
        _ = try await collect(spool, times: 50)
        let sent = try await spool.peek()
        _ = try await collect(spool, times: 1000)
        #expect(try await spool.peek().prefix(50) == sent[...])
        // Nor after a restart: the file knows.
        await spool.close()
        let again = try fixture.open(maxBytes: Self.maxBytes)
        _ = try await collect(again, times: 500)
        #expect(try await again.peek().prefix(50) == sent[...])
    }

    @Test func `lines of files wait when there is no room, and are taken when there is`() async throws {
        let spool = try fixture.open(maxBytes: Self.maxBytes)
        var (stored, failure) = (0, SinkError?.none)
        while failure == nil {
            do throws(SinkError) {
                try await spool.accept(file("\(stored) " + SpoolFixture.noise(20_000, seed: UInt64(stored)), at: UInt64(stored + 1)))
                stored += 1
            } catch { failure = error }
        }
        #expect(failure?.description.contains("raise spool.max_size") == true)
        #expect(try await spool.status().logsWait != nil)
        #expect(try await spool.status().gapCounts.isEmpty)
        #expect(try await spool.checkpoint().positions.map(\.offset) == [UInt64(stored)])
        // Alerts and metrics have their reserve, and lines that cannot wait displace the oldest.
        try await spool.accept(Intake(alerts: [fixture.alert("Late")]))
        try await spool.accept(fixture.samples(10))
        try await spool.accept(fixture.lines(["from a socket " + SpoolFixture.noise(20_000, seed: 99)]))
        #expect(try await spool.status().gapCounts == [.spoolFull: 1])
        let messages = try await spool.drain(upToBytes: 200_000).flatMap(\.messages)
        #expect(messages.last?.hasPrefix("from a socket") == true)
        try await spool.accept(file("again", at: 1 << 20))
        #expect(try await spool.status().logsWait == nil)
        #expect(try await spool.drain().flatMap(\.messages) == ["again"])
    }

    @Test func `where it is allowed the oldest lines of files are given up for the newest`() async throws {
        let config = SpoolConfig(path: fixture.path, maxBytes: Self.maxBytes, whenFull: .dropOldest)
        let spool = try Spool(config: config, host: "web-1", time: fixture.time)
        for number in 0..<300 {
            try await spool.accept(file("\(number) " + SpoolFixture.noise(20_000, seed: UInt64(number)), at: UInt64(number + 1)))
        }
        let batches = try await spool.drain(upToBytes: 1 << 20)
        let kept = batches.flatMap(\.messages)
        #expect(kept.last?.hasPrefix("299 ") == true)
        #expect(kept.count + batches.flatMap(\.gaps).reduce(0) { $0 + Self.count(in: $1) } == 300)
    }

    @Test func `the file shrinks again after a backlog`() async throws {
        let spool = try fixture.open()
        for number in 0..<400 { try await spool.accept(fixture.lines([SpoolFixture.noise(100_000, seed: UInt64(number))])) }
        let before = try SpoolFile(fixture.path).count("PRAGMA page_count")
        _ = try await spool.drain(upToBytes: 1 << 20)
        let upkeep = SpoolUpkeep(spool, time: fixture.time)
        let task = Task { try await upkeep.run() }
        var pages = before
        while pages * 4 > before {
            await fixture.time.waitForSleepers()
            fixture.time.advance(by: .milliseconds(100))
            pages = try SpoolFile(fixture.path).count("PRAGMA page_count")
        }
        task.cancel()
        _ = await task.result
        #expect(pages < before / 4)
        #expect(try SpoolInspector(folder: fixture.path).check().problems == [])
    }

    static func count(in gap: String) -> Int {
        guard let start = gap.firstRange(of: "\"count\":") else { return 0 }
        return Int(gap[start.upperBound...].prefix { $0.isNumber }) ?? 0
    }
}
