import Telemetry

/// Whether SELinux guards this host, and how. Source: /sys/fs/selinux, /etc/selinux/config, selinux(8).
struct SELinuxCollector: Collector {
    static let name = "selinux"

    let families = [
        MetricFamily("node_selinux_enabled", .gauge, "SELinux is enabled, 1 is true, 0 is false"),
        MetricFamily("node_selinux_config_mode", .gauge, "Configured SELinux enforcement mode"),
        MetricFamily("node_selinux_current_mode", .gauge, "Current SELinux enforcement mode"),
    ]
    private let series: [Labels]

    init() { series = families.map { $0.series() } }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        guard let bytes = try files.readIfPresent("sys/fs/selinux/enforce") else { return readings.add(series[0], 0.0) }
        let path = files.root + "/sys/fs/selinux/enforce"
        guard let current = bytes.span.unsigned(in: bytes.span.trimmed()) else { throw .malformed(path: path, line: 1, problem: "not a number") }
        readings.add(series[0], 1.0)
        let config = OSReleaseCollector.values(in: try files.readIfPresent("etc/selinux/config") ?? [])
        // As libselinux counts: enforcing, permissive, disabled.
        let mode: Double =
            switch config["selinux"]?.lowercased() {
            case "enforcing": 1
            case "permissive": 0
            default: -1
            }
        readings.add(series[1], mode)
        readings.add(series[2], current)
    }
}
