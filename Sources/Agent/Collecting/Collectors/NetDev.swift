import Telemetry

/// Bytes, packets and errors of each network device. Source: /proc/net/dev, proc_net(5); `nohandler` from /sys/class/net.
struct NetDevCollector: Collector {
    static let name = "netdev"
    private static let path = "proc/net/dev"
    /// The sixteen columns of the file, then the one of /sys.
    private static let columns = [
        "receive_bytes", "receive_packets", "receive_errs", "receive_drop", "receive_fifo", "receive_frame", "receive_compressed",
        "receive_multicast", "transmit_bytes", "transmit_packets", "transmit_errs", "transmit_drop", "transmit_fifo", "transmit_colls",
        "transmit_carrier", "transmit_compressed", "receive_nohandler",
    ].map { MetricFamily("node_network_\($0)_total", .counter, "Network device statistic \($0).") }

    let families = columns
    private var table = SeriesTable()

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let bytes = try files.read(Self.path)
        let text = bytes.span
        var lines = LineCursor()
        table.begin()
        while let line = lines.next(in: text) {
            // Two lines of headings. A device's name may hold a colon (an alias): the last one ends it.
            if lines.number <= 2 { continue }
            guard let colon = line.last(where: { text[$0] == UInt8(ascii: ":") }) else {
                throw .malformed(path: files.root + "/" + Self.path, line: lines.number, problem: "no device in \"\(text.text(line))\"")
            }
            var start = line.lowerBound
            while start < colon, text[start] == UInt8(ascii: " ") { start += 1 }
            let series = try table.row(start..<colon, in: text, of: Self.path) { device in
                Self.columns.map { $0.series(Label("device", device)) }
            }
            var fields = FieldCursor(colon + 1..<line.upperBound)
            for column in 0..<16 {
                guard let value = fields.nextUInt64(in: text) else {
                    throw .malformed(
                        path: files.root + "/" + Self.path,
                        line: lines.number,
                        problem: "column \(column + 1) of 16 is missing or no number"
                    )
                }
                readings.add(series[column], value)
            }
            if let number = try files.readIfPresent("sys/class/net/\(text.text(start..<colon))/statistics/rx_nohandler") {
                let digits = number.span
                if let value = digits.unsigned(in: digits.trimmed()) { readings.add(series[16], value) }
            }
        }
        table.end()
        guard lines.number >= 2, lines.isComplete(in: text) else {
            throw .malformed(path: files.root + "/" + Self.path, line: lines.number + 1, problem: "cut short in the middle of a line")
        }
    }
}
