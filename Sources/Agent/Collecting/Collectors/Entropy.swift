import Telemetry

/// Bits in the kernel's random pool. Source: /proc/sys/kernel/random, random(4).
struct EntropyCollector: Collector {
    static let name = "entropy"

    let families = [
        MetricFamily("node_entropy_available_bits", .gauge, "Bits of available entropy."),
        MetricFamily("node_entropy_pool_size_bits", .gauge, "Bits of entropy pool."),
    ]
    private let series: [Labels]
    private let both = [KeptFile("proc/sys/kernel/random/entropy_avail"), KeptFile("proc/sys/kernel/random/poolsize")]

    init() { series = families.map { $0.series() } }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        for (index, file) in both.enumerated() {
            guard let bytes = try file.readIfPresent(from: files) else { throw .noData("the kernel shows no random pool") }
            readings.add(series[index], try files.count(in: bytes, of: file.path))
        }
    }
}
