import Telemetry

/// How many neighbours each network device knows. Source: /proc/net/arp, proc_net(5).
struct ArpCollector: Collector {
    static let name = "arp"
    private static let path = "proc/net/arp"
    private static let entries = MetricFamily("node_arp_entries", .gauge, "ARP entries by device")

    let families = [entries]
    private let file = KeptFile(path, .records(bytesMax: 256))
    private let filter: NameFilter
    private var series: [String: Labels] = [:]

    init(_ filter: NameFilter = .all) { self.filter = filter }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        guard let bytes = try file.readIfPresent(from: files) else { throw .noData("the kernel shows no neighbours: \(Self.path) is not there") }
        let text = bytes.span
        var lines = LineCursor()
        var devices: [(name: Range<Int>, count: UInt64)] = []
        while let line = lines.next(in: text) {
            if lines.number == 1 { continue }
            var fields = FieldCursor(line)
            for _ in 0..<5 where fields.next(in: text) == nil {
                throw files.malformed(Self.path, line: lines.number, "\"\(text.text(line))\" has not six columns")
            }
            guard let device = fields.next(in: text) else {
                throw files.malformed(Self.path, line: lines.number, "no device in \"\(text.text(line))\"")
            }
            // Neighbours of one device stand together as a rule: the last one first.
            if let index = devices.lastIndex(where: { text.equals($0.name, device) }) {
                devices[index].count += 1
            } else {
                guard devices.count < CollectingLimits.rowsMax else { throw .tooManyRows(path: files.root + "/" + Self.path) }
                devices.append((device, 1))
            }
        }
        guard lines.number >= 1, lines.isComplete(in: text) else {
            throw files.malformed(Self.path, line: lines.number + 1, "cut short in the middle of a line")
        }
        var met: [String: Labels] = [:]
        for device in devices {
            let name = text.text(device.name)
            guard filter.takes(name) else { continue }
            let labels = series[name] ?? Self.entries.series(Label("device", name))
            met[name] = labels
            readings.add(labels, device.count)
        }
        series = met
    }
}
