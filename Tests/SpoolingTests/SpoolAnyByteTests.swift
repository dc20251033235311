import Glibc
import Logging
import SQLite
import Spooling
import Telemetry
import TestSupport
import Testing

/// Any byte of a spool's file turned over, any page emptied, the file cut at any place: the agent goes on, and each line is stored or counted in a gap.
@Suite(.serialized) struct SpoolAnyByteTests {
    static let linesPerBatch = 5
    static let batches = 60

    /// What happens to a file, by a number drawn at random.
    enum Damage: String, Sendable, CaseIterable { case byte, page, cut }

    @Test(arguments: Damage.allCases)
    func `whatever is damaged, written is stored or in gaps, and nothing twice`(damage: Damage) async throws {
        let fixture = try SpoolFixture()
        let delivered = MemoryAggregator()
        let written = try await fill(fixture, delivered)
        let original = try #require(TestFiles.bytes(fixture.path + "/spool.db"))
        // `make test-agent-faults` takes more of them; each ordinary run takes other ones.
        let times = unsafe getenv("TOCSIN_EVERY_STEP") != nil ? 400 : 8
        let seed = UInt64.random(in: 1...(.max))
        var generator = SeededGenerator(seed: seed)
        var (stored, inGaps, setAside, flagged, readAgain) = (0, UInt64(0), 0, 0, 0)
        for _ in 0..<times {
            let offset = Int.random(in: 0..<original.count, using: &generator)
            let outcome = try await run(fixture, original, damage, at: offset, bits: UInt8.random(in: 1...255, using: &generator))
            let what = "\(damage) at \(offset) of \(original.count) (seed \(seed))"
            let lost = written - outcome.messages.count - delivered.messages.count
            let again = outcome.messages.keys.count { delivered.messages[$0] != nil }
            #expect(outcome.duplicates == 0, "\(what): twice in the store")
            if outcome.saysPositionsAreLost {
                flagged += 1
                readAgain += again
            }
            // Where both copies of the read positions were cut off, files are read again from where they begin, and that is said.
            #expect(again == 0 || (damage == .cut && outcome.saysPositionsAreLost), "\(what): delivered before, and again")
            let counted = Int(outcome.inGaps["logs"] ?? 0)
            // Where batches and their ledger were cut off, the gap says how many batches; how many lines that were nobody knows.
            let isKnown = damage != .cut || outcome.gapReasons["corrupt"] == nil
            #expect(lost == counted || !isKnown, "\(what): \(lost) lines are missing, gaps say \(counted) \(outcome.gapReasons)")
            stored += outcome.messages.count + delivered.messages.count
            inGaps += outcome.inGaps["logs"] ?? 0
            setAside += outcome.gapReasons.isEmpty ? 0 : 1
        }
        print(
            "| spool damaged: \(damage) | \(times) (noticed \(setAside)) | \(written * times) | \(stored) | \(inGaps) | 0 | \(readAgain) (said \(flagged) times) |"
        )
    }

