import Blocks
import Operating
import Sealing
import Telemetry
import TestSupport
import Testing

@testable import Storing

/// Compaction and roll-up of samples in a real log.
struct SampleUpkeepTests {
    typealias F = LogFixture

    private var fixture: LogFixture

    init() throws {
        fixture = try LogFixture()
        fixture.config.metricRetention = .seconds(2 * 86_400)
        fixture.config.minuteRetention = .seconds(4 * 86_400)
        fixture.config.hourRetention = .seconds(8 * 86_400)
    }

    /// Ten collections of three series, sealed into one block.
    private func store(_ log: Log, _ number: Int) async throws {
        for collection in 0..<10 {
            let second = number * 100 + collection * 10
            let samples = (0..<3).map {
                Sample("m\($0)", [Label("host", "web-1")], at: F.noon.advanced(by: .seconds(second)), Double(second + $0))
            }
            let block = AdmittedBlock(
                kind: .samples,
                bytes: SampleBlock.encode(samples),
                count: 3,
                from: samples[0].timestamp,
                to: samples[0].timestamp
            )
            let sequence = UInt64(number * 10 + collection + 1)
            let origin = AdmittedBatch.Origin.agent(F.identity, lane: .metrics, sequence: sequence, checksum: sequence)
            _ = try await log.append(AdmittedBatch(origin: origin, receivedAt: fixture.time.now(), blocks: [block]))
        }
        try await log.sealAll()
    }

    /// Sum of the counts and of the sums of all rows, by resolution; raw samples count one each.
    private func totals(_ log: Log) throws -> [Resolution: (count: Double, sum: Double)] {
        var totals = [Resolution: (count: Double, sum: Double)]()
        for block in log.catalog().sealed where block.kind == .samples {
            let samples = try SealedSamples(block)
            var index = SeriesIndex()
            let all = SealedSamples.Selection(names: nil, from: .min, to: .max, wantsGroup: { _ in true }, wantsRest: { _ in true })
            try samples.read(all, index: &index) { _, rows in
                let isRaw = rows.columns.count == 1
                let count = isRaw ? Double(rows.times.count) : rows.columns[RolledColumn.count.rawValue].reduce(0, +)
                let sum = rows.columns[isRaw ? 0 : RolledColumn.sum.rawValue].reduce(0, +)
                let known = totals[block.resolution] ?? (0, 0)
                totals[block.resolution] = (known.count + count, known.sum + sum)
                return true
            }
        }
        return totals
    }

    private func files(_ log: Log) async -> Int { await log.sealer.store.segments.count }

    @Test func `blocks of a day that is over become one, and its file goes`() async throws {
        let log = try await fixture.open()
        for number in 0..<5 { try await store(log, number) }
        let before = try totals(log)
        #expect(try await log.mergeSamples() == false)
        #expect(log.catalog().sealed.count == 5)
        fixture.time.advance(by: .seconds(86_400))
        while try await log.mergeSamples() {}
        #expect(log.catalog().sealed.count == 1)
        #expect(await files(log) == 1)
        let after = try totals(log)
        #expect(after[.raw]?.count == 150 && after[.raw]?.sum == before[.raw]?.sum)
        await log.close()
        let again = try await fixture.open()
        #expect(try totals(again)[.raw]?.sum == before[.raw]?.sum)
        await again.close()
    }

    @Test func `many blocks of one day are merged while it goes on`() async throws {
        let log = try await fixture.open()
        for number in 0..<(SampleLevel.freshBlocksMax + 3) {
            try await store(log, number)
            while try await log.mergeSamples() {}
        }
        #expect(log.catalog().sealed.count == 4)
        #expect(try totals(log)[.raw]?.count == Double(30 * (SampleLevel.freshBlocksMax + 3)))
        await log.close()
    }

    @Test func `samples become minutes, then hours, and then go`() async throws {
        let log = try await fixture.open()
        for number in 0..<4 { try await store(log, number) }
        let before = try #require(try totals(log)[.raw])
        func keep(_ days: Int) async throws -> [Resolution: (count: Double, sum: Double)] {
            fixture.time.advance(by: .seconds(days * 86_400))
            while try await log.retain() {}
            return try totals(log)
        }
        #expect(try await keep(1)[.raw]?.count == before.count)
        let minutes = try await keep(2)
        #expect(minutes[.raw] == nil && minutes[.minute]?.count == before.count && minutes[.minute]?.sum == before.sum)
        let hours = try await keep(2)
        #expect(hours[.minute] == nil && hours[.hour]?.count == before.count && hours[.hour]?.sum == before.sum)
        #expect(await files(log) == 1)
        #expect(try await keep(4).isEmpty)
        #expect(await files(log) == 0)
        await log.close()
    }

    @Test func `a damaged block is set aside and the others are rolled up`() async throws {
        let log = try await fixture.open()
        for number in 0..<3 { try await store(log, number) }
        let victim = log.catalog().sealed[1]
        let slice = try #require(victim.bytes as? SegmentSlice)
        let path = fixture.config.segmentsPath + "/00000001.blocks"
        let whole: [UInt8]? = TestFiles.bytes(path)
        var bytes = try #require(whole)
        bytes[slice.range.upperBound - 3] ^= 1
        try TestFiles.write(bytes, to: path)
        fixture.time.advance(by: .seconds(3 * 86_400))
        while try await log.retain() {}
        #expect(try totals(log)[.minute]?.count == 60)
        #expect(await log.status().setAside == 1)
        await log.close()
    }

    @Test(arguments: [1, 4, 30])
    func `a reader in the middle of what is sealed and merged meanwhile is given each sample once`(limit: Int) async throws {
        let log = try await fixture.open()
        var (values, position) = ([Double](), LogPosition(0))
        func read(pages: Int) async throws {
            for _ in 0..<pages {
                let page = try await log.page(after: position, kinds: [.samples], limit: limit)
                for block in page.blocks {
                    #expect(block.position > position && block.position <= page.next)
                    values += try SampleBlock(decoding: block.bytes).samples().map(\.value)
                }
                position = page.next
            }
        }
        let end = LogPosition(60)
        for collection in 1...60 {
            let time = F.noon.advanced(by: .seconds(collection * 10))
            let samples = (0..<3).map { Sample("m\($0)", [Label("host", "web-\(collection % 4)")], at: time, Double(collection * 10 + $0)) }
            let block = AdmittedBlock(kind: .samples, bytes: SampleBlock.encode(samples), count: 3, from: time, to: time)
            let origin = AdmittedBatch.Origin.agent(F.identity, lane: .metrics, sequence: UInt64(collection), checksum: UInt64(collection))
            _ = try await log.append(AdmittedBatch(origin: origin, receivedAt: F.noon, blocks: [block]))
            if collection == 10 { try await read(pages: 2) }
            if collection % 15 == 0 { try await log.sealAll() }
            if collection == 40 { try await read(pages: 3) }
        }
        fixture.time.advance(by: .seconds(2 * 86_400))
        while try await log.mergeSamples() {}
        #expect(log.catalog().sealed.count == 1)
        while position < end { try await read(pages: 1) }
        var expected = [Double]()
        for collection in 1...60 { for number in 0..<3 { expected.append(Double(collection * 10 + number)) } }
        #expect(values.sorted() == expected)
        await log.close()
    }
}
