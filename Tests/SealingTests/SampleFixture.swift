import Blocks
import Sealing
import Telemetry

/// Series with all that values can be, and what must come back of them.
struct SampleFixture {
    static let noon = Int64(1_793_534_400_000_000_000)
    static let agent = UUID(high: 0x1111, low: 0x2222)
    static let stale = Double(bitPattern: 0x7FF0_0000_0000_0002)

    /// SplitMix64: the same numbers in each run.
    struct Random: RandomNumberGenerator {
        var state: UInt64

        mutating func next() -> UInt64 {
            state &+= 0x9E37_79B9_7F4A_7C15
            var z = state
            z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
            z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
            return z ^ z >> 31
        }
    }

    static func arrival(_ samples: [Sample], at position: LogPosition, agent: UUID = agent) -> Arrival {
        let times = samples.map(\.timestamp)
        return Arrival(
            StoredBlock(
                position: position,
                kind: .samples,
                bytes: SampleBlock.encode(samples),
                count: samples.count,
                from: times.min() ?? .distantPast,
                to: times.max() ?? .distantPast,
                receivedAt: Timestamp(nanoseconds: noon),
                origin: RowOrigin(agent: agent, lane: .metrics, sequence: position, block: 0, row: 0),
                host: "web-1"
            )
        )
    }

    static func sample(_ name: String, _ value: Double, at seconds: Double, host: String = "web-1") -> Sample {
        Sample(name, [Label("host", host), Label("job", "tocsin")], at: Timestamp(nanoseconds: noon + Int64(seconds * 1e9)), value)
    }

    static func seal(_ arrivals: [Arrival]) throws -> SealedOutput? {
        var sealer = SampleSealer()
        for arrival in arrivals { try sealer.append(arrival) }
        return sealer.finish()
    }

    static func open(_ output: SealedOutput, number: UInt64 = 1, bytes: [UInt8]? = nil) throws -> SealedSamples {
        try SealedSamples(SealedBlock(output, number: number, bytes: MemoryBytes(bytes ?? output.bytes)))
    }

    /// Bits, so that NaN and -0 are told apart.
    struct Row: Hashable, Comparable {
        var time: Int64
        var columns: [UInt64]

        static func < (a: Row, b: Row) -> Bool { a.time < b.time }
    }

    static func rows(
        _ samples: SealedSamples,
        names: Set<String>? = nil,
        from: Int64 = .min,
        to: Int64 = .max,
        group: @escaping (Labels) -> Bool = { _ in true },
        rest: @escaping (Labels) -> Bool = { _ in true }
    ) throws -> [Labels: [Row]] {
        var (found, index) = ([Labels: [Row]](), SeriesIndex())
        var chunks = [(UInt32, SampleRows)]()
        try samples.read(.init(names: names, from: from, to: to, wantsGroup: group, wantsRest: rest), index: &index) { series, rows in
            chunks.append((series, rows))
            return true
        }
        for (series, rows) in chunks {
            found[index.labels(of: Int(series)), default: []] += rows.times.indices.map { row in
                Row(time: rows.times[row], columns: rows.columns.map { $0[row].bitPattern })
            }
        }
        return found
    }

    /// What raw samples must read as: in the order of time, of equal times the later one.
    static func expected(_ arrivals: [Arrival]) throws -> [Labels: [Row]] {
        var values = [Labels: [Int64: UInt64]]()
        for arrival in arrivals {
            for sample in try SampleBlock(decoding: arrival.block.bytes).samples() {
                values[sample.series, default: [:]][sample.timestamp.nanoseconds] = sample.value.bitPattern
            }
        }
        return values.mapValues { $0.map { Row(time: $0.key, columns: [$0.value]) }.sorted() }
    }

    /// Arrivals of `hosts` hosts, one a collection, with every kind of value, some rows late and some twice.
    static func mixed(hosts: Int, collections: Int, seed: UInt64, from first: LogPosition = 1, start: Double = 0) -> [Arrival] {
        var random = Random(state: seed)
        var arrivals = [Arrival]()
        for collection in 0..<collections {
            for host in 0..<hosts {
                let at = start + Double(collection) * 10 + Double(host) / 100
                var samples = [Sample]()
                func add(_ name: String, _ value: Double, at time: Double? = nil) {
                    samples.append(sample(name, value, at: time ?? at, host: "web-\(host)"))
                }
                add("constant", 42)
                add("counter_total", Double(collection * 100 + Int(random.next() % 30)))
                add("seconds_total", Double(collection * 250 + Int(random.next() % 9)) / 100)
                add("bytes", Double(random.next() % 1000 * 4096))
                add("fraction", Double(random.next() % 1_000_000) / 999_983)
                add("any_bits", Double(bitPattern: random.next()))
                add("ends", collection == collections - 1 ? stale : 1.5)
                add(
                    "odd",
                    [0.0, -0.0, .infinity, -.infinity, .nan, stale, 1e300, .leastNonzeroMagnitude, 0.1, 9_007_199_254_740_994][
                        Int(random.next() % 10)
                    ]
                )
                if random.next() % 3 == 0 { add("late", 7, at: at - Double(random.next() % 20_000)) }
                if random.next() % 3 == 0 { add("counter_total", -1, at: at) }
                if random.next() % 5 == 0 { add("some_\(random.next() % 20)", 1) }
                arrivals.append(arrival(samples, at: first + LogPosition(arrivals.count), agent: UUID(high: 1, low: UInt64(host))))
            }
        }
        return arrivals
    }
}
