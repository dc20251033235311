import Telemetry

/// How often cores and packages ran slower because they were too hot. Source: /sys/devices/system/cpu/cpuN/thermal_throttle (x86). The threads of a core
/// count the same, and so do the cores of a package: the first one speaks.
struct Throttles: Sendable {
    static let core = MetricFamily("node_cpu_core_throttles_total", .counter, "Number of times this CPU core has been throttled.")
    static let package = MetricFamily("node_cpu_package_throttles_total", .counter, "Number of times this CPU package has been throttled.")

    private var processors = DeviceTable<Processor>("sys/devices/system/cpu")
    private let online = KeptFile("sys/devices/system/cpu/online")

    private struct Processor: Sendable {
        let package: String
        let core: String
        let coreCount: NumberFile
        let packageCount: NumberFile
    }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let present = try processors.devices(from: files, toldBy: online) { (name, path) throws(CollectError) in
            guard name.hasPrefix("cpu"), name.count > 3, name.dropFirst(3).allSatisfy({ ("0"..."9").contains($0) }),
                files.identity(of: "\(path)/thermal_throttle") != nil, let package = try files.word("\(path)/topology/physical_package_id"),
                let core = try files.word("\(path)/topology/core_id")
            else { return nil }
            let packageLabel = Label("package", package)
            return Processor(
                package: package,
                core: core,
                coreCount: NumberFile("\(path)/thermal_throttle/core_throttle_count", Self.core.series(Label("core", core), packageLabel)),
                packageCount: NumberFile("\(path)/thermal_throttle/package_throttle_count", Self.package.series(packageLabel))
            )
        }
        if present.isEmpty { return }
        var (packages, cores): (Set<String>, Set<[String]>) = ([], [])
        for processor in present {
            if packages.insert(processor.package).inserted { try processor.packageCount.add(to: &readings, from: files) }
            if cores.insert([processor.package, processor.core]).inserted { try processor.coreCount.add(to: &readings, from: files) }
        }
    }
}
