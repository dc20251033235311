import Telemetry

/// Bits in the kernel's random pool. Source: /proc/sys/kernel/random, random(4).
struct EntropyCollector: Collector {
    static let name = "entropy"

    let families = [
        MetricFamily("node_entropy_available_bits", .gauge, "Bits of available entropy."),
        MetricFamily("node_entropy_pool_size_bits", .gauge, "Bits of entropy pool."),
    ]
    private let series: [Labels]

    init() { series = families.map { $0.series() } }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        for (index, path) in ["proc/sys/kernel/random/entropy_avail", "proc/sys/kernel/random/poolsize"].enumerated() {
            guard let bytes = try files.readIfPresent(path) else { throw .noData("the kernel shows no random pool") }
            let text = bytes.span
            guard let bits = text.unsigned(in: text.trimmed()) else {
                throw .malformed(path: files.root + "/" + path, line: 1, problem: "not a number")
            }
            readings.add(series[index], bits)
        }
    }
}
