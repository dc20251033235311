import Telemetry

/// Temperatures, voltages, fans and what else the machine's sensors measure. Source: /sys/class/hwmon, the kernel's
/// Documentation/hwmon/sysfs-interface.rst. A file `temp1_crit` is the property `crit` of the sensor `temp1`.
struct HwmonCollector: Collector {
    static let name = "hwmon"
    private static let folder = "sys/class/hwmon"
    private static let chipNames = MetricFamily("node_hwmon_chip_names", .gauge, "Annotation metric for human-readable chip names")
    private static let sensorLabel = MetricFamily("node_hwmon_sensor_label", .gauge, "Label for given chip and sensor")
    private static let kinds: Set<String> = [
        "vrm", "beep_enable", "update_interval", "in", "cpu", "fan", "pwm", "temp", "curr", "power", "energy", "humidity", "intrusion",
    ]

    private struct Chip: Sendable {
        /// Series whose value is always 1.
        let names: [Labels]
        let numbers: [NumberFile]
        let families: [MetricFamily]
    }

    private(set) var families = [chipNames, sensorLabel]
    private var chips = DeviceTable<Chip>(folder)

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let present = try chips.devices(from: files) { (name, path) throws(CollectError) in try Self.chip(name, path, files) }
        if present.isEmpty { throw .noData("this machine shows no sensors") }
        for chip in present {
            for family in chip.families where !families.contains(family) { families.append(family) }
            for series in chip.names { readings.add(series, 1.0) }
            for number in chip.numbers { try number.add(to: &readings, from: files) }
        }
    }

    private static func chip(_ name: String, _ path: String, _ files: KernelFiles) throws(CollectError) -> Chip? {
        let human = cleaned(try files.word("\(path)/name") ?? "")
        // The path of the device is stable; the number in hwmonN depends on the order of drivers.
        var chip =
            files.resolved("\(path)/device").map { device in
                device.suffix(2).map { cleaned(String($0)) }.filter { !$0.isEmpty }.joined(separator: "_")
            } ?? ""
        if chip.isEmpty { chip = human.isEmpty ? cleaned(name) : human }
        let chipLabel = Label("chip", chip)
        var (names, numbers, families): ([Labels], [NumberFile], [MetricFamily]) = ([], [], [])
        if !human.isEmpty { names.append(chipNames.series(chipLabel, Label("chip_name", human))) }
        // Old drivers have their files in the device's folder.
        var sensors: [String: [(property: String, path: String)]] = [:]
        for folder in [path, "\(path)/device"] {
            for file in try files.namesIfPresent(in: folder) {
                guard let parts = parts(of: file), kinds.contains(parts.kind) else { continue }
                sensors["\(parts.kind)\(parts.number)", default: []].append((parts.property, "\(folder)/\(file)"))
            }
        }
        for (sensor, properties) in sensors.sorted(by: { $0.key < $1.key }) {
            let labels = [chipLabel, Label("sensor", sensor)]
            let isPlain = properties.contains { $0.property.isEmpty }
            var seen: Set<String> = []
            for (property, path) in properties where seen.insert(property).inserted {
                if property == "label" {
                    if let text = try files.word(path) { names.append(sensorLabel.series(chipLabel, Label("label", text), Label("sensor", sensor))) }
                    continue
                }
                guard let kind = parts(of: sensor)?.kind else { continue }
                let (family, unit) = meaning(of: kind, property, isPlain: isPlain)
                families.append(family)
                numbers.append(NumberFile(path, Labels(name: family.name, labels), unit: unit))
            }
        }
        return Chip(names: names, numbers: numbers, families: families)
    }

    /// `temp1_crit_alarm` → temp, 1, crit_alarm; `pwm2` → pwm, 2, nothing; `beep_enable` → beep_enable, 0, nothing.
    static func parts(of file: String) -> (kind: String, number: Int, property: String)? {
        let kind = file.prefix { !("0"..."9").contains($0) }
        guard !kind.isEmpty else { return nil }
        let digits = file[kind.endIndex...].prefix { ("0"..."9").contains($0) }
        let rest = file[digits.endIndex...]
        if digits.isEmpty { return (String(kind), 0, "") }
        guard let number = Int(digits), rest.isEmpty || rest.hasPrefix("_") && rest.count > 1 else { return nil }
        return (String(kind), number, String(rest.dropFirst()))
    }

    /// The metric of a sensor's property, and what one of the file's units is in its.
    /// - Parameter isPlain: the sensor has a file without a property, so that `input` is not the only value.
    private static func meaning(of kind: String, _ property: String, isPlain: Bool) -> (MetricFamily, Double) {
        func family(_ name: String, _ help: String, _ type: MetricKind = .gauge) -> MetricFamily { MetricFamily("node_hwmon_\(name)", type, help) }
        switch kind {
        case "beep_enable": return (family("beep_enabled", "Hardware beep enabled"), 1)
        case "vrm": return (family("voltage_regulator_version", "Hardware voltage regulator"), 1)
        case "update_interval": return (family("update_interval_seconds", "Hardware monitor update interval"), 0.001)
        default: break
        }
        var name = kind
        if property == "input" {
            if isPlain { name += "_input" }
        } else if !property.isEmpty {
            name += "_" + cleaned(property)
        }
        switch (kind, property) {
        case (_, "fault"), (_, "alarm"): return (family(name, "Hardware sensor \(property) status (\(kind))"), 1)
        case (_, "beep"): return (family(name + "_enabled", "Hardware monitor sensor has beeping enabled"), 1)
        case ("in", _), ("cpu", _): return (family(name + "_volts", "Hardware monitor for voltage (\(property))"), 0.001)
        case ("temp", let property) where property != "type":
            return (family(name + "_celsius", "Hardware monitor for temperature (\(property))"), 0.001)
        case ("curr", _): return (family(name + "_amps", "Hardware monitor for current (\(property))"), 0.001)
        case ("energy", _): return (family(name + "_joule_total", "Hardware monitor for joules used so far (\(property))", .counter), 1e-6)
        case ("power", "accuracy"): return (family(name, "Hardware monitor power meter accuracy, as a ratio"), 1e-6)
        case ("power", "average_interval"), ("power", "average_interval_min"), ("power", "average_interval_max"):
            return (family(name + "_seconds", "Hardware monitor power usage update interval (\(property))"), 0.001)
        case ("power", _): return (family(name + "_watt", "Hardware monitor for power usage in watts (\(property))"), 1e-6)
        case ("humidity", _):
            let help = "Hardware monitor for humidity, as a ratio (multiply with 100.0 to get the humidity as a percentage) (\(property))"
            return (family(name, help), 1e-6)
        case ("fan", "input"), ("fan", "min"), ("fan", "max"), ("fan", "target"):
            return (family(name + "_rpm", "Hardware monitor for fan revolutions per minute (\(property))"), 1)
        default: return (family(name, "Hardware monitor \(kind) element \(property)"), 1)
        }
    }

    /// Lower case; what may not stand in a metric's name becomes `_`, and is left out at the ends.
    private static func cleaned(_ name: String) -> String {
        var bytes = name.lowercased().utf8.map { byte -> UInt8 in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: ":"): byte
            default: UInt8(ascii: "_")
            }
        }[...]
        while bytes.first == UInt8(ascii: "_") { bytes.removeFirst() }
        while bytes.last == UInt8(ascii: "_") { bytes.removeLast() }
        return String(decoding: bytes, as: UTF8.self)
    }
}
