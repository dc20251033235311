import Glibc
import Operating
import SQLite
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Storing

struct DurabilityTests {
    typealias F = LogFixture

    /// The suite holds it, or its folder would go with its last use.
    private let fixture: LogFixture

    init() throws { fixture = try LogFixture() }

    @Test func `a copy of the files at any moment holds all that was acknowledged before`() async throws {
        var fixture = fixture
        let log = try await fixture.open()
        for sequence in 1...20 as ClosedRange<UInt64> {
            _ = try await log.append(F.batch(sequence, [F.event("\(sequence)")]))
            guard sequence % 5 == 0 else { continue }
            let original = fixture.config.path
            fixture.config.path = try fixture.copyOfFiles()
            let copy = try await fixture.open()
            #expect(try await F.messages(copy) == (1...sequence).map(String.init))
            #expect(try await copy.watermarks(of: F.agent).lanes[.logs] == sequence)
            await copy.close()
            fixture.config.path = original
        }
    }

    @Test func `a WAL that is cut anywhere gives a prefix, watermark and data together`() async throws {
        var fixture = fixture
        let log = try await fixture.open()
        for sequence in 1...12 as ClosedRange<UInt64> { _ = try await log.append(F.batch(sequence, [F.event("\(sequence)")])) }
        let original = fixture.config.path
        let wal = try #require(TestFiles.bytes(original + "/log.db-wal"))
        var generator = SeededGenerator(seed: 7)
        for _ in 0..<12 {
            fixture.config.path = original
            let copy = try fixture.copyOfFiles()
            try TestFiles.write(Array(wal[..<Int.random(in: 0..<wal.count, using: &generator)]), to: copy + "/log.db-wal")
            fixture.config.path = copy
            let reopened = try await fixture.open()
            let messages = try await F.messages(reopened)
            #expect(messages == (0..<messages.count).map { "\($0 + 1)" })
            #expect(try await reopened.watermarks(of: F.agent).lanes[.logs] ?? 0 == UInt64(messages.count))
            await reopened.close()
        }
    }

