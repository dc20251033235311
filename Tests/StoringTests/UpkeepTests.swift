import SQLite
import Sealing
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// Verify, backup and restore, on logs that are open.
struct UpkeepTests {
    typealias F = LogFixture

    private let fixture: LogFixture

    init() throws {
        fixture = try LogFixture()
    }

    /// Sealed blocks of events, and arrivals that are not sealed.
    private func filled() async throws -> Log {
        let log = try await fixture.open()
        for sequence in 1...6 as ClosedRange<UInt64> { _ = try await log.append(F.batch(sequence, [F.event("sealed \(sequence)"), F.event("b")])) }
        try await log.sealAll()
        for sequence in 7...9 as ClosedRange<UInt64> { _ = try await log.append(F.batch(sequence, [F.event("waits \(sequence)")])) }
        return log
    }

    private var segment: String { fixture.config.segmentsPath + "/00000001.blocks" }

    @Test func `a sound log is called so while it is open`() async throws {
        let log = try await filled()
        let report = try LogInspector.verify(fixture.config.path)
        #expect(report.isSound, "\(report.findings)")
        #expect((report.rows, report.sealedBlocks, report.arrivals, report.end) == (15, 1, 3, 9))
        await log.close()
    }

    @Test func `arrivals that fill a block wait a moment for who follows the log, but not where memory asks for room`() async throws {
        var fixture = fixture
        let full = (1...17).map { sequence in F.batch(UInt64(sequence), (0..<4000).map { F.event("\($0)") }) }
        do {
            let log = try await fixture.open()
            _ = try await log.append(full)
            #expect(try await !log.sealer.sealOnce())
            fixture.time.advance(by: .milliseconds(249))
            #expect(try await !log.sealer.sealOnce())
            fixture.time.advance(by: .milliseconds(1))
            #expect(try await log.sealer.sealOnce())
            #expect(log.catalog().sealed.map(\.count) == [64_000])
            await log.close()
        }
        fixture.config.path = fixture.folder("small")
        fixture.config.arrivalBytesMax = 3000
        let log = try await fixture.open()
        _ = try await log.append([full[0]])
        #expect(try await log.sealer.sealOnce())
        await log.close()
    }

    @Test func `one bit turned anywhere in a sealed block is found and named`() async throws {
        let log = try await filled()
        await log.close()
        let bytes = try #require(TestFiles.bytes(segment))
        let row = try #require(try JournalSnapshot(fixture.config.databasePath).sealed.first?.row)
        var missed: [Int] = []
        for offset in row.range {
            var damaged = bytes
            damaged[offset] ^= 0x10
            try TestFiles.write(damaged, to: segment)
            let report = try LogInspector.verify(fixture.config.path)
            guard let finding = report.findings.first else {
                missed.append(offset)
                continue
            }
            #expect(finding.kind == .block && finding.rows == 12 && finding.bytes == row.range)
            #expect(finding.meaning.contains("12 rows"))
        }
        #expect(missed == [], "bytes whose damage is not noticed")
    }

    @Test func `a segment that is missing or cut, and a damaged arrival, are told apart`() async throws {
        let log = try await filled()
        await log.close()
        let bytes = try #require(TestFiles.bytes(segment))
        try TestFiles.write(Array(bytes[..<100]), to: segment)
        #expect(try LogInspector.verify(fixture.config.path).findings.map(\.kind) == [.cutSegment])
        TestFiles.removeTree(segment)
        #expect(try LogInspector.verify(fixture.config.path).findings.map(\.kind) == [.missingSegment])
        try TestFiles.write(bytes, to: segment)
        try TestFiles.write([1, 2, 3], to: fixture.config.segmentsPath + "/00000099.blocks")
        try Connection(path: fixture.config.databasePath).execute("UPDATE arrivals SET bytes = zeroblob(60) WHERE position = 8")
        let report = try LogInspector.verify(fixture.config.path)
        #expect(report.findings.map(\.kind) == [.arrival])
        #expect(report.findings.first?.number == 8)
        #expect(report.leftovers == ["segments/00000099.blocks: named by nobody"])
    }

