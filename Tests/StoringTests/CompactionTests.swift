import Blocks
import Sealing
import Synchronization
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// Small sealed blocks of events and alerts become few large ones, and nobody notices.
struct CompactionTests {
    typealias F = LogFixture

    private var fixture: LogFixture

    init() throws {
        fixture = try LogFixture()
        fixture.config.sourceRetention = ["audit": .seconds(400 * 86_400)]
    }

    private static func alert(_ number: Int) -> AdmittedBatch {
        let alert = Alert(
            labels: Labels([Label("alertname", "Full \(number)")]),
            state: .firing,
            activeAt: F.noon,
            startsAt: F.noon,
            value: 1,
            updatedAt: F.noon
        )
        let block = AdmittedBlock(kind: .alerts, bytes: AlertBlock.encode([alert]), count: 1, from: F.noon, to: F.noon)
        let origin = AdmittedBatch.Origin.agent(F.identity, lane: .alerts, sequence: UInt64(number), checksum: UInt64(number))
        return AdmittedBatch(origin: origin, receivedAt: F.noon, blocks: [block])
    }

    private static func events(_ number: Int) -> [Event] {
        var second = F.event("second \(number) word\(number)", at: .seconds(number), id: UUID(high: 9, low: UInt64(number)))
        second.tags = ["a", "tag \(number % 3)"]
        second.correlationID = "c\(number / 4)"
        second.data = #"{"n":\#(number)}"#
        return [F.event("first \(number)", at: .seconds(number)), second, F.event("audit \(number)", source: "audit")]
    }

    /// So many blocks of each class, and of alerts.
    private func store(_ range: ClosedRange<Int>, in log: Log) async throws {
        for number in range {
            _ = try await log.append(F.batch(UInt64(number), Self.events(number)))
            _ = try await log.append(Self.alert(number))
            try await log.sealAll()
        }
    }

    /// Every event whole, with its place and id; and the bytes of alerts.
    private func rows(_ catalog: Catalog) throws -> [String] {
        var rows = [String]()
        for block in catalog.sealed where block.kind == .events {
            let events = try SealedEvents(block)
            let (all, places) = (try events.events(at: Array(0..<events.count)), try events.places())
            for (row, event) in all.enumerated() { rows.append("\(places.place(of: row)) \(event)") }
        }
        for block in catalog.sealed where block.kind == .alerts { rows += try PlainSealer.arrivals(block).map { "\($0.position) \($0.bytes)" } }
        return rows.sorted()
    }

    private func files(_ log: Log) async -> Int { await log.sealer.store.segments.count }

    @Test func `many blocks become one of each class and kind, and each row keeps its place, its id and all it holds`() async throws {
        let log = try await fixture.open()
        try await store(1...40, in: log)
        let before = try rows(log.catalog())
        #expect(log.catalog().sealed.count == 120)
        try await log.compactNow()
        #expect(log.catalog().sealed.count == 3)
        #expect(try rows(log.catalog()) == before)
        #expect(await files(log) == 3)
        #expect(try FolderContent.names(fixture.config.segmentsPath).count == 3)
        #expect(try LogInspector.verify(fixture.config.path).isSound)
        await log.close()
        let again = try await fixture.open()
        #expect(try rows(again.catalog()) == before)
        #expect(again.catalog().sealed.count == 3)
        // What comes now goes into segments of its own.
        try await store(41...41, in: again)
        #expect(await files(again) == 6)
        #expect(try await again.append(F.request([Self.events(7)[1]])) == .repeated(ids: [UUID(high: 9, low: 7)]))
        await again.close()
    }

    @Test func `words are found through compaction, and what is not there is passed over`() async throws {
        let log = try await fixture.open()
        try await store(1...40, in: log)
        try await log.compactNow()
        let catalog = log.catalog()
        #expect(catalog.filters.isEmpty)
        let events = Set(catalog.sealed.filter { $0.kind == .events }.map(\.number))
        #expect(catalog.blocks(withoutAll: [Words.hash(ofWord: Array("word17".utf8).span)]).count == 1)
        #expect(catalog.blocks(withoutAll: [Words.hash(ofWord: Array("nowhere".utf8).span)]).isSuperset(of: events))
        await log.close()
    }

