import Blocks
import SQLite
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// Blocks that the journal keeps in the frames in which an agent sent them.
struct PackedArrivalTests {
    typealias F = LogFixture

    private let fixture: LogFixture

    init() throws { fixture = try LogFixture() }

    private let events = (0..<200).map { F.event("line \($0)") }

    private func batch(_ sequence: UInt64, packed: (AdmittedBlock) -> [UInt8]) -> AdmittedBatch {
        var batch = F.batch(sequence, events)
        batch.blocks[0].packed = packed(batch.blocks[0])
        return batch
    }

    private func encodings() throws -> [Int64] {
        try Connection(path: fixture.config.databasePath).query("SELECT encoding FROM arrivals ORDER BY position") { (row) throws(SQLiteError) in
            row.integer(0)
        }
    }

    @Test func `a block comes back out of the frames it came in, after a crash too`() async throws {
        let head = [UInt8](repeating: 0x42, count: 300)
        let batches = [
            batch(1) { Zstd.frame(head + $0.bytes) },
            batch(2) { Zstd.frame($0.bytes) },
            batch(3) { Zstd.frame(head) + Zstd.frame(Array($0.bytes[..<100])) + Zstd.frame(Array($0.bytes[100...])) },
        ]
        let log = try await fixture.open()
        for batch in batches { _ = try await log.append(batch) }
        #expect(try encodings() == [2, 2, 2])
        var copy = fixture
        copy.config.path = try fixture.copyOfFiles()
        let reopened = try await copy.open()
        let page = try await reopened.page(after: 0, kinds: [.events], limit: 10)
        #expect(page.blocks.map(\.bytes) == batches.map { $0.blocks[0].bytes })
        await reopened.close()
        await log.close()
    }

    @Test func `frames that do not pay, or hold too much besides, are not kept`() async throws {
        let log = try await fixture.open()
        let tooMuch = [UInt8](repeating: 0, count: PreparedBlock.batchHeadMax + 1)
        _ = try await log.append(batch(1) { Zstd.frame(tooMuch + $0.bytes) })
        let noise = (0..<40_000).map { _ in UInt8.random(in: 0...255) }
        _ = try await log.append(batch(2) { Zstd.frame(noise + $0.bytes) })
        _ = try await log.append(batch(3) { _ in [1, 2, 3] })
        #expect(try encodings() == [1, 1, 1])
        #expect(try await F.messages(log).count == 600)
        await log.close()
    }

    @Test func `frames that were damaged on disk are told of`() async throws {
        let log = try await fixture.open()
        for sequence in 1...3 as ClosedRange<UInt64> { _ = try await log.append(F.batch(sequence, events)) }
        #expect(try encodings() == [2, 2, 2])
        var copy = fixture
        copy.config.path = try fixture.copyOfFiles()
        do {
            let connection = try Connection(path: copy.config.databasePath)
            // The first says another size, the second turns a bit in its middle.
            try connection.execute("UPDATE arrivals SET length = length + 1 WHERE position = 1")
            let frame = try #require(
                try connection.first("SELECT bytes FROM arrivals WHERE position = 2") { (row) throws(SQLiteError) in row.blob(0) }
            )
            var turned = frame
            turned[frame.count / 2] ^= 4
            try connection.execute("UPDATE arrivals SET bytes = ? WHERE position = 2", [.blob(turned)])
        }
        let reopened = try await copy.open()
        #expect(try await F.messages(reopened).filter { $0.hasPrefix("line ") }.count == 200)
        #expect(await reopened.status().setAside == 2)
        await reopened.close()
        await log.close()
    }
}
