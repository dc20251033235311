import Telemetry

/// State and settings of each network device. Source: /sys/class/net/*, Documentation/ABI/testing/sysfs-class-net.
struct NetClassCollector: Collector {
    static let name = "netclass"
    private static let folder = "sys/class/net"

    private static let up = MetricFamily("node_network_up", .gauge, "Value is 1 if operstate is 'up', 0 otherwise.")
    private static let info = MetricFamily("node_network_info", .gauge, "Non-numeric data from /sys/class/net/<iface>, value is always 1.")
    private static let speed = property("speed_bytes", .gauge)
    /// File in the device's folder, and the metric that its number is.
    private static let numbers: [(file: String, family: MetricFamily)] = [
        ("addr_assign_type", property("address_assign_type", .gauge)),
        ("carrier", property("carrier", .gauge)),
        ("carrier_changes", property("carrier_changes_total", .counter)),
        ("carrier_up_count", property("carrier_up_changes_total", .counter)),
        ("carrier_down_count", property("carrier_down_changes_total", .counter)),
        ("dev_id", property("device_id", .gauge)),
        ("dormant", property("dormant", .gauge)),
        ("flags", property("flags", .gauge)),
        ("ifindex", property("iface_id", .gauge)),
        ("iflink", property("iface_link", .gauge)),
        ("link_mode", property("iface_link_mode", .gauge)),
        ("mtu", property("mtu_bytes", .gauge)),
        ("name_assign_type", property("name_assign_type", .gauge)),
        ("netdev_group", property("net_dev_group", .gauge)),
        ("tx_queue_len", property("transmit_queue_length", .gauge)),
        ("type", property("protocol_type", .gauge)),
    ]
    private static let words = ["operstate", "address", "broadcast", "duplex", "ifalias"]

    private static func property(_ name: String, _ kind: MetricKind) -> MetricFamily {
        MetricFamily("node_network_\(name)", kind, "Network device property: \(name)")
    }

    /// One device, as long as its name stands for the same one: its files open, its series made.
    private struct Device {
        let identity: UInt64?
        let words: [KeptFile]
        let numbers: [KeptFile]
        let speed: KeptFile
        let upSeries: Labels
        let speedSeries: Labels
        let numberSeries: [Labels]
        /// What `words` said when `info` was made.
        var said: [[UInt8]?] = []
        var info = Labels.empty

        init(_ name: String, identity: UInt64?) {
            let label = Label("device", name)
            func file(_ property: String) -> KeptFile { KeptFile("\(NetClassCollector.folder)/\(name)/\(property)") }
            self.identity = identity
            words = NetClassCollector.words.map(file)
            numbers = NetClassCollector.numbers.map { file($0.file) }
            speed = file("speed")
            upSeries = up.series(label)
            speedSeries = NetClassCollector.speed.series(label)
            numberSeries = NetClassCollector.numbers.map { $0.family.series(label) }
        }
    }

    let families = [up, info, speed] + numbers.map(\.family)
    private let filter: NameFilter
    private let ignoresInvalidSpeed: Bool
    private var devices: [String: Device] = [:]

    init(_ filter: NameFilter = .all, ignoresInvalidSpeed: Bool = false) { (self.filter, self.ignoresInvalidSpeed) = (filter, ignoresInvalidSpeed) }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let names = try files.names(in: Self.folder).sorted()
        guard names.count <= CollectingLimits.rowsMax else { throw .tooManyRows(path: files.root + "/" + Self.folder) }
        for name in names where filter.takes(name) {
            let identity = files.identity(of: "\(Self.folder)/\(name)")
            var device = devices[name].flatMap { $0.identity == identity ? $0 : nil } ?? Device(name, identity: identity)
            // Folders only: bonding_masters is a file.
            guard let said = try said(by: device, files) else { continue }
            if said != device.said {
                (device.said, device.info) = (said, Self.info(of: name, said))
            }
            devices[name] = device
            readings.add(device.upSeries, said[0].map { Self.isUp($0) } ?? false ? 1.0 : 0)
            readings.add(device.info, 1.0)
            for (file, series) in zip(device.numbers, device.numberSeries) {
                if let value = try number(in: file, files) { readings.add(series, Double(value)) }
            }
            // Mbit/s; a device without a link says -1, and so do we, as node_exporter does by default.
            if let megabits = try number(in: device.speed, files), megabits >= 0 || !ignoresInvalidSpeed {
                readings.add(device.speedSeries, Double(megabits) * 1_000_000 / 8)
            }
        }
        if devices.count > names.count { devices = devices.filter { names.contains($0.key) } }
    }

    /// What the device's words are now; nil when it has none: no device, or gone in between.
    private func said(by device: Device, _ files: KernelFiles) throws(CollectError) -> [[UInt8]?]? {
        guard let state = try device.words[0].readIfPresent(from: files) else { return nil }
        var said: [[UInt8]?] = [state]
        for file in device.words.dropFirst() { said.append(try file.readIfPresent(from: files)) }
        return said
    }

    private static func isUp(_ bytes: [UInt8]) -> Bool {
        let text = bytes.span
        return text.holds("up", at: text.trimmed())
    }

    private static func info(of name: String, _ said: [[UInt8]?]) -> Labels {
        let words = said.map { bytes in
            guard let bytes else { return "" }
            let text = bytes.span
            return text.text(text.trimmed())
        }
        return info.series(
            Label("device", name),
            Label("operstate", words[0]),
            Label("address", words[1]),
            Label("broadcast", words[2]),
            Label("duplex", words[3]),
            Label("ifalias", words[4])
        )
    }

    /// Decimal or `0x…`; nil where the device does not have the property now.
    private func number(in file: KeptFile, _ files: KernelFiles) throws(CollectError) -> Int64? {
        guard let bytes = try file.readIfPresent(from: files) else { return nil }
        let text = bytes.span
        return text.integer(in: text.trimmed())
    }
}
