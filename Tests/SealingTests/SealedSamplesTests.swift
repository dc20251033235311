import Blocks
import Glibc
import Sealing
import Telemetry
import TestSupport
import Testing

struct SealedSamplesTests {
    typealias F = SampleFixture

    @Test(arguments: [(1, 300), (7, 40), (40, 3)])
    func `what arrived is what is read, to the bit`(hosts: Int, collections: Int) throws {
        let arrivals = F.mixed(hosts: hosts, collections: collections, seed: UInt64(hosts))
        let output = try #require(try F.seal(arrivals))
        let expected = try F.expected(arrivals)
        #expect(output.count == expected.values.reduce(0) { $0 + $1.count })
        #expect(output.from.nanoseconds == expected.values.compactMap(\.first?.time).min())
        #expect(output.to.nanoseconds == expected.values.compactMap(\.last?.time).max())
        #expect((output.first, output.last) == (1, LogPosition(arrivals.count)))
        let samples = try F.open(output)
        #expect(try F.rows(samples) == expected)
        #expect(try samples.verify() == output.count)
        let header = try SampleHeader(decoding: Array(output.bytes.prefix(SampleHeader.bytes)))
        #expect((header.count, header.from, header.to, header.length) == (output.count, output.from, output.to, output.bytes.count))
    }

