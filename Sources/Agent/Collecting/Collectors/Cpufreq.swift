import Telemetry

/// How fast each processor runs, and how fast it may. Source: /sys/devices/system/cpu/cpuN/cpufreq, in kHz: the kernel's
/// Documentation/admin-guide/pm/cpufreq.rst. `cpuinfo_*` is the hardware's word (most drivers show the current one to root only), `scaling_*` the governor's.
struct CpufreqCollector: Collector {
    static let name = "cpufreq"
    private static let files: [(file: String, family: MetricFamily)] = [
        ("cpuinfo_cur_freq", MetricFamily("node_cpu_frequency_hertz", .gauge, "Current cpu thread frequency in hertz.")),
        ("cpuinfo_min_freq", MetricFamily("node_cpu_frequency_min_hertz", .gauge, "Minimum cpu thread frequency in hertz.")),
        ("cpuinfo_max_freq", MetricFamily("node_cpu_frequency_max_hertz", .gauge, "Maximum cpu thread frequency in hertz.")),
        ("scaling_cur_freq", MetricFamily("node_cpu_scaling_frequency_hertz", .gauge, "Current scaled CPU thread frequency in hertz.")),
        ("scaling_min_freq", MetricFamily("node_cpu_scaling_frequency_min_hertz", .gauge, "Minimum scaled CPU thread frequency in hertz.")),
        ("scaling_max_freq", MetricFamily("node_cpu_scaling_frequency_max_hertz", .gauge, "Maximum scaled CPU thread frequency in hertz.")),
    ]

    let families = files.map(\.family)
    private var processors = DeviceTable<[NumberFile]>("sys/devices/system/cpu")
    private let online = KeptFile("sys/devices/system/cpu/online")

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let present = try processors.devices(from: files, toldBy: online) { (name, path) throws(CollectError) in
            let number = name.dropFirst(3)
            guard name.hasPrefix("cpu"), !number.isEmpty, number.allSatisfy({ ("0"..."9").contains($0) }) else { return nil }
            // One that is off line has the files and refuses to be read; one without a driver has none.
            let there = Set(try files.namesIfPresent(in: "\(path)/cpufreq"))
            let label = Label("cpu", String(number))
            return Self.files.filter { there.contains($0.file) }.map { NumberFile("\(path)/cpufreq/\($0.file)", $0.family.series(label), unit: 1000) }
        }
        for number in present.joined() { try number.add(to: &readings, from: files) }
    }
}
