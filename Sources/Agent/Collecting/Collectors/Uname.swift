import Telemetry

/// The kernel's name and release, the host's name. Source: uname(2).
struct UnameCollector: Collector {
    static let name = "uname"
    private static let info = MetricFamily("node_uname_info", .gauge, "Labeled system information as provided by the uname system call.")

    let families = [info]
    private var last: (name: SystemName, series: Labels)?

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let name = try files.calls.systemName()
        if last?.name != name {
            let series = Self.info.series(
                Label("sysname", name.system),
                Label("release", name.release),
                Label("version", name.version),
                Label("machine", name.machine),
                Label("nodename", name.node),
                Label("domainname", name.domain)
            )
            last = (name, series)
        }
        if let last { readings.add(last.series, 1.0) }
    }
}
