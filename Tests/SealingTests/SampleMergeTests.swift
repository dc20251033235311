import Blocks
import Sealing
import Telemetry
import Testing

struct SampleMergeTests {
    typealias F = SampleFixture

    private func blocks(_ pieces: [[Arrival]]) throws -> [SealedSamples] {
        try pieces.enumerated().map { try F.open(try #require(try F.seal($1)), number: UInt64($0 + 1)) }
    }

    /// Four blocks, one after the other, that overlap by late samples.
    private var pieces: [[Arrival]] {
        (0..<4).map { F.mixed(hosts: 3, collections: 30, seed: UInt64($0), from: LogPosition($0 * 1000 + 1), start: Double($0) * 300 - 10) }
    }

    @Test func `merged blocks hold what the blocks held, and the later of two samples at one time`() throws {
        let output = try #require(try SampleMerge.merge(blocks(pieces), to: .raw))
        #expect(try F.rows(F.open(output)) == (try F.expected(pieces.flatMap { $0 })))
        #expect((output.first, output.last, output.resolution) == (1, 3090, .raw))
        // The same as if they had been sealed together.
        #expect(output.bytes == (try #require(try F.seal(pieces.flatMap { $0 }))).bytes)
    }

    @Test func `nothing to merge gives nothing`() throws {
        #expect(try SampleMerge.merge([], to: .raw)?.count == nil)
    }

    /// Minimum, maximum, sum, count and last value of each bucket, worked out plainly.
    private func rolled(_ raw: [Labels: [F.Row]], _ resolution: Resolution) -> [Labels: [Int64: (
        count: Int, min: Double, max: Double, sum: Double, last: UInt64
    )]] {
        raw.mapValues { rows in
            var buckets = [Int64: (count: Int, min: Double, max: Double, sum: Double, last: UInt64)]()
            for row in rows {
                let value = Double(bitPattern: row.columns[0])
                let length = resolution.nanoseconds
                let bucket = (row.time - (row.time % length + length) % length) / length
                var entry = buckets[bucket] ?? (0, .nan, .nan, 0, 0)
                entry.last = row.columns[0]
                if row.columns[0] != F.stale.bitPattern {
                    entry.count += 1
                    if value < entry.min || entry.min.isNaN { entry.min = value }
                    if value > entry.max || entry.max.isNaN { entry.max = value }
                    entry.sum += value
                }
                buckets[bucket] = entry
            }
            return buckets
        }
    }

    private func check(_ samples: SealedSamples, against raw: [Labels: [F.Row]], _ resolution: Resolution) throws {
        #expect(samples.resolution == resolution)
        let (rows, expected) = (try F.rows(samples), rolled(raw, resolution))
        #expect(Set(rows.keys) == Set(expected.keys))
        for (labels, buckets) in expected {
            let mine = rows[labels] ?? []
            #expect(mine.count == buckets.count)
            #expect(mine == mine.sorted())
            for row in mine {
                let length = resolution.nanoseconds
                let entry = try #require(buckets[(row.time - (row.time % length + length) % length) / length])
                let columns = row.columns.map { Double(bitPattern: $0) }
                #expect(columns[0] == Double(entry.count))
                if entry.count > 0 {
                    #expect(columns[1].bitPattern == entry.min.bitPattern || columns[1] == entry.min)
                    #expect(columns[2].bitPattern == entry.max.bitPattern || columns[2] == entry.max)
                    let isEqual = columns[3] == entry.sum || columns[3].isNaN && entry.sum.isNaN
                    #expect(isEqual || abs(columns[3] - entry.sum) <= 1e-9 * abs(entry.sum), "\(labels): \(columns[3]) for \(entry.sum)")
                }
                #expect(row.columns[4] == entry.last)
            }
        }
    }

    @Test(arguments: [Resolution.minute, .hour])
    func `samples are rolled up by minute and by hour`(resolution: Resolution) throws {
        let output = try #require(try SampleMerge.merge(blocks(pieces), to: resolution))
        try check(try F.open(output), against: try F.expected(pieces.flatMap { $0 }), resolution)
        #expect(try F.open(output).verify() == output.count)
    }

    @Test func `minutes made apart join into minutes, and into hours, as if they had been one`() throws {
        let all = pieces.flatMap { $0 }
        // Cut by position, so that buckets are cut too; no sample twice.
        var distinct = [Arrival]()
        for arrival in all where try !SampleBlock(decoding: arrival.block.bytes).values.contains(-1) { distinct.append(arrival) }
        let half = distinct.count / 2
        var minutes = [SealedSamples]()
        for block in try blocks([Array(distinct[..<half]), Array(distinct[half...])]) {
            minutes.append(try F.open(try #require(try SampleMerge.merge([block], to: .minute))))
        }
        let raw = try F.expected(distinct)
        try check(try F.open(try #require(try SampleMerge.merge(minutes, to: .minute))), against: raw, .minute)
        try check(try F.open(try #require(try SampleMerge.merge(minutes, to: .hour))), against: raw, .hour)
    }

    @Test func `sums of decimal numbers stay decimal numbers`() throws {
        let values = [0.1, 0.2, 0.3, 0.4, 0.5, 0.6]
        let arrivals = values.enumerated().map { F.arrival([F.sample("a", $1, at: Double($0) * 10)], at: LogPosition($0 + 1)) }
        let samples = try F.open(try #require(try SampleMerge.merge(blocks([arrivals]), to: .minute)))
        let row = try #require(try F.rows(samples).values.first?.first)
        #expect(Double(bitPattern: row.columns[3]) == 2.1)
    }
}
