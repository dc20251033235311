import Telemetry

/// Thermal zones and what cools them. Source: /sys/class/thermal, Documentation/driver-api/thermal/sysfs-api.rst.
struct ThermalCollector: Collector {
    static let name = "thermal_zone"
    private static let folder = "sys/class/thermal"
    private static let zones = MetricFamily("node_thermal_zone_temp", .gauge, "Zone temperature in Celsius")
    private static let current = MetricFamily("node_cooling_device_cur_state", .gauge, "Current throttle state of the cooling device")
    private static let most = MetricFamily("node_cooling_device_max_state", .gauge, "Maximum throttle state of the cooling device")

    let families = [zones, current, most]

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let names: [String]
        do throws(CollectError) { names = try files.names(in: Self.folder) } catch {
            if case .unreadable = error { throw .noData("there are no thermal zones") }
            throw error
        }
        guard names.count <= CollectingLimits.rowsMax else { throw .tooManyRows(path: Self.folder) }
        for name in names.sorted() {
            let path = Self.folder + "/" + name
            guard let bytes = try? files.readIfPresent(path + "/type") else { continue }
            let type = Label("type", bytes.span.text(bytes.span.trimmed()))
            if name.hasPrefix("thermal_zone") {
                // A zone whose sensor sleeps answers with an error.
                guard let value = number(path + "/temp", files) else { continue }
                readings.add(Self.zones.series(type, Label("zone", String(name.dropFirst("thermal_zone".count)))), value / 1000)
            } else if name.hasPrefix("cooling_device") {
                let device = Label("name", String(name.dropFirst("cooling_device".count)))
                if let value = number(path + "/cur_state", files) { readings.add(Self.current.series(device, type), value) }
                if let value = number(path + "/max_state", files) { readings.add(Self.most.series(device, type), value) }
            }
        }
    }

    private func number(_ path: String, _ files: KernelFiles) -> Double? {
        guard let bytes = try? files.readIfPresent(path) else { return nil }
        return bytes.span.decimal(in: bytes.span.trimmed())
    }
}