    @Test func `only the series and the time that are wanted are given`() throws {
        let arrivals = F.mixed(hosts: 5, collections: 50, seed: 9)
        let samples = try F.open(try #require(try F.seal(arrivals)))
        let all = try F.expected(arrivals)
        let one = try F.rows(samples, names: ["bytes"], group: { $0["host"] == "web-3" })
        #expect(one == all.filter { $0.key.name == "bytes" && $0.key["host"] == "web-3" })
        let named = try F.rows(samples, names: ["bytes", "byte", "bytesx", "constant", ""])
        #expect(named == all.filter { ["bytes", "constant"].contains($0.key.name) })
        let some = try F.rows(samples, rest: { $0.name?.hasPrefix("some_") ?? false })
        #expect(some == all.filter { $0.key.name?.hasPrefix("some_") ?? false })
        #expect(try F.rows(samples, names: ["bytes"], from: F.noon + 500_000_000_000_000).isEmpty)
        // Chunks come whole; those that do not reach into the time do not come.
        #expect(try F.rows(samples, names: ["late"], from: F.noon, to: .max).values.allSatisfy { $0.last!.time >= F.noon })
    }

    @Test func `labels may hold anything, in any order, and series without a name or a host have their place`() throws {
        let time = Timestamp(nanoseconds: F.noon)
        let series: [Labels] = [
            .empty, ["host": "a"], ["__name__": "x"], ["__name__": "x", "Zone": "é\u{0}", "a": "\u{10FFFF}"],
            ["job": "j", "instance": "i", "host": "h"],
            ["__name__": "x", "hos": "t", "hosts": "t"], ["__name__": "xy"],
        ]
        let arrivals = [F.arrival(series.enumerated().map { Sample(series: $1, timestamp: time, value: Double($0)) }, at: 3)]
        let rows = try F.rows(F.open(try #require(try F.seal(arrivals))))
        #expect(rows == (try F.expected(arrivals)))
        #expect(Set(rows.keys) == Set(series))
    }

    @Test func `a sealer without samples gives nothing, and a damaged arrival is left out whole`() throws {
        #expect(try F.seal([])?.count == nil)
        var sealer = SampleSealer()
        let good = F.arrival([F.sample("a", 1, at: 0)], at: 1)
        var block = good.block
        block.bytes[block.bytes.count - 1] ^= 1
        block.position = 2
        try sealer.append(good)
        #expect(throws: SealedError.self) { try sealer.append(Arrival(block)) }
        #expect(sealer.count == 1)
        let output = try #require(sealer.finish())
        #expect((output.count, output.last) == (1, 1))
    }

    @Test func `a reader behind the sealing is given the same samples as one wire block`() throws {
        let arrivals = F.mixed(hosts: 3, collections: 30, seed: 5)
        let samples = try F.open(try #require(try F.seal(arrivals)))
        let again = F.arrival(try SampleBlock(decoding: try #require(try samples.wireBlock(after: 0)).bytes).samples(), at: 1)
        #expect(try F.expected([again]) == (try F.expected(arrivals)))
    }

    /// Samples as texts, in an order of their own.
    private func texts(_ bytes: [UInt8]) throws -> [String] {
        try SampleBlock(decoding: bytes).samples().map { "\($0.series) \($0.timestamp) \($0.value.bitPattern)" }.sorted()
    }

    @Test(arguments: [false, true])
    func `a reader in the middle of a block is given what lies behind it, however it was merged`(isMerged: Bool) throws {
        // A series has no time twice here, so that each sample stays that of its arrival.
        let arrivals = (1...40).map { collection in
            let host = "web-\(collection % 3)"
            return F.arrival(
                (0..<5).map { F.sample("m\($0)", Double(collection * $0), at: Double(collection * 10), host: host) },
                at: LogPosition(collection * 7)
            )
        }
        let samples: SealedSamples
        if isMerged {
            let parts = try [0..<10, 10..<11, 11..<40].map { try F.open(try #require(try F.seal(Array(arrivals[$0])))) }
            let twice = try F.open(try #require(try SampleMerge.merge(Array(parts[1...]), to: .raw)))
            samples = try F.open(try #require(try SampleMerge.merge([parts[0], twice], to: .raw)))
        } else {
            samples = try F.open(try #require(try F.seal(arrivals)))
        }
        for position in stride(from: LogPosition(0), through: 300, by: 5) {
            let expected = try arrivals.filter { $0.position > position }.flatMap { try texts($0.block.bytes) }.sorted()
            let part = try samples.wireBlock(after: position)
            #expect(try part.map { try texts($0.bytes) } ?? [] == expected, "behind \(position)")
        }
        // In steps, and to an end.
        var (position, found) = (LogPosition(0), [String]())
        while let part = try samples.wireBlock(after: position, through: 203, rowsMax: 12) {
            #expect(part.position > position && part.position <= 203 && part.count <= 15)
            found += try texts(part.bytes)
            position = part.position
        }
        #expect(try found.sorted() == arrivals.filter { $0.position <= 203 }.flatMap { try texts($0.block.bytes) }.sorted())
    }

    @Test func `a changed byte is found, wherever it is, and nothing traps`() throws {
        let output = try #require(try F.seal(F.mixed(hosts: 2, collections: 20, seed: 6)))
        for place in output.bytes.indices {
            var bytes = output.bytes
            bytes[place] ^= 1 << UInt8(place % 8)
            #expect(throws: SealedError.self, "byte \(place)") { try F.open(output, bytes: bytes).verify() }
        }
        for length in stride(from: 0, to: output.bytes.count, by: 7) {
            #expect(throws: SealedError.self) { try F.open(output, bytes: Array(output.bytes.prefix(length))).verify() }
        }
    }

    @Test(arguments: [(Resolution.raw, "samples-v1.sealed"), (.raw, "samples-v2.sealed"), (.minute, "samples-minute-v1.sealed")])
    func `bytes that a released version wrote are read`(resolution: Resolution, name: String) throws {
        let path = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Fixtures/log/" + name
        let raw = try F.open(try #require(try F.seal(F.mixed(hosts: 2, collections: 40, seed: 11))))
        let output = try #require(try SampleMerge.merge([raw], to: resolution))
        // Only with UPDATE_GOLDEN=1, after the format was changed on purpose. The bytes of zstd frames may differ between its versions; what they say may not.
        if unsafe getenv("UPDATE_GOLDEN") != nil, !TestFiles.exists(path) { try TestFiles.write(output.bytes, to: path) }
        let golden: [UInt8]? = TestFiles.bytes(path)
        let kept = try F.open(output, bytes: golden ?? [])
        #expect(try F.rows(kept) == F.rows(F.open(output)))
        #expect(try kept.verify() == output.count)
        #expect(kept.header.hasPositions == name.contains("v2"))
        // Version 1 did not say in which arrival a sample came: it counts as one of the last.
        guard resolution == .raw else { return }
        let (old, new) = (try kept.wireBlock(after: kept.header.last - 1), try F.open(output).wireBlock(after: 20))
        #expect(old?.count == (name.contains("v2") ? try F.open(output).wireBlock(after: output.last - 1)?.count : output.count))
        if name.contains("v2") { #expect(try kept.wireBlock(after: 20).map { try texts($0.bytes) } == new.map { try texts($0.bytes) }) }
    }

    @Test func `milliseconds that were multiplied by 0.001 take no more than those that were divided`() throws {
        var random = F.Random(state: 2)
        let counted = (0..<2000).scan(Int64(1_234_567)) { total, _ in total + Int64(random.next() % 40) }
        func sealed(_ value: (Int64) -> Double) throws -> Int {
            let arrivals = counted.enumerated().map { F.arrival([F.sample("disk", value($1), at: Double($0) * 3)], at: LogPosition($0 + 1)) }
            let output = try #require(try F.seal(arrivals))
            #expect(try F.rows(F.open(output)) == F.expected(arrivals))
            return output.bytes.count
        }
        let (multiplied, divided) = (try sealed { Double($0) * 0.001 }, try sealed { Double($0) / 1000 })
        #expect(counted.contains { Double($0) * 0.001 != Double($0) / 1000 })
        #expect(abs(multiplied - divided) < 100)
        // One that is no number does not change that.
        #expect(try sealed { $0 == counted[77] ? F.stale : Double($0) * 0.001 } < divided + 100)
    }

    @Test func `node metrics at 10 s take less than 0.8 bytes a sample`() throws {
        // Counters that grow by chance, gauges, and constants, as in a host's thousand series; docs/performance.md has real ones.
        var random = F.Random(state: 1)
        var values = (0..<200).map { Double($0 * 1000) }
        let arrivals = (0..<360).map { collection in
            for series in values.indices where series % 5 < 3 {
                values[series] += Double(random.next() % [64, 4, 2][series % 5])
            }
            let time = Double(collection) * 10 + Double(random.next() % 1_000_000) / 1e9
            return F.arrival(values.enumerated().map { F.sample("m\($0)", $0 % 7 == 0 ? $1 / 100 : $1, at: time) }, at: LogPosition(collection + 1))
        }
        let output = try #require(try F.seal(arrivals))
        #expect(Double(output.bytes.count) / Double(output.count) < 0.5)
    }
}

extension Sequence {
    /// What `next` makes of each element and what came before.
    fileprivate func scan<Result>(_ first: Result, _ next: (Result, Element) -> Result) -> [Result] {
        var results = [Result]()
        for element in self { results.append(next(results.last ?? first, element)) }
        return results
    }
}
