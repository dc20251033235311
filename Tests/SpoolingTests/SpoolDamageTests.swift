import Glibc
import Spooling
import Telemetry
import TestSupport
import Testing

struct SpoolDamageTests {
    let fixture: SpoolFixture
    init() throws { fixture = try SpoolFixture() }

    private var position: ReadPosition { ReadPosition(path: "/a", device: 1, inode: 2, offset: 42) }

    private func fill() async throws -> HostIdentity {
        let spool = try fixture.open()
        for number in 0..<50 {
            var intake = fixture.lines([SpoolFixture.noise(10_000, seed: UInt64(number))])
            intake.positions = [position]
            try await spool.accept(intake)
        }
        let identity = try await spool.identity()
        await spool.close()
        return identity
    }

    private func setAside() -> [String] {
        guard let folder = unsafe opendir(fixture.path) else { return [] }
        defer { unsafe closedir(folder) }
        var names: [String] = []
        while let entry = unsafe readdir(folder) {
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) { pointer in
                unsafe pointer.withMemoryRebound(to: CChar.self, capacity: 256) { unsafe String(cString: $0) }
            }
            if name.contains(".corrupt-") { names.append(name) }
        }
        return names
    }

    @Test func `a file that is no database is set aside, and a new spool says so`() async throws {
        let before = try await fill()
        try TestFiles.write([UInt8](repeating: 0x5A, count: 100_000), to: fixture.path + "/spool.db")
        unlinkLog()
        let spool = try fixture.open()
        #expect(try await spool.identity().agent != before.agent)
        let status = try await spool.status()
        #expect(status.gapCounts == [.corrupt: 1])
        #expect(status.recentGaps[0].detail.contains("spool.db.corrupt-20260101T000000Z"))
        #expect(setAside().contains("spool.db.corrupt-20260101T000000Z"))
        try await spool.accept(fixture.lines(["after"]))
        let batches = try await spool.drain()
        #expect(batches.map(\.lane) == [.alerts, .logs])
        #expect(batches.map(\.sequence) == [1, 1])
        #expect(batches[0].gaps.count == 1)
    }

    @Test func `read positions are saved from a file of which only other parts are damaged`() async throws {
        _ = try await fill()
        // The lane table's page, found by its place in the schema: all that is known of it makes no sense afterwards.
        var bytes = try #require(TestFiles.bytes(fixture.path + "/spool.db"))
        // Page 3 is the table `lane` (1: schema, 2: pointer map of auto_vacuum, 3: meta, 4: lane).
        for index in 3 * 4096..<4 * 4096 { bytes[index] = 0xFF }
        try TestFiles.write(bytes, to: fixture.path + "/spool.db")
        unlinkLog()
        let spool = try fixture.open()
        #expect(try await spool.checkpoint().positions == [position])
        #expect(try await spool.status().gapCounts[.corrupt] == 1)
        #expect(try SpoolInspector(folder: fixture.path).check().problems == [])
    }

    private func unlinkLog() {
        unsafe unlink(fixture.path + "/spool.db-wal")
        unsafe unlink(fixture.path + "/spool.db-shm")
    }

    @Test func `damage found while running sets the file aside and carries on with what is known`() async throws {
        let identity = try await fill()
        var bytes = try #require(TestFiles.bytes(fixture.path + "/spool.db"))
        // All pages past the first ten: those of the batches, not those of the other tables.
        for page in 18..<bytes.count / 4096 { for index in 0..<16 { bytes[page * 4096 + index] = 0xFF } }
        try TestFiles.write(bytes, to: fixture.path + "/spool.db")
        unlinkLog()
        let spool = try fixture.open()
        #expect(try await spool.identity() == identity)
        let batches = try await spool.drain()
        #expect(try await spool.identity() != identity)
        #expect(batches.contains { !$0.gaps.isEmpty })
        #expect(try await spool.checkpoint().positions == [position])
        try await spool.accept(fixture.lines(["after"]))
        #expect(try await spool.drain().flatMap(\.messages) == ["after"])
    }

    @Test func `a batch that is missing leaves a gap and does not stop the line`() async throws {
        let spool = try fixture.open()
        for text in ["a", "b", "c"] { try await spool.accept(fixture.lines([text])) }
        try SpoolFile(fixture.path).execute("DELETE FROM batch WHERE key & 0xFFFFFF = 2")
        let batches = try await spool.peek()
        #expect(batches.map(\.sequence) == [1, 2, 3])
        #expect(batches.map(\.messages) == [["a"], [], ["c"]])
        #expect(batches[1].gaps.count == 1)
        #expect(try await spool.peek() == batches)
    }
}
