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
    private static let interfaceNumber = numbers.firstIndex { $0.file == "ifindex" } ?? 0

    private static func property(_ name: String, _ kind: MetricKind) -> MetricFamily {
        MetricFamily("node_network_\(name)", kind, "Network device property: \(name)")
    }

    /// Of the words that may change without being told: ethtool(8) sets it on devices whose link stays as it is.
    private static let duplex = 3

    /// One device, as long as its name stands for the same one: its files open, its series made, and what they said last.
    private struct Device {
        let name: String
        let identity: UInt64?
        private let words: [KeptFile]
        private let numbers: [KeptFile]
        private let speed: KeptFile
        private let upSeries: Labels
        private let speedSeries: Labels
        private let numberSeries: [Labels]
        private var said: [[UInt8]?] = []
        private var counted: [Int64?] = []
        private var megabits: Int64?
        private var info = Labels.empty

        init(_ name: String, identity: UInt64?) {
            let label = Label("device", name)
            func file(_ property: String) -> KeptFile { KeptFile("\(NetClassCollector.folder)/\(name)/\(property)") }
            (self.name, self.identity) = (name, identity)
            words = NetClassCollector.words.map(file)
            numbers = NetClassCollector.numbers.map { file($0.file) }
            speed = file("speed")
            upSeries = up.series(label)
            speedSeries = NetClassCollector.speed.series(label)
            numberSeries = NetClassCollector.numbers.map { $0.family.series(label) }
        }

        /// Reads everything. False: it is no device, or gone in between.
        mutating func read(from files: KernelFiles) throws(CollectError) -> Bool {
            guard let state = try words[0].readIfPresent(from: files) else { return false }
            var said: [[UInt8]?] = [state]
            for file in words.dropFirst() { said.append(try file.readIfPresent(from: files)) }
            note(said)
            counted = []
            for file in numbers { counted.append(try number(in: file, files)) }
            megabits = try number(in: speed, files)
            return true
        }

        /// Reads what the kernel does not tell the changes of.
        mutating func readUntold(from files: KernelFiles) throws(CollectError) {
            var said = said
            said[NetClassCollector.duplex] = try words[NetClassCollector.duplex].readIfPresent(from: files)
            note(said)
            megabits = try number(in: speed, files)
        }

        func add(to readings: inout Readings, ignoresInvalidSpeed: Bool) {
            readings.add(upSeries, said[0].map { NetClassCollector.isUp($0) } ?? false ? 1.0 : 0)
            readings.add(info, 1.0)
            for (value, series) in zip(counted, numberSeries) {
                if let value { readings.add(series, Double(value)) }
            }
            // Mbit/s; a device without a link says -1, and so do we, as node_exporter does by default.
            if let megabits, megabits >= 0 || !ignoresInvalidSpeed { readings.add(speedSeries, Double(megabits) * 1_000_000 / 8) }
        }

        /// Whether it is the one that this process sees by its name.
        func isSame(as seen: (number: Int64, address: [UInt8])?) -> Bool {
            guard let seen, counted[NetClassCollector.interfaceNumber] == seen.number, let address = said[1] else { return false }
            let text = address.span
            // No more than eight bytes of InfiniBand's twenty are told.
            return text.text(text.trimmed()).hasPrefix(seen.address.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined(separator: ":"))
        }

        private mutating func note(_ said: [[UInt8]?]) {
            if said == self.said { return }
            (self.said, info) = (said, NetClassCollector.info(of: name, said))
        }

        /// Decimal or `0x…`; nil where the device does not have the property now.
        private func number(in file: KeptFile, _ files: KernelFiles) throws(CollectError) -> Int64? {
            guard let bytes = try file.readIfPresent(from: files) else { return nil }
            let text = bytes.span
            return text.integer(in: text.trimmed())
        }
    }

    let families = [up, info, speed] + numbers.map(\.family)
    private let filter: NameFilter
    private let ignoresInvalidSpeed: Bool
    /// By name.
    private var devices: [Device] = []
    /// What ``KernelCalls/linkNews`` said before everything was read, and at how many more collections that may be relied on.
    private var (news, trust): (UInt64?, Int) = (nil, 0)

    init(_ filter: NameFilter = .all, ignoresInvalidSpeed: Bool = false) { (self.filter, self.ignoresInvalidSpeed) = (filter, ignoresInvalidSpeed) }

    /// Twenty-two files a device say the same at nearly each collection: they are read when the kernel has told of a change, and now and then.
    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let news = files.calls.linkNews()
        if let news, news == self.news, trust > 0 {
            trust -= 1
            for index in devices.indices { try devices[index].readUntold(from: files) }
        } else {
            trust = 0
            try readAll(from: files)
            self.news = news
            if news != nil, isToldOfAll(files) { trust = CollectingLimits.collectionsByNews }
        }
        for device in devices { device.add(to: &readings, ignoresInvalidSpeed: ignoresInvalidSpeed) }
    }

    private mutating func readAll(from files: KernelFiles) throws(CollectError) {
        let names = try files.names(in: Self.folder).sorted()
        guard names.count <= CollectingLimits.rowsMax else { throw .tooManyRows(path: files.root + "/" + Self.folder) }
        var fresh: [Device] = []
        var next = 0
        for name in names where filter.takes(name) {
            let identity = files.identity(of: "\(Self.folder)/\(name)")
            // Both are sorted by name.
            while next < devices.count, devices[next].name < name { next += 1 }
            let isKnown = next < devices.count && devices[next].name == name && devices[next].identity == identity
            var device = isKnown ? devices[next] : Device(name, identity: identity)
            // Folders only: bonding_masters is a file.
            if try device.read(from: files) { fresh.append(device) }
        }
        devices = fresh
    }

    /// In a container that sees the host's /sys the kernel tells of other devices than those that stand there.
    private func isToldOfAll(_ files: KernelFiles) -> Bool {
        let seen = files.calls.links()
        return devices.allSatisfy { $0.isSame(as: seen[$0.name]) }
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
}
