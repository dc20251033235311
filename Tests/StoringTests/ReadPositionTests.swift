import Blocks
import SQLite
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// How far agents' files are stored, for an agent whose spool was lost.
struct ReadPositionTests {
    typealias F = LogFixture

    private var fixture: LogFixture
    private static let other = UUID(high: 0x1111_2222_3333_7444, low: 0x8555_6666_7777_9999)

    init() throws { fixture = try LogFixture() }

    private func read(_ path: String = "/var/log/app.log", inode: UInt64 = 7, to offset: UInt64, from: UInt64 = 0) -> ReadRange {
        let position = ReadPosition(path: path, device: 66, inode: inode, offset: offset, headHash: 11, headLength: 5, tailHash: 13, tailLength: 6)
        return ReadRange(from: from, to: position)
    }

    private func batch(_ sequence: UInt64, _ reads: [ReadRange], agent: UUID = F.agent, at moment: Timestamp = F.noon) -> AdmittedBatch {
        var batch = F.batch(sequence, [F.event("line \(sequence)")], agent: agent, receivedAt: moment)
        batch.reads = reads
        return batch
    }

    private func offsets(_ log: Log) async throws -> [String: UInt64] {
        let known = try await log.knownFiles(of: "web-1", askedBy: [Self.other])
        return Dictionary(known.positions.map { ("\($0.path) \($0.inode)", $0.offset) }, uniquingKeysWith: max)
    }

    @Test func `the newest position of each file comes back as it was told`() async throws {
        let log = try await fixture.open()
        _ = try await log.append([batch(1, [read(to: 100)]), batch(2, [read(to: 250, from: 100), read("/b", inode: .max, to: 9)])])
        let known = try await log.knownFiles(of: "web-1", askedBy: [Self.other])
        #expect(known.hasEarlierAgent)
        #expect(known.notedAt == F.noon)
        #expect(
            known.positions == [
                ReadPosition(path: "/b", device: 66, inode: .max, offset: 9, headHash: 11, headLength: 5, tailHash: 13, tailLength: 6),
                ReadPosition(path: "/var/log/app.log", device: 66, inode: 7, offset: 250, headHash: 11, headLength: 5, tailHash: 13, tailLength: 6),
            ]
        )
        #expect(try await log.knownFiles(of: "web-2", askedBy: [Self.other]) == KnownFiles(hasEarlierAgent: false))
        await log.close()
    }

    @Test func `what an agent delivered itself does not make it a second one`() async throws {
        let log = try await fixture.open()
        _ = try await log.append(batch(1, [read(to: 100)]))
        #expect(try await log.knownFiles(of: "web-1", askedBy: [F.agent]) == KnownFiles(hasEarlierAgent: false))
        // A second agent has read on meanwhile, and asks late: it hears where the first one stood.
        _ = try await log.append(batch(1, [read(to: 500)], agent: Self.other, at: F.noon.advanced(by: .seconds(1))))
        #expect(try await offsets(log) == ["/var/log/app.log 7": 100])
        // Both ids are one agent's.
        #expect(try await log.knownFiles(of: "web-1", askedBy: [F.agent, Self.other]) == KnownFiles(hasEarlierAgent: false))
        let third = UUID(high: 7, low: 7)
        #expect(try await log.knownFiles(of: "web-1", askedBy: [third]).positions.map(\.offset) == [500])
        await log.close()
    }

    @Test func `a batch that is not stored moves no position`() async throws {
        let log = try await fixture.open()
        _ = try await log.append(batch(1, [read(to: 100)]))
        _ = try await log.append(batch(2, [read(to: 200)]))
        #expect(try await log.append(batch(1, [read(to: 999)])) == .repeated(ids: []))
        #expect(try await log.append(batch(9, [read(to: 999)])) == .outOfOrder(expected: 3))
        #expect(try await offsets(log) == ["/var/log/app.log 7": 200])
        await log.close()
    }

    @Test func `a finished file is forgotten, and one without marks is not noted`() async throws {
        let log = try await fixture.open()
        _ = try await log.append(batch(1, [read(to: 100), ReadRange(path: "/old", device: 1, inode: 1, from: 0, to: 5)]))
        var done = read(to: 100, from: 100)
        done.isFinished = true
        #expect(try await offsets(log).count == 1)
        _ = try await log.append(batch(2, [done]))
        #expect(try await offsets(log).isEmpty)
        await log.close()
    }

    @Test func `positions survive a kill`() async throws {
        let log = try await fixture.open()
        _ = try await log.append(batch(1, [read(to: 100)]))
        var copy = try LogFixture()
        copy.config.path = try fixture.copyOfFiles()
        let killed = try await copy.open()
        #expect(try await offsets(killed) == ["/var/log/app.log 7": 100])
        await killed.close()
        await log.close()
    }

    @Test func `positions survive a journal that is written anew`() async throws {
        let log = try await fixture.open()
        for sequence in 1...20 as ClosedRange<UInt64> { _ = try await log.append(batch(sequence, [read(to: sequence * 100)])) }
        try await log.sealAll()
        await log.close()
        // The directory says what the segments do not confirm: set aside, and written again from what can be read of it.
        let connection = try Connection(path: fixture.config.databasePath, options: LogSchema.connectionOptions())
        try connection.execute("UPDATE sealed SET length = length + 1")
        try connection.checkpoint(.truncate)
        let again = try await fixture.open()
        #expect(try await offsets(again) == ["/var/log/app.log 7": 2000])
        #expect(try await again.knownFiles(of: "web-1", askedBy: [Self.other]).hasEarlierAgent)
        await again.close()
    }

    @Test func `a log in memory knows them, too`() async throws {
        var config = StorageConfig(path: ":memory:", diskReserve: 0)
        config.diskReserve = 0
        let log = try await Log.open(config, newID: Self.other, time: fixture.time, metrics: fixture.metrics, logger: F.quiet)
        _ = try await log.append(batch(1, [read(to: 100)]))
        #expect(try await offsets(log) == ["/var/log/app.log 7": 100])
        await log.close()
    }

    @Test func `a host keeps as many positions as it may have, the newest, and each for its time`() async throws {
        let log = try await fixture.open()
        let many = LogTables.positionsPerHostMax
        let later = F.noon.advanced(by: .seconds(60))
        _ = try await log.append(batch(1, (0..<many).map { read("/a/\($0)", inode: UInt64($0), to: 10) }))
        _ = try await log.append(batch(2, [read("/new", inode: 1 << 40, to: 10)], at: later))
        let offsets = try await offsets(log)
        #expect(offsets.count == many)
        #expect(offsets["/new \(1 << 40)"] == 10)
        fixture.time.advance(by: LogTables.positionsKept + .seconds(30))
        for _ in 0...many / 1000 { _ = try await log.retain() }
        #expect(try await self.offsets(log) == ["/new \(1 << 40)": 10])
        await log.close()
    }
}
