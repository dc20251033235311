import Telemetry

/// Neighbours of IPv4 by device. Source: /proc/net/arp, arp(7).
struct ArpCollector: Collector {
    static let name = "arp"
    private static let path = "proc/net/arp"
    private static let entries = MetricFamily("node_arp_entries", .gauge, "ARP entries by device")

    let families = [entries]
    private var series: [String: Labels] = [:]

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let bytes = try files.read(Self.path)
        let text = bytes.span
        var (lines, counts) = (LineCursor(), [String: Int]())
        while let line = lines.next(in: text) {
            // The first line holds the titles.
            guard lines.number > 1 else { continue }
            var (fields, count, device) = (FieldCursor(line), 0, 0..<0)
            while let field = fields.next(in: text) { (count, device) = (count + 1, field) }
            guard count >= 6 else {
                throw .malformed(path: files.root + "/" + Self.path, line: lines.number, problem: "\(count) fields where six belong")
            }
            counts[text.text(device), default: 0] += 1
            guard counts.count <= CollectingLimits.rowsMax else { throw .tooManyRows(path: Self.path) }
        }
        guard lines.isComplete(in: text) else {
            throw .malformed(path: files.root + "/" + Self.path, line: lines.number + 1, problem: "cut short in the middle of a line")
        }
        if series.count > counts.count { series = series.filter { counts[$0.key] != nil } }
        for (device, count) in counts.sorted(by: { $0.key < $1.key }) {
            let known = series[device] ?? Self.entries.series(Label("device", device))
            series[device] = known
            readings.add(known, Double(count))
        }
    }
}
