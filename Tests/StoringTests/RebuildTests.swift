import Blocks
import SQLite
import Sealing
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// The journal is lost or damaged: everything sealed is found again.
struct RebuildTests {
    typealias F = LogFixture

    private var fixture: LogFixture
    private static let ownID = UUID(high: 0x1234_0000_0000_7000, low: 7)

    init() throws {
        fixture = try LogFixture()
        fixture.config.sourceRetention = ["audit": .seconds(400 * 86_400)]
    }

    /// Everything that a journal says: events of two classes, alerts' lane, samples, a client's own id and key, a group of words.
    private func filled(unsealed: Bool = true) async throws -> Log {
        let log = try await fixture.open()
        for sequence in 1...9 as ClosedRange<UInt64> {
            let events = [F.event("first \(sequence)"), F.event("audit \(sequence)", source: "audit"), F.event("third \(sequence)")]
            _ = try await log.append(F.batch(sequence, events))
            let samples = [Sample("up", at: F.noon.advanced(by: .seconds(Int(sequence))), Double(sequence))]
            let block = AdmittedBlock(
                kind: .samples,
                bytes: SampleBlock.encode(samples),
                count: 1,
                from: samples[0].timestamp,
                to: samples[0].timestamp
            )
            let origin = AdmittedBatch.Origin.agent(F.identity, lane: .metrics, sequence: sequence, checksum: sequence)
            _ = try await log.append(AdmittedBatch(origin: origin, receivedAt: F.noon, blocks: [block]))
            if sequence % 3 == 0 { try await log.sealAll() }
        }
        _ = try await log.append(F.request([F.event("own id", id: Self.ownID)]))
        try await log.sealAll()
        // The next day's segment closes this one and writes its group of words.
        let tomorrow = F.noon.advanced(by: .seconds(86_400))
        _ = try await log.append(F.batch(10, [F.event("tomorrow"), F.event("audit tomorrow", source: "audit")], receivedAt: tomorrow))
        try await log.sealAll()
        guard unsealed else { return log }
        _ = try await log.append(F.batch(11, [F.event("waits 11"), F.event("audit waits", source: "audit")]))
        _ = try await log.append(F.request([F.event("keyed")], key: "k"))
        return log
    }

    /// What readers see: messages of events with their ids, and the samples' values.
    private func answers(_ log: Log) async throws -> (events: [String], samples: [Double]) {
        var (events, samples, position) = ([String](), [Double](), LogPosition(0))
        while position < log.book.end {
            let page = try await log.page(after: position, kinds: Set(BlockKind.allCases), limit: 5)
            for block in page.blocks where block.kind == .events {
                let decoded = try EventBlock(decoding: block.bytes)
                for row in 0..<decoded.count where !block.repeatedRows.contains(UInt32(row)) {
                    let event = decoded.event(at: row)
                    var origin = block.origin
                    origin.row = UInt32(row)
                    if event.source != Event.ownSource {
                        events.append("\(event.message ?? "") \(event.tags) \(event.id?.description ?? "\(origin)")")
                    }
                }
            }
            for block in page.blocks where block.kind == .samples { samples += try SampleBlock(decoding: block.bytes).samples().map(\.value) }
            position = page.next
        }
        return (events.sorted(), samples.sorted())
    }

    private func gaps(_ log: Log) async throws -> [String] {
        var (found, position) = ([String](), LogPosition(0))
        while position < log.book.end {
            let page = try await log.page(after: position, kinds: [.events], limit: 100)
            for block in page.blocks {
                let decoded = try EventBlock(decoding: block.bytes)
                found += (0..<decoded.count).map { decoded.event(at: $0) }.filter { $0.type == Gap.eventType }.compactMap(\.message)
            }
            position = page.next
        }
        return found
    }

    private var corrupt: [String] {
        ((try? FolderContent.names(fixture.config.path)) ?? []).filter { $0.hasPrefix("log.db.corrupt-") }
    }

