import Blocks
import Glibc
import Sealing
import Telemetry

// Bytes and speed of sealed samples. usage: samples-bench [FOLDER of snapshots] — see Snapshots.swift; without one, made-up hosts only.
// ENABLE_BENCHMARKS=1 swift build -c release --product samples-bench

/// CPU time of this process, seconds.
func cpuTime() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
    return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
}

func open(_ output: SealedOutput) throws -> SealedSamples {
    let block = SealedBlock(output)
    return try SealedSamples(block)
}

func seal(_ arrivals: ArraySlice<Arrival>) throws -> SealedOutput? {
    var sealer = SampleSealer()
    for arrival in arrivals { try sealer.append(arrival) }
    return sealer.finish()
}

func rounded(_ number: Double, _ places: Double = 1000) -> Double { (number * places).rounded() / places }

func measure(_ title: String, _ arrivals: [Arrival], atOnce: Int? = nil) throws {
    // Five runs; the median is told.
    var (encoding, decoding) = ([Double](), [Double]())
    var (bytes, count) = (0, 0)
    for _ in 0..<5 {
        var start = cpuTime()
        guard let output = try seal(arrivals[...]) else { return }
        encoding.append(Double(output.count) / (cpuTime() - start) / 1e6)
        let sealed = try open(output)
        start = cpuTime()
        try sealed.verify()
        decoding.append(Double(output.count) / (cpuTime() - start) / 1e6)
        (bytes, count) = (output.bytes.count, output.count)
    }
    print(
        "\(title): \(count) samples, \(rounded(Double(bytes) / Double(count))) bytes a sample, encoded at \(rounded(encoding.sorted()[2], 10)) M/s, decoded at \(rounded(decoding.sorted()[2], 10)) M/s"
    )
    guard let atOnce else { return }
    var (pieces, small) = ([SealedSamples](), 0)
    for start in stride(from: 0, to: arrivals.count, by: atOnce) {
        guard let output = try seal(arrivals[start..<min(arrivals.count, start + atOnce)]) else { continue }
        small += output.bytes.count
        pieces.append(try open(output))
    }
    let start = cpuTime()
    guard let merged = try SampleMerge.merge(pieces, to: .raw) else { return }
    let speed = Double(merged.count) / (cpuTime() - start) / 1e6
    print(
        "  in \(pieces.count) pieces \(rounded(Double(small) / Double(count))) bytes a sample; merged at \(rounded(speed, 10)) M/s: \(rounded(Double(merged.bytes.count) / Double(count)))"
    )
    if let minutes = try SampleMerge.merge([try open(merged)], to: .minute) {
        print("  rolled up: \(minutes.count) rows of a minute, \(rounded(Double(minutes.bytes.count) / Double(minutes.count))) bytes a row")
    }
}

/// Collections of made-up hosts at 10 s, with the jitter of real ones.
func fleet(_ count: Int, seriesCount: Int, collections: Int) -> [Arrival] {
    var hosts = (0..<count).map { MadeUpHost("web-\($0)", seriesCount: seriesCount, seed: UInt64($0 + 1)) }
    var arrivals = [Arrival]()
    for collection in 0..<collections {
        for host in hosts.indices {
            let jitter = (collection * 7919 + host * 104_729) % 2_000_000
            let time = Timestamp(nanoseconds: 1_793_534_400_000_000_000 + Int64(collection * 10_000_000_000 + host * 10_000_000 + jitter))
            arrivals.append(
                Snapshots.arrival(hosts[host].collect(at: time), LogPosition(arrivals.count + 1), agent: UUID(high: 5, low: UInt64(host)))
            )
        }
    }
    return arrivals
}

if let folder = CommandLine.arguments.dropFirst().first {
    let arrivals = Snapshots.read(folder)
    try measure("\(arrivals.count) collections of a real host", arrivals, atOnce: max(1, arrivals.count / 8))
}
try measure("a made-up host, 1000 series, two hours", fleet(1, seriesCount: 1000, collections: 720))
try measure("100 made-up hosts, 500 series, ten minutes", fleet(100, seriesCount: 500, collections: 60), atOnce: 400)
