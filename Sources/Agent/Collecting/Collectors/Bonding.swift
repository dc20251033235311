import Telemetry

/// How many devices each bond has, and how many of them work. Source: /sys/class/net/bonding_masters, the kernel's Documentation/networking/bonding.rst.
struct BondingCollector: Collector {
    static let name = "bonding"
    private static let slaves = MetricFamily("node_bonding_slaves", .gauge, "Number of configured slaves per bonding interface.")
    private static let active = MetricFamily("node_bonding_active", .gauge, "Number of active slaves per bonding interface.")

    let families = [slaves, active]
    private var series: [String: (slaves: Labels, active: Labels)] = [:]

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        guard let masters = try files.readIfPresent("sys/class/net/bonding_masters") else { throw .noData("no bonding: its driver is not loaded") }
        for master in Self.words(masters) {
            let folder = "sys/class/net/\(master)"
            guard let list = try files.readIfPresent("\(folder)/bonding/slaves") else { continue }
            let slaves = Self.words(list)
            var active = 0
            for slave in slaves {
                var state = try files.word("\(folder)/lower_\(slave)/bonding_slave/mii_status")
                // Older kernels call the folder slave_eth0.
                if state == nil { state = try files.word("\(folder)/slave_\(slave)/bonding_slave/mii_status") }
                if state == "up" { active += 1 }
            }
            let labels = series[master] ?? (Self.slaves.series(Label("master", master)), Self.active.series(Label("master", master)))
            series[master] = labels
            readings.add(labels.slaves, Double(slaves.count))
            readings.add(labels.active, Double(active))
        }
    }

    private static func words(_ bytes: [UInt8]) -> [String] {
        bytes.split { $0 <= UInt8(ascii: " ") }.map { String(decoding: $0, as: UTF8.self) }
    }
}