    @Test func `without its journal the log finds everything that was sealed, and says what may be lost`() async throws {
        let log = try await filled(unsealed: false)
        let before = try await answers(log)
        let (words, segments) = (log.catalog().words.count, await log.sealer.store.segments)
        await log.close()
        for suffix in ["", "-wal", "-shm"] { TestFiles.removeTree(fixture.config.databasePath + suffix) }
        let again = try await fixture.open()
        let after = try await answers(again)
        #expect(after.events == before.events && after.samples == before.samples)
        #expect(try await gaps(again).count == 1)
        #expect(words > 0 && again.catalog().words.count == words)
        let found = await again.sealer.store.segments
        #expect(found.mapValues(\.retentionClass) == segments.mapValues(\.retentionClass))
        #expect(found.mapValues(\.day) == segments.mapValues(\.day) && found.mapValues(\.bytes) == segments.mapValues(\.bytes))
        #expect(
            found.filter { $0.value.kind == .events }.mapValues(\.receivedAt) == segments.filter { $0.value.kind == .events }.mapValues(\.receivedAt)
        )
        await again.close()
        let third = try await fixture.open()
        #expect(try await answers(third).events == before.events)
        #expect(try await gaps(third).count == 1)
        await third.close()
    }

    @Test func `after the loss repeats of what was sealed are recognised, and agents go on with any later sequence`() async throws {
        await (try await filled()).close()
        for suffix in ["", "-wal", "-shm"] { TestFiles.removeTree(fixture.config.databasePath + suffix) }
        let log = try await fixture.open()
        #expect(try await log.append(F.batch(10, [F.event("tomorrow")])) == .repeated(ids: []))
        #expect(try await log.append(F.batch(4, [F.event("x")])) == .repeated(ids: []))
        // Sequence 11 was acknowledged and is gone: the agent has it no more.
        #expect(try await log.append(F.batch(12, [F.event("12")])) == .stored(ids: []))
        #expect(try await log.append(F.batch(14, [F.event("14")])) == .outOfOrder(expected: 13))
        #expect(try await log.append(F.request([F.event("own id", id: Self.ownID)])) == .repeated(ids: [Self.ownID]))
        #expect(try await log.place(ofClientID: Self.ownID) != nil)
        await log.close()
    }

    @Test func `readers that stood behind what was lost are given what comes after it`() async throws {
        let log = try await filled()
        let position = log.book.end
        await log.close()
        for suffix in ["", "-wal", "-shm"] { TestFiles.removeTree(fixture.config.databasePath + suffix) }
        let again = try await fixture.open()
        _ = try await again.append(F.batch(12, [F.event("after")]))
        let page = try await again.page(after: position, kinds: [.events], limit: 10)
        #expect(try page.blocks.contains { try EventBlock(decoding: $0.bytes).event(at: 0).message == "after" })
        await again.close()
    }

    @Test(arguments: 1...40 as ClosedRange<UInt64>)
    func `whatever bytes turn in the journal, what was sealed is answered as before`(seed: UInt64) async throws {
        let log = try await filled()
        let before = try await answers(log)
        await log.close()
        let path = fixture.config.databasePath
        var generator = SeededGenerator(seed: seed)
        let read: [UInt8]? = TestFiles.bytes(path)
        var bytes = try #require(read)
        // Without a WAL: everything is in the file.
        TestFiles.removeTree(path + "-wal")
        for _ in 0..<(seed % 4 == 0 ? 400 : 4) {
            let place = Int.random(in: 0..<bytes.count, using: &generator)
            // A version that is newer is refused, and rightly so.
            if (60..<64).contains(place) { continue }
            bytes[place] ^= UInt8.random(in: 1...255, using: &generator)
        }
        try TestFiles.write(bytes, to: path)
        let again = try await fixture.open()
        let after = try await answers(again)
        let sealed = before.events.filter { !$0.contains("waits") && !$0.contains("keyed") }
        #expect(Set(sealed).isSubset(of: after.events))
        #expect(Set(after.events).isSubset(of: before.events), "something came twice or changed")
        #expect(Set(after.events).count == after.events.count)
        #expect(after.samples == before.samples)
        if !corrupt.isEmpty { #expect(try await gaps(again).isEmpty == false) }
        #expect(try await again.append(F.batch(12, [F.event("12")])) != .repeated(ids: []))
        await again.close()
    }

    @Test func `what can be read of a damaged journal is taken over, arrivals that were not sealed among it`() async throws {
        let log = try await filled()
        let before = try await answers(log)
        await log.close()
        // One row of the directory points elsewhere.
        try Connection(path: fixture.config.databasePath).execute("UPDATE sealed SET start = start + 1 WHERE number = 2")
        let again = try await fixture.open()
        #expect(try await answers(again).events == before.events)
        #expect(corrupt.count > 0)
        #expect(try await again.watermarks(of: F.agent).lanes == [.logs: 11, .metrics: 9])
        #expect(try await again.append(F.batch(11, [F.event("waits 11")], checksum: 11 * 31)) == .repeated(ids: []))
        #expect(try await again.append(F.request([F.event("keyed")], key: "k")) != .stored(ids: []))
        #expect(try await gaps(again).count == 1)
        await again.close()
    }

    @Test(arguments: [
        "UPDATE word_groups SET start = start - 1", "DELETE FROM sealed WHERE number = (SELECT max(number) FROM sealed WHERE kind = 1)",
    ])
    func `a directory that would hide what is there is noticed`(change: String) async throws {
        let log = try await filled()
        let before = try await answers(log)
        await log.close()
        try Connection(path: fixture.config.databasePath).execute(change)
        let again = try await fixture.open()
        #expect(try await answers(again).events == before.events)
        #expect(again.catalog().blocks(withoutAll: [Words.hash(ofWord: Array("tomorrow".utf8).span)]).count < again.catalog().sealed.count)
        #expect(!corrupt.isEmpty)
        await again.close()
    }

    @Test func `a journal that was put back from an older copy does not cut off what came later`() async throws {
        let log = try await fixture.open()
        for sequence in 1...3 as ClosedRange<UInt64> { _ = try await log.append(F.batch(sequence, [F.event("\(sequence)")])) }
        try await log.sealAll()
        await log.close()
        let old: [UInt8]? = TestFiles.bytes(fixture.config.databasePath)
        let second = try await fixture.open()
        for sequence in 4...6 as ClosedRange<UInt64> { _ = try await second.append(F.batch(sequence, [F.event("\(sequence)")])) }
        try await second.sealAll()
        await second.close()
        TestFiles.removeTree(fixture.config.databasePath + "-wal")
        try TestFiles.write(try #require(old), to: fixture.config.databasePath)
        let third = try await fixture.open()
        #expect(try await answers(third).events.map { $0.prefix(1) } == ["1", "2", "3", "4", "5", "6"])
        await third.close()
    }

    @Test func `a crash in the middle of the rebuilding begins it again, with what was left of the journal`() async throws {
        let log = try await filled()
        let before = try await answers(log)
        await log.close()
        try Connection(path: fixture.config.databasePath).execute("UPDATE sealed SET rows = rows + 1")
        let failing: @Sendable (String) throws(SQLiteError) -> Void = { (what) throws(SQLiteError) in
            if what == "rebuild" { throw SQLiteError(code: .sqlite(1034), message: "disk I/O error", sql: "COMMIT", path: "log.db") }
        }
        let disk = Committer.Disk(freeBytes: { _ in nil }, beforeCommit: failing)
        await #expect(throws: LogError.self) { _ = try await fixture.open(disk) }
        let again = try await fixture.open()
        #expect(try await answers(again).events == before.events)
        #expect(try await gaps(again).count == 1)
        await again.close()
    }

    @Test func `a segment without a head, as the first version wrote it, is found too`() async throws {
        await (try await filled(unsealed: false)).close()
        let path = fixture.config.segmentsPath + "/00000002.blocks"
        let read: [UInt8]? = TestFiles.bytes(path)
        let bytes = try #require(read)
        // Blocks alone, with bytes between them that only the old journal could tell.
        let scan = try SegmentScan(DiskFile(path, flags: 0))
        var old = [UInt8]()
        for block in scan.blocks { old += bytes[block.range] + [UInt8](repeating: 0x54, count: 1000) }
        try TestFiles.write(old, to: path)
        for suffix in ["", "-wal", "-shm"] { TestFiles.removeTree(fixture.config.databasePath + suffix) }
        let log = try await fixture.open()
        let kinds = await log.sealer.store.segments[2]
        #expect(kinds?.kind == scan.blocks[0].sealed.kind)
        #expect(kinds?.retentionClass == scan.head?.retentionClass)
        #expect(log.catalog().sealed.filter { ($0.bytes as? SegmentSlice)?.range.lowerBound == 0 }.count == 1)
        #expect(try await answers(log).events.count == 30)
        await log.close()
    }
}