    @Test func `what is no log cannot be checked and says so`() throws {
        #expect(throws: LogError.self) { try LogInspector.verify(fixture.folder("nothing")) }
    }

    @Test func `a backup of an open log holds what was acknowledged, and nothing that came later`() async throws {
        var fixture = fixture
        let log = try await filled()
        let expected = try await F.messages(log)
        let manifest = try LogBackup.take(of: fixture.config.path, to: fixture.folder("backup"), now: F.noon)
        #expect((manifest.rows, manifest.end) == (15, 9))
        _ = try await log.append(F.batch(10, [F.event("later")]))
        try await log.sealAll()
        await log.close()
        let restored = fixture.folder("restored")
        #expect(try LogBackup.restore(fixture.folder("backup"), to: restored) == manifest)
        #expect(try LogInspector.verify(restored).isSound)
        fixture.config.path = restored
        let copy = try await fixture.open()
        #expect(try await F.messages(copy) == expected)
        #expect(try await copy.watermarks(of: F.agent).lanes[.logs] == 9)
        #expect(try await copy.append(F.batch(10, [F.event("goes on")])) == .stored(ids: []))
        await copy.close()
    }

    @Test func `backups taken in the middle of traffic and sealing are each a whole log`() async throws {
        var fixture = fixture
        let original = fixture.config.path
        let log = try await fixture.open()
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask {
                for sequence in 1...200 as ClosedRange<UInt64> {
                    _ = try await log.append(F.batch(sequence, [F.event("\(sequence)")]))
                    if sequence % 20 == 0 { try await log.sealAll() }
                }
            }
            for number in 0..<6 {
                let acknowledged = try await log.end()
                let manifest = try LogBackup.take(of: original, to: fixture.folder("backup-\(number)"), now: F.noon)
                #expect(manifest.end >= acknowledged)
            }
            try await group.waitForAll()
        }
        await log.close()
        for number in 0..<6 {
            let restored = fixture.folder("restored-\(number)")
            let manifest = try LogBackup.restore(fixture.folder("backup-\(number)"), to: restored)
            #expect(try LogInspector.verify(restored).isSound)
            fixture.config.path = restored
            let copy = try await fixture.open()
            let messages = try await F.messages(copy)
            #expect(messages == (0..<messages.count).map { "\($0 + 1)" })
            #expect(messages.count == manifest.rows)
            await copy.close()
        }
    }

    @Test func `a backup is never written over anything, nor restored over a log`() async throws {
        let log = try await filled()
        _ = try LogBackup.take(of: fixture.config.path, to: fixture.folder("backup"), now: F.noon)
        #expect(throws: LogError.self) { try LogBackup.take(of: fixture.config.path, to: fixture.folder("backup"), now: F.noon) }
        #expect(throws: LogError.self) { try LogBackup.restore(fixture.folder("backup"), to: fixture.config.path) }
        await log.close()
    }

    @Test func `a backup that is damaged or not complete is refused`() async throws {
        await (try await filled()).close()
        let backup = fixture.folder("backup")
        _ = try LogBackup.take(of: fixture.config.path, to: backup, now: F.noon)
        let segment = backup + "/segments/00000001.blocks"
        var bytes = try #require(TestFiles.bytes(segment))
        bytes[bytes.count / 2] ^= 1
        try TestFiles.write(bytes, to: segment)
        #expect(throws: LogError.self) { try LogBackup.restore(backup, to: fixture.folder("restored")) }
        #expect(!TestFiles.exists(fixture.folder("restored") + "/log.db"))
        TestFiles.removeTree(backup + "/backup.json")
        #expect(throws: LogError.self) { try LogBackup.restore(backup, to: fixture.folder("again")) }
    }
}
