import Telemetry

/// Temperatures of the platform's zones, and how hard it cools. Source: /sys/class/thermal, Documentation/ABI/testing/sysfs-class-thermal.
struct ThermalCollector: Collector {
    static let name = "thermal_zone"
    private static let zone = MetricFamily("node_thermal_zone_temp", .gauge, "Zone temperature in Celsius")
    private static let current = MetricFamily("node_cooling_device_cur_state", .gauge, "Current throttle state of the cooling device")
    private static let maximum = MetricFamily("node_cooling_device_max_state", .gauge, "Maximum throttle state of the cooling device")

    let families = [zone, current, maximum]
    private var things = DeviceTable<[NumberFile]>("sys/class/thermal")

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let present = try things.devices(from: files) { (name, path) throws(CollectError) in
            let type = Label("type", try files.word("\(path)/type") ?? "")
            if name.hasPrefix("thermal_zone") {
                return [NumberFile("\(path)/temp", Self.zone.series(type, Label("zone", String(name.dropFirst("thermal_zone".count)))), unit: 0.001)]
            }
            guard name.hasPrefix("cooling_device") else { return nil }
            let number = Label("name", String(name.dropFirst("cooling_device".count)))
            return [
                NumberFile("\(path)/cur_state", Self.current.series(number, type)),
                NumberFile("\(path)/max_state", Self.maximum.series(number, type)),
            ]
        }
        for number in present.joined() { try number.add(to: &readings, from: files) }
    }
}
