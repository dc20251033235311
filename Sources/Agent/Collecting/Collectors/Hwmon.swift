import Telemetry

/// Temperatures, voltages, fans and other sensors. Source: /sys/class/hwmon, Documentation/hwmon/sysfs-interface.rst; names are node_exporter's.
struct HwmonCollector: Collector {
    static let name = "hwmon"
    private static let folder = "sys/class/hwmon"
    private static let chips = MetricFamily("node_hwmon_chip_names", .gauge, "Annotation metric for human-readable chip names")
    private static let labels = MetricFamily("node_hwmon_sensor_label", .gauge, "Label for given chip and sensor")
    private static let kinds = ["in", "fan", "temp", "curr", "power", "energy", "humidity", "pwm", "freq", "intrusion", "cpu", "vrm", "beep_enable"]

    private(set) var families = [chips, labels]
    private var known: [String: Labels] = [:]

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let chips: [String]
        do throws(CollectError) { chips = try files.names(in: Self.folder) } catch {
            if case .unreadable = error { throw .noData("there are no sensors") }
            throw error
        }
        guard chips.count <= CollectingLimits.rowsMax else { throw .tooManyRows(path: Self.folder) }
        for chip in chips.sorted() { try collect(chip, files, &readings) }
    }

    private mutating func collect(_ entry: String, _ files: KernelFiles, _ readings: inout Readings) throws(CollectError) {
        let path = Self.folder + "/" + entry
        let chip = chipName(entry, path, files)
        if let name = try text(path + "/name", files), !name.isEmpty {
            readings.add(series(Self.chips, [Label("chip", chip), Label("chip_name", Self.clean(name))]), 1.0)
        }
        // Old drivers keep their sensors beside the device, newer ones here.
        for folder in [path + "/device", path] {
            guard let names = try? files.names(in: folder) else { continue }
            for name in names.sorted() { try read(name, in: folder, of: chip, files, &readings) }
        }
    }

    private mutating func read(
        _ file: String,
        in folder: String,
        of chip: String,
        _ files: KernelFiles,
        _ readings: inout Readings
    ) throws(CollectError) {
        guard let (kind, number, property) = Self.parts(of: file) else { return }
        let sensor = Label("sensor", "\(kind)\(number)")
        guard let value = try text(folder + "/" + file, files) else { return }
        if property == "label" {
            readings.add(series(Self.labels, [Label("chip", chip), Label("label", value), sensor]), 1.0)
            return
        }
        guard let number = Double(value), let (name, type, help, factor) = Self.metric(kind, property) else { return }
        let family = MetricFamily("node_hwmon_" + name, type, help)
        readings.add(series(family, [Label("chip", chip), sensor]), number * factor)
    }

    /// What a file becomes: its metric, kind, help as node_exporter has it, and what its number is multiplied by.
    private static func metric(_ kind: String, _ property: String) -> (name: String, type: MetricKind, help: String, factor: Double)? {
        let (suffix, shown) = (property.isEmpty || property == "input" ? "" : "_" + property, property.isEmpty ? "input" : property)
        func gauge(_ name: String, _ what: String, _ factor: Double = 1) -> (name: String, type: MetricKind, help: String, factor: Double) {
            (name, .gauge, "Hardware monitor for \(what) (\(shown))", factor)
        }
        switch property {
        case "beep": return ("beep_enabled", .gauge, "Hardware monitor beep enabled", 1)
        case "alarm": return ("\(kind)_alarm", .gauge, "Hardware sensor alarm status (\(kind))", 1)
        case "fault": return ("\(kind)_fault", .gauge, "Hardware sensor fault status (\(kind))", 1)
        default: break
        }
        switch kind {
        case "beep_enable": return ("beep_enabled", .gauge, "Hardware beep enabled", 1)
        case "vrm": return ("voltage_regulator_version", .gauge, "Hardware monitor voltage regulator version", 1)
        case "in": return gauge("in\(suffix)_volts", "voltage", 0.001)
        case "temp":
            if property == "type" { return ("temp_type", .gauge, "Hardware monitor temp element type", 1) }
            return gauge("temp\(suffix)_celsius", "temperature", 0.001)
        case "curr": return gauge("curr\(suffix)_amps", "current", 0.001)
        case "fan":
            if ["div", "pulses"].contains(property) { return ("fan_\(property)", .gauge, "Hardware monitor fan element \(property)", 1) }
            return gauge("fan\(suffix)_rpm", "fan revolutions per minute")
        case "energy":
            return property == "input" ? ("energy_joule_total", .counter, "Hardware monitor for joules used so far (input)", 0.000_001) : nil
        case "power":
            if property == "accuracy" { return ("power_accuracy", .gauge, "Hardware monitor power meter accuracy, as a ratio", 0.000_001) }
            if property.hasPrefix("average_interval") {
                return ("power_\(property)_seconds", .gauge, "Hardware monitor power usage update interval (\(property))", 0.001)
            }
            return gauge("power\(suffix)_watt", "power usage in watts", 0.000_001)
        case "humidity":
            return gauge("humidity\(suffix)", "humidity, as a ratio (multiply with 100.0 to get the humidity as a percentage)", 0.000_001)
        case "freq": return property == "input" ? gauge("freq_freq_mhz", "frequency in MHz", 0.000_001) : nil
        case "pwm": return ("pwm\(suffix)", .gauge, "Hardware monitor pwm element \(property)", 1)
        default: return nil
        }
    }

    /// `temp1_input` → temp, 1, input; nil for files that are no sensor's.
    static func parts(of file: String) -> (kind: String, number: String, property: String)? {
        let kind = file.prefix { !($0.isASCII && $0.isNumber) && $0 != "_" || file.hasPrefix("beep_enable") && !$0.isNumber }
        guard Self.kinds.contains(String(kind)) else { return nil }
        let rest = file.dropFirst(kind.count)
        let number = rest.prefix { $0.isASCII && $0.isNumber }
        let property = rest.dropFirst(number.count)
        guard property.isEmpty || property.hasPrefix("_") else { return nil }
        return (String(kind), number.isEmpty ? "0" : String(number), String(property.dropFirst()))
    }

    /// Of the device that the chip belongs to, which stays the same over restarts: `platform_coretemp_0`, `0000:00:18_3`; else the chip's name.
    private func chipName(_ entry: String, _ path: String, _ files: KernelFiles) -> String {
        if let device = files.resolved(path + "/device") {
            let parts = device.split(separator: "/")
            let name = parts.last.map { Self.clean(String($0)) } ?? ""
            let type = parts.dropLast().last.map { Self.clean(String($0)) } ?? ""
            if !name.isEmpty { return type.isEmpty ? name : type + "_" + name }
        }
        if let name = try? text(path + "/name", files), !name.isEmpty { return Self.clean(name) }
        return Self.clean(entry)
    }

    /// As node_exporter writes chips: small letters, digits and `:_`; everything else is an underscore.
    static func clean(_ name: String) -> String {
        let cleaned = name.lowercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) || $0 == ":" || $0 == "_" ? $0 : "_" }
        var result = Substring(String(cleaned))
        while result.first == "_" { result = result.dropFirst() }
        while result.last == "_" { result = result.dropLast() }
        return String(result)
    }

    private func text(_ path: String, _ files: KernelFiles) throws(CollectError) -> String? {
        // A sensor that does not answer (EIO, EAGAIN, ENXIO) is no reason to lose the others.
        guard let bytes = try? files.readIfPresent(path) else { return nil }
        return bytes.span.text(bytes.span.trimmed())
    }

    private mutating func series(_ family: MetricFamily, _ labels: [Label]) -> Labels {
        if !families.contains(where: { $0.name == family.name }) { families.append(family) }
        let key = labels.reduce(family.name) { $0 + "\u{0}" + $1.value }
        if let series = known[key] { return series }
        let series = Labels(name: family.name, labels)
        if known.count < CollectingLimits.rowsMax { known[key] = series }
        return series
    }
}