    @Test func `words that were damaged hide nothing after a look at them`() async throws {
        let log = try await fixture.open()
        try await store(1...10, in: log)
        try await log.compactNow()
        let wanted = [Words.hash(ofWord: Array("word7".utf8).span)]
        #expect(log.catalog().words.count == 2)
        let group = try #require(try JournalSnapshot(fixture.config.databasePath).groups.first)
        let path = fixture.config.segmentsPath + "/" + SegmentRow.name(group.segment)
        let read: [UInt8]? = TestFiles.bytes(path)
        var bytes = try #require(read)
        for index in group.range { bytes[index] = 0 }
        try TestFiles.write(bytes, to: path)
        #expect(try LogInspector.verify(fixture.config.path).findings.map(\.kind) == [.words])
        // Rows that are not what was written are not believed.
        #expect(log.catalog().blocks(withoutAll: wanted).isDisjoint(with: group.blocks))
        try await log.sealer.checkWords()
        #expect(log.catalog().words.count == 1)
        #expect(log.catalog().blocks(withoutAll: wanted).isDisjoint(with: group.blocks))
        await log.close()
        let again = try await fixture.open()
        #expect(again.catalog().words.count == 1)
        #expect(try LogInspector.verify(fixture.config.path).isSound)
        await again.close()
    }

    @Test func `a reader with a cursor, and one with an old snapshot, go on as if nothing had been`() async throws {
        let log = try await fixture.open()
        try await store(1...20, in: log)
        let old = log.catalog()
        let before = try rows(old)
        var (messages, position) = ([String](), LogPosition(0))
        func read(pages: Int) async throws {
            for _ in 0..<pages {
                let page = try await log.page(after: position, kinds: [.events], limit: 3)
                #expect(page.gap == nil)
                for block in page.blocks {
                    let decoded = try EventBlock(decoding: block.bytes)
                    messages += (0..<decoded.count).compactMap { decoded.event(at: $0).message }
                }
                position = page.next
            }
        }
        try await read(pages: 3)
        try await log.compactNow()
        try await read(pages: 60)
        #expect(messages.count == 60 && Set(messages).count == 60)
        #expect(try rows(old) == before)
        await log.close()
    }

    @Test func `while a day goes on, blocks are brought together when there are enough of them`() async throws {
        var fixture = fixture
        fixture.config.compactBlocksMin = 8
        fixture.config.sourceRetention = [:]
        let log = try await fixture.open()
        for number in 1...64 {
            _ = try await log.append(F.batch(UInt64(number), [F.event("\(number)")]))
            try await log.sealAll()
            while try await log.sealer.compact() {}
        }
        #expect(log.catalog().sealed.count == 8)
        fixture.time.advance(by: .seconds(2 * 86_400))
        while try await log.sealer.compact() {}
        #expect(log.catalog().sealed.count == 1)
        #expect(try await F.messages(log).count == 64)
        #expect(try await log.sealer.compact() == false)
        await log.close()
    }