    @Test func `the write-ahead log damaged anywhere before its last commit: what is lost of it is told, and nothing comes twice`() async throws {
        let times = unsafe getenv("TOCSIN_EVERY_STEP") != nil ? 400 : 12
        let seed = UInt64.random(in: 1...(.max))
        var generator = SeededGenerator(seed: seed)
        var (stored, inGaps, noticed) = (0, UInt64(0), 0)
        // The commit that settles where files stand is among the first frames: without it the file says that nothing was ever read.
        let first = (0..<6).map { 32 + $0 * (24 + 4096) + 24 + 3249 }
        for index in 0..<(first.count + times) {
            let fixture = try SpoolFixture()
            let aggregator = MemoryAggregator()
            let spool = try fixture.open()
            // The first agent of this host: there is nothing to ask for.
            try await spool.accept(Intake(notes: [FileMemory.note: ""]))
            var next = 0
            // Delivered or not, in any order; the pages of the first commits are in the file already.
            while next < Self.batches {
                try await spool.accept(Self.intake(fixture, next))
                next += 1
                if Bool.random(using: &generator) { _ = try await aggregator.receive(from: spool) }
            }
            let path = try fixture.copyAsKilled(to: "killed")
            await spool.close()
            var log = try #require(TestFiles.bytes(path + "/spool.db-wal"))
            let whole = WriteAheadLog(path: path + "/spool.db-wal", pageBytes: 4096)
            #expect(!whole.hidesCommits)
            let end = 32 + whole.committedFrames * (24 + 4096)
            let offset = index < first.count ? first[index] : Int.random(in: 0..<end, using: &generator)
            log[offset] ^= UInt8.random(in: 1...255, using: &generator)
            try TestFiles.write(log, to: path + "/spool.db-wal")
            let hides = WriteAheadLog(path: path + "/spool.db-wal", pageBytes: 4096).hidesCommits
            let what = "byte \(offset) of \(end) (seed \(seed))"
            let again = try fixture.open(at: path)
            let isTold = try await again.fileMemory() == .salvaged
            if hides { #expect(isTold, "\(what): not noticed") }
            noticed += isTold ? 1 : 0
            // As Tailing does: the aggregator may know more than the spool.
            var from = Int(try await again.checkpoint().positions.first?.offset ?? 0)
            if isTold { from = max(from, aggregator.messages.count / Self.linesPerBatch) }
            for batch in from..<Self.batches { try await again.accept(Self.intake(fixture, batch)) }
            while try await aggregator.receive(from: again) {}
            await again.close()
            let lost = Self.batches * Self.linesPerBatch - aggregator.messages.count
            #expect(lost == Int(aggregator.inGaps["logs"] ?? 0), "\(what): \(lost) lost, gaps say \(aggregator.inGaps)")
            // The last commit alone cannot be told from one that never was.
            #expect(aggregator.duplicates == 0 || !hides, "\(what): \(aggregator.duplicates) twice")
            stored += aggregator.messages.count
            inGaps += aggregator.inGaps["logs"] ?? 0
        }
        let written = (first.count + times) * Self.batches * Self.linesPerBatch
        print("| spool's log damaged | \(first.count + times) (noticed \(noticed)) | \(written) | \(stored) | \(inGaps) | 0 | 0 |")
    }

    /// Lines of a file, of which some are delivered; the last of them goes into the spool after the damage.
    private func fill(_ fixture: SpoolFixture, _ aggregator: MemoryAggregator) async throws -> Int {
        let spool = try fixture.open()
        for batch in 0..<Self.batches {
            try await spool.accept(Self.intake(fixture, batch))
            if batch % 10 == 0 { try await spool.accept(fixture.samples(20)) }
            if batch == 20 { for _ in 0..<10 { _ = try await aggregator.receive(from: spool) } }
        }
        await spool.close()
        unsafe unlink(fixture.path + "/spool.db-wal")
        return Self.batches * Self.linesPerBatch
    }

    private static func intake(_ fixture: SpoolFixture, _ batch: Int) -> Intake {
        let lines = (0..<linesPerBatch).map { "line \(batch).\($0) " + SpoolFixture.noise(700, seed: UInt64(batch * 100 + $0)) }
        var intake = fixture.lines(lines)
        intake.positions = [ReadPosition(path: "/a", device: 1, inode: 1, offset: UInt64(batch + 1))]
        return intake
    }

    private func run(_ fixture: SpoolFixture, _ original: [UInt8], _ damage: Damage, at offset: Int, bits: UInt8) async throws -> MemoryAggregator {
        let folder = fixture.folder("damaged")
        TestFiles.makeFolder(folder)
        defer { TestFiles.removeTree(folder) }
        var bytes = original
        switch damage {
        case .byte: bytes[offset] ^= bits
        case .page: for index in (offset / 4096 * 4096)..<(offset / 4096 + 1) * 4096 { bytes[index] = bits }
        case .cut: bytes.removeSubrange(offset...)
        }
        try TestFiles.write(bytes, to: folder + "/spool.db")
        let quiet = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        let spool = try Spool(config: SpoolConfig(path: folder), host: "web-1", tags: ["test"], time: fixture.time, logger: quiet)
        let aggregator = MemoryAggregator()
        // As Tailing does: from where the spool says.
        var next = Int(try await spool.checkpoint().positions.first?.offset ?? 0)
        while next < Self.batches {
            try await spool.accept(Self.intake(fixture, next))
            next += 1
        }
        while try await aggregator.receive(from: spool) {}
        // It goes on: what comes is stored and sent.
        try await spool.accept(fixture.lines(["after"]))
        while try await aggregator.receive(from: spool) {}
        #expect(aggregator.messages["after"] == 1, "after the damage nothing is delivered any more")
        await spool.close()
        aggregator.forget("after")
        return aggregator
    }
}
