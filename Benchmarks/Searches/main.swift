import Blocks
import Glibc
import Operating
import Querying
import Sealing
import Telemetry

// Latencies of searches over sealed events in memory, without HTTP and disk: what of a slow query is the search's own.
// usage: searches-bench [BLOCKS of 65 536 events, 200] [ONLY probes whose name contains this] [ROUNDS of each quick probe, 100]
// ENABLE_BENCHMARKS=1 swift build -c release --product searches-bench

let blocks = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 200
let only = CommandLine.arguments.dropFirst(2).first
/// Of each probe that is quick.
let quickRounds = CommandLine.arguments.dropFirst(3).first.flatMap { Int($0) } ?? 100
let log = try SealedMix(blocks: blocks)
let search = EventSearch(log: log, time: SystemTime())
var generator = SystemRandomNumberGenerator()

func milliseconds() -> Double {
    var time = timespec()
    unsafe clock_gettime(CLOCK_MONOTONIC, &time)
    return Double(time.tv_sec) * 1e3 + Double(time.tv_nsec) / 1e6
}

/// The first round fills the caches and does not count.
func probe(_ name: String, _ rounds: Int = quickRounds, _ body: () async throws -> Int) async throws {
    if let only, !name.contains(only) { return }
    var times = [Double]()
    var found = 0
    for round in 0..<rounds + 1 {
        let start = milliseconds()
        found = try await body()
        if round > 0 { times.append(milliseconds() - start) }
    }
    times.sort()
    func shown(_ value: Double) -> String { String(Int(value * 100)).count > 0 ? "\(Double(Int(value * 100)) / 100)" : "" }
    print("\(name): p50 \(shown(times[times.count / 2])) ms, p95 \(shown(times[times.count * 95 / 100])) ms, found \(found)")
}

print("\(blocks) blocks, \(log.rows) events, \(log.bytes / max(1, log.rows)) bytes an event with its filter")
try await probe("totals of everything") { try await search.statistics(EventQuery(), interval: nil).total }
try await probe("totals by the hour") { try await search.statistics(EventQuery(), interval: .seconds(3600)).buckets.count }
try await probe("by id") { try await search.event(id: log.ids.randomElement(using: &generator)!) == nil ? 0 : 1 }
try await probe("by correlation id") {
    try await search.events(correlationID: log.correlation(Int.random(in: 0..<log.rows / 5, using: &generator)), limit: 100).count
}
try await probe("newest 100 of a source and severity") {
    try await search.events(EventQuery(source: "svc-\(Int.random(in: 0..<40, using: &generator))", severities: [.critical])).events.count
}
try await probe("newest 100") { try await search.events(EventQuery()).events.count }
try await probe("a rare word over everything") {
    try await search.events(EventQuery(words: "needle-\(Int.random(in: 0..<blocks, using: &generator))")).events.count
}
try await probe("a word that is nowhere") { try await search.events(EventQuery(words: "haystack")).events.count }
try await probe("newest 100 with a frequent phrase", 20) { try await search.events(EventQuery(words: "\"login failed\" -attempt7")).events.count }
try await probe("a step of an export", 20) { try await search.exported(EventQuery(newestFirst: false)).events.count }
try await probe("totals of a source", 3) { try await search.statistics(EventQuery(source: "svc-7"), interval: nil).total }