    @Test func `a damaged block stays where it is and is told; the others wait with it`() async throws {
        let log = try await fixture.open()
        try await store(1...6, in: log)
        let victim = try #require(log.catalog().sealed.first { $0.kind == .events && $0.count == 2 })
        let slice = try #require(victim.bytes as? SegmentSlice)
        let path = fixture.config.segmentsPath + "/" + SegmentRow.name(try #require(await log.sealer.store.blocksBySegment([victim]).keys.first))
        let whole: [UInt8]? = TestFiles.bytes(path)
        var bytes = try #require(whole)
        bytes[slice.range.upperBound - 3] ^= 1
        try TestFiles.write(bytes, to: path)
        try await log.compactNow()
        #expect(await log.status().setAside == 1)
        #expect(log.catalog().sealed.filter { $0.kind == .events && $0.count == 2 }.count == 5)
        #expect(TestFiles.exists(path))
        await log.close()
    }

    @Test func `a commit that fails leaves the old blocks, and the next step does it`() async throws {
        let fault = Fault()
        let log = try await fixture.open(Committer.Disk(freeBytes: { _ in nil }, beforeCommit: fault.check))
        try await store(1...10, in: log)
        let before = try rows(log.catalog())
        fault.isBroken.store(true, ordering: .relaxed)
        await #expect(throws: LogError.self) { try await log.compactNow() }
        #expect(log.catalog().sealed.count == 30)
        fault.isBroken.store(false, ordering: .relaxed)
        try await log.compactNow()
        #expect(log.catalog().sealed.count == 3)
        #expect(try rows(log.catalog()) == before)
        await log.close()
        let again = try await fixture.open()
        #expect(try rows(again.catalog()) == before)
        await again.close()
    }

    @Test func `segments of large blocks are left alone, and what cannot become fewer is not tried again`() {
        func candidate(_ id: UInt64, blocks: Int, rows: Int, bytes: Int, day: Int64 = 0, level: Int = 0) -> CompactionPlan.Candidate {
            let row = SegmentRow(
                id: id,
                kind: .events,
                resolution: .raw,
                retentionClass: "",
                day: day,
                bytes: bytes,
                receivedAt: F.noon,
                level: level
            )
            let each = (0..<blocks).map { number in
                SealedBlock(
                    number: UInt64(number),
                    kind: .events,
                    count: rows,
                    from: F.noon,
                    to: F.noon,
                    first: 1,
                    last: 1,
                    bytes: MemoryBytes([UInt8](repeating: 0, count: bytes))
                )
            }
            return CompactionPlan.Candidate(row, each)
        }
        func next(_ candidates: [CompactionPlan.Candidate], now: Timestamp = F.noon) -> [UInt64] {
            CompactionPlan.next(candidates, at: now, blocksMin: 64, isForced: false).map(\.id)
        }
        let today = F.noon.nanoseconds / 86_400_000_000_000
        #expect(next([candidate(1, blocks: 20, rows: 65_000, bytes: 100)]) == [])
        #expect(next([candidate(1, blocks: 20, rows: 100, bytes: 2 << 20)]) == [])
        #expect(next([candidate(1, blocks: 1, rows: 100, bytes: 100)]) == [])
        #expect(next([candidate(1, blocks: 20, rows: 100, bytes: 100), candidate(2, blocks: 1, rows: 100, bytes: 100)]) == [1, 2])
        #expect(next([candidate(1, blocks: 20, rows: 100, bytes: 100, day: today)]) == [])
        #expect(next([candidate(1, blocks: 64, rows: 100, bytes: 100, day: today)]) == [1])
        let written = (1...16).map { candidate(UInt64($0), blocks: 1, rows: 100, bytes: 100, day: today, level: 1) }
        #expect(next(Array(written.dropLast())) == [])
        #expect(next(written) == (1...16).map { UInt64($0) })
    }

    @Test func `without the journal, blocks that took others' place are read once`() async throws {
        let log = try await fixture.open()
        try await store(1...10, in: log)
        let before = try rows(log.catalog())
        var old: [(String, [UInt8])] = []
        for name in try FolderContent.names(fixture.config.segmentsPath) {
            let path = fixture.config.segmentsPath + "/" + name
            let bytes: [UInt8]? = TestFiles.bytes(path)
            old.append((path, try #require(bytes)))
        }
        try await log.compactNow()
        await log.close()
        // The power failed before the old files went, and the journal is gone with it.
        for (path, bytes) in old { try TestFiles.write(bytes, to: path) }
        for suffix in ["", "-wal", "-shm"] { TestFiles.removeTree(fixture.config.databasePath + suffix) }
        let again = try await fixture.open()
        #expect(try rows(again.catalog()) == before)
        #expect(again.catalog().sealed.filter { $0.kind != .samples }.count == 3)
        await again.close()
    }
}