    @Test func `kill -9 in the middle of traffic loses nothing that was acknowledged`() async throws {
        let (path, journal) = (fixture.config.path, fixture.folder("acknowledged"))
        await #expect(processExitsWith: .signal(SIGKILL)) { [path = path as String, journal = journal as String] in
            let config = StorageConfig(path: path, diskReserve: 0)
            let log = try await Log.open(
                config,
                newID: UUID(high: 1, low: 2),
                time: ManualTime(now: F.noon),
                metrics: MetricsRegistry(),
                logger: F.quiet
            )
            await withTaskGroup(of: Void.self) { group in
                for agent in 0..<8 as Range<UInt64> {
                    group.addTask {
                        for sequence in 1... as PartialRangeFrom<UInt64> {
                            let batch = F.batch(sequence, [F.event("\(agent)/\(sequence)")], agent: UUID(high: 5, low: agent))
                            guard case .stored? = try? await log.append(batch) else { return }
                            try? TestFiles.write("\(agent)/\(sequence)\n", to: journal, appending: true)
                            if sequence == 60 { kill(getpid(), SIGKILL) }
                        }
                    }
                }
            }
        }
        let acknowledged = Set((TestFiles.read(journal) ?? "").split(separator: "\n").map(String.init))
        #expect(acknowledged.count >= 59)
        let log = try await fixture.open()
        let messages = try await F.messages(log)
        #expect(acknowledged.subtracting(messages) == [])
        #expect(Set(messages).count == messages.count)
        for agent in 0..<8 as Range<UInt64> {
            let watermark = try await log.watermarks(of: UUID(high: 5, low: agent)).lanes[.logs] ?? 0
            #expect(watermark == UInt64(messages.filter { $0.hasPrefix("\(agent)/") }.count))
        }
    }

    @Test func `a failed sync stores nothing, reopens the file and goes on`() async throws {
        let fault = Fault()
        let log = try await fixture.open(Committer.Disk(freeBytes: { _ in nil }, beforeCommit: fault.check))
        _ = try await log.append(F.batch(1, [F.event("a")]))
        fault.isBroken.store(true, ordering: .relaxed)
        await #expect(throws: LogError.self) { try await log.append(F.batch(2, [F.event("b")])) }
        #expect(await log.status().problem != nil)
        fault.isBroken.store(false, ordering: .relaxed)
        #expect(try await F.messages(log) == ["a"])
        #expect(try await log.append(F.batch(2, [F.event("b")])) == .stored(ids: []))
        #expect(try await F.messages(log) == ["a", "b"])
        #expect(await log.status().problem == nil)
        #expect(fixture.counter("tocsin_log_reopened_total") == 1)
    }

    @Test func `below the disk's reserve nothing is taken and the sentence says so`() async throws {
        var fixture = fixture
        fixture.config.diskReserve = 1_000_000
        let box = Box(2_000_000)
        let log = try await fixture.open(Committer.Disk(freeBytes: { _ in box.value.load(ordering: .relaxed) }, beforeCommit: nil))
        _ = try await log.append(F.batch(1, [F.event("a")]))
        box.value.store(999_999, ordering: .relaxed)
        do {
            _ = try await log.append(F.batch(2, [F.event("b")]))
            Issue.record("it was taken")
        } catch {
            guard case .full(let sentence) = error else { throw error }
            #expect(sentence.contains("reserve"))
        }
        box.value.store(2_000_000, ordering: .relaxed)
        #expect(try await log.append(F.batch(2, [F.event("b")])) == .stored(ids: []))
    }

    @Test func `a second aggregator on the same folder is refused`() async throws {
        let log = try await fixture.open()
        await #expect(throws: LogError.self) { _ = try await fixture.open() }
        await log.close()
    }

    @Test func `a newer schema is refused and left alone`() async throws {
        await (try fixture.open()).close()
        try Connection(path: fixture.config.databasePath).execute("PRAGMA user_version = 99")
        do {
            _ = try await fixture.open()
            Issue.record("it was opened")
        } catch let error as LogError {
            #expect(error.description.contains("newer version"))
        }
        #expect(try Connection(path: fixture.config.databasePath).pragma("user_version") == 99)
    }

    @Test func `a file that is no database any more is moved aside, and the log goes on`() async throws {
        let log = try await fixture.open()
        for sequence in 1...3 as ClosedRange<UInt64> { _ = try await log.append(F.batch(sequence, [F.event("\(sequence)")])) }
        await log.close()
        try TestFiles.write([UInt8](repeating: 0x55, count: 8192), to: fixture.config.databasePath)
        // With its WAL the file would be whole again.
        TestFiles.removeTree(fixture.config.databasePath + "-wal")
        let again = try await fixture.open()
        #expect(try await again.append(F.batch(4, [F.event("4")])) == .stored(ids: []))
        #expect(try await F.messages(again) == ["4"])
        let gap = try #require(await again.page(after: 0, kinds: [.events], limit: 1).blocks.first)
        #expect(String(decoding: gap.bytes, as: UTF8.self).contains("gap.recorded"))
        #expect(TestFiles.exists(fixture.config.databasePath + ".corrupt-2026-11-01T12-00-00Z"))
    }

    @Test func `a damaged block is set aside and recorded, the others stay readable`() async throws {
        let log = try await fixture.open()
        for sequence in 1...3 as ClosedRange<UInt64> { _ = try await log.append(F.batch(sequence, [F.event("\(sequence)")])) }
        await log.close()
        try Connection(path: fixture.config.databasePath).execute("UPDATE arrivals SET bytes = zeroblob(100) WHERE position = 2")
        let again = try await fixture.open()
        #expect(try await F.messages(again) == ["1", "3"])
        #expect(await again.status().setAside == 1)
        let gap = try #require(await again.page(after: 3, kinds: [.events], limit: 1).blocks.first)
        #expect(String(decoding: gap.bytes, as: UTF8.self).contains("gap.recorded"))
        await again.close()
        let third = try await fixture.open()
        #expect(try await F.messages(third) == ["1", "3"])
        #expect(try await third.end() == 4)
    }
}

/// A disk that fails when it is told to.
final class Fault: Sendable {
    let isBroken = Atomic(false)

    func check(_ transaction: String) throws(SQLiteError) {
        if isBroken.load(ordering: .relaxed) {
            // SQLITE_IOERR_FSYNC
            throw SQLiteError(code: .sqlite(1034), message: "disk I/O error", sql: "COMMIT", path: "log.db")
        }
    }
}

final class Box: Sendable {
    let value: Atomic<UInt64>

    init(_ value: UInt64) { self.value = Atomic(value) }
}
