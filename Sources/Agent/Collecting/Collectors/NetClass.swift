import Telemetry

/// State and settings of each network device. Source: /sys/class/net/*, Documentation/ABI/testing/sysfs-class-net.
struct NetClassCollector: Collector {
    static let name = "netclass"
    private static let folder = "sys/class/net"

    private static let up = MetricFamily("node_network_up", .gauge, "Value is 1 if operstate is 'up', 0 otherwise.")
    private static let info = MetricFamily("node_network_info", .gauge, "Non-numeric data from /sys/class/net/<iface>, value is always 1.")
    private static let speed = MetricFamily("node_network_speed_bytes", .gauge, "Network device property: speed_bytes")
    /// File in the device's folder, and the metric that its number is.
    private static let numbers: [(file: String, family: MetricFamily)] = [
        ("carrier", gauge("carrier")),
        ("carrier_changes", counter("carrier_changes_total")),
        ("carrier_up_count", counter("carrier_up_changes_total")),
        ("carrier_down_count", counter("carrier_down_changes_total")),
        ("flags", gauge("flags")),
        ("mtu", gauge("mtu_bytes")),
        ("tx_queue_len", gauge("transmit_queue_length")),
        ("type", gauge("protocol_type")),
    ]

    private static func gauge(_ property: String) -> MetricFamily {
        MetricFamily("node_network_\(property)", .gauge, "Network device property: \(property)")
    }

    private static func counter(_ property: String) -> MetricFamily {
        MetricFamily("node_network_\(property)", .counter, "Network device property: \(property)")
    }

    private struct Device {
        let up: Labels
        let speed: Labels
        let numbers: [Labels]
        var words: [String]
        var info: Labels
    }

    let families = [up, info, speed] + numbers.map(\.family)
    private var devices: [String: Device] = [:]

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let names = try files.names(in: Self.folder).sorted()
        guard names.count <= CollectingLimits.rowsMax else { throw .tooManyRows(path: files.root + "/" + Self.folder) }
        for name in names {
            // Folders only: bonding_masters is a file.
            guard let bytes = try files.readIfPresent("\(Self.folder)/\(name)/operstate") else { continue }
            let state = word(bytes)
            var words = [state]
            for file in ["address", "broadcast", "duplex", "ifalias"] { words.append(try optionalWord("\(name)/\(file)", files)) }
            let device = device(name, words)
            readings.add(device.up, state == "up" ? 1.0 : 0)
            readings.add(device.info, 1.0)
            for (index, number) in Self.numbers.enumerated() {
                if let value = try value(of: "\(name)/\(number.file)", files) { readings.add(device.numbers[index], value) }
            }
            // Mbit/s; a device without a link says -1, and so do we, as node_exporter does by default.
            if let megabits = try value(of: "\(name)/speed", files) { readings.add(device.speed, megabits * 1_000_000 / 8) }
        }
        if devices.count > names.count { devices = devices.filter { names.contains($0.key) } }
    }

    private mutating func device(_ name: String, _ words: [String]) -> Device {
        if let known = devices[name], known.words == words { return known }
        let label = Label("device", name)
        let device = Device(
            up: Self.up.series(label),
            speed: Self.speed.series(label),
            numbers: Self.numbers.map { $0.family.series(label) },
            words: words,
            info: Self.info.series(
                label,
                Label("operstate", words[0]),
                Label("address", words[1]),
                Label("broadcast", words[2]),
                Label("duplex", words[3]),
                Label("ifalias", words[4])
            )
        )
        devices[name] = device
        return device
    }

    private func optionalWord(_ file: String, _ files: KernelFiles) throws(CollectError) -> String {
        try files.readIfPresent("\(Self.folder)/\(file)").map { word($0) } ?? ""
    }

    private func word(_ bytes: [UInt8]) -> String {
        let text = bytes.span
        return text.text(text.trimmed())
    }

    /// Decimal or `0x…`; nil where the device does not have the property now.
    private func value(of file: String, _ files: KernelFiles) throws(CollectError) -> Double? {
        guard let bytes = try files.readIfPresent("\(Self.folder)/\(file)") else { return nil }
        let text = word(bytes)
        if text.hasPrefix("0x") { return UInt64(text.dropFirst(2), radix: 16).map { Double($0) } }
        return Int64(text).map { Double($0) }
    }
}
