import Telemetry

/// Batteries, mains and UPSes. Source: /sys/class/power_supply, Documentation/ABI/testing/sysfs-class-power: micro-units and tenths of a degree there,
/// whole ones here.
struct PowerSupplyCollector: Collector {
    static let name = "powersupplyclass"
    private static let info = MetricFamily("node_power_supply_info", .gauge, "info of /sys/class/power_supply/<power_supply>.")
    private static let plain = [
        "authentic", "calibrate", "capacity", "capacity_alert_max", "capacity_alert_min", "cycle_count", "online", "present", "time_to_empty_now",
        "time_to_full_now",
    ]
    private static let micro = [
        "current_boot", "current_max", "current_now", "energy_empty", "energy_empty_design", "energy_full", "energy_full_design", "energy_now",
        "voltage_boot", "voltage_max", "voltage_max_design", "voltage_min", "voltage_min_design", "voltage_now", "voltage_ocv",
        "charge_control_limit", "charge_control_limit_max", "charge_counter", "charge_empty", "charge_empty_design", "charge_full",
        "charge_full_design", "charge_now", "charge_term_current", "constant_charge_current", "constant_charge_current_max",
        "constant_charge_voltage", "constant_charge_voltage_max", "precharge_current", "input_current_limit", "power_now",
    ]
    private static let tenths = [
        "temp", "temp_alert_max", "temp_alert_min", "temp_ambient", "temp_ambient_max", "temp_ambient_min", "temp_max", "temp_min",
    ]
    /// Files whose metric has another name.
    private static let renamed = [
        "cycle_count": "cyclecount", "time_to_empty_now": "time_to_empty_seconds", "time_to_full_now": "time_to_full_seconds",
        "current_now": "current_ampere", "energy_now": "energy_watthour", "voltage_now": "voltage_volt", "charge_now": "charge_ampere",
        "power_now": "power_watt",
    ]

    /// The metric's name and what one of the file's units is in it.
    private static func meaning(of file: String) -> (name: String, unit: Double)? {
        let name = renamed[file] ?? file
        if plain.contains(file) { return (name, 1) }
        if micro.contains(file) { return (name, 1e-6) }
        return tenths.contains(file) ? (name + "_celsius", 0.1) : nil
    }

    private static let words = [
        "capacity_level", "charge_type", "health", "manufacturer", "model_name", "serial_number", "status", "technology", "type", "usb_type", "scope",
    ]

    private struct Supply: Sendable {
        let name: String
        let numbers: [NumberFile]
        let words: [(label: String, file: KeptFile)]
    }

    private(set) var families = [info]
    private var supplies = DeviceTable<Supply>("sys/class/power_supply")
    private var told: [String: (words: [[UInt8]?], series: Labels)] = [:]

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        var met: [MetricFamily] = []
        let present = try supplies.devices(from: files) { (name, path) throws(CollectError) in
            let there = try files.namesIfPresent(in: path)
            let label = Label("power_supply", name)
            var numbers: [NumberFile] = []
            for file in there {
                guard let meaning = Self.meaning(of: file) else { continue }
                let help = "\(meaning.name) value of /sys/class/power_supply/<power_supply>."
                let family = MetricFamily("node_power_supply_\(meaning.name)", .gauge, help)
                met.append(family)
                numbers.append(NumberFile("\(path)/\(file)", family.series(label), unit: meaning.unit))
            }
            return Supply(name: name, numbers: numbers, words: Self.words.filter { there.contains($0) }.map { ($0, KeptFile("\(path)/\($0)")) })
        }
        for family in met where !families.contains(family) { families.append(family) }
        for supply in present {
            for number in supply.numbers { try number.add(to: &readings, from: files) }
            var words: [[UInt8]?] = []
            for word in supply.words { words.append(try word.file.readIfPresent(from: files)) }
            if told[supply.name]?.words != words {
                let labels = zip(supply.words, words).map { word, bytes in
                    guard let bytes else { return Label(word.label, "") }
                    let text = bytes.span
                    return Label(word.label, text.text(text.trimmed()))
                }
                told[supply.name] = (words, Labels(name: Self.info.name, labels + [Label("power_supply", supply.name)]))
            }
            if let series = told[supply.name]?.series { readings.add(series, 1.0) }
        }
    }
}
