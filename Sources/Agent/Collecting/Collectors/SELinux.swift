import Telemetry

/// Whether SELinux is on, and whether it enforces. Source: /sys/fs/selinux/enforce, /etc/selinux/config (selinux_config(5)).
struct SELinuxCollector: Collector {
    static let name = "selinux"

    let families = [
        MetricFamily("node_selinux_enabled", .gauge, "SELinux is enabled, 1 is true, 0 is false"),
        MetricFamily("node_selinux_config_mode", .gauge, "Configured SELinux enforcement mode"),
        MetricFamily("node_selinux_current_mode", .gauge, "Current SELinux enforcement mode"),
    ]
    private let series: [Labels]
    private let enforce = KeptFile("sys/fs/selinux/enforce")

    init() { series = families.map { $0.series() } }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        guard let bytes = try enforce.readIfPresent(from: files) else {
            readings.add(series[0], 0.0)
            return
        }
        let text = bytes.span
        guard let mode = text.unsigned(in: text.trimmed()) else { throw files.malformed(enforce.path, line: 1, "not a number") }
        readings.add(series[0], 1.0)
        readings.add(series[1], try configured(files))
        readings.add(series[2], mode)
    }

    /// 1 enforcing, 0 permissive, -1 disabled or not said.
    private func configured(_ files: KernelFiles) throws(CollectError) -> Double {
        guard let bytes = try files.readIfPresent("etc/selinux/config") else { return -1 }
        switch OSReleaseCollector.assignments(in: bytes)["SELINUX"]?.lowercased() {
        case "enforcing": return 1
        case "permissive": return 0
        default: return -1
        }
    }
}
