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

    /// A device's seventeenth column, as long as the name stands for the same device.
    private struct NoHandler {
        let device: [UInt8]
        let link: String
        let identity: UInt64?
        let file: KeptFile
    }

    let families = columns
    private let file = KeptFile(path)
    private let filter: NameFilter
    private var table = SeriesTable()
    private var noHandlers: [NoHandler] = []

    init(_ filter: NameFilter = .all) { self.filter = filter }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let bytes = try file.read(from: files)
        let text = bytes.span
        var (lines, row) = (LineCursor(), 0)
        table.begin()
        while let line = lines.next(in: text) {
            // Two lines of headings. A device's name may hold a colon (an alias): the last one ends it.
            if lines.number <= 2 { continue }
            guard let colon = line.last(where: { text[$0] == UInt8(ascii: ":") }) else {
                throw files.malformed(Self.path, line: lines.number, "no device in \"\(text.text(line))\"")
            }
            var start = line.lowerBound
            while start < colon, text[start] == UInt8(ascii: " ") { start += 1 }
            if !filter.takesAll, !filter.takes(text.text(start..<colon)) { continue }
            let series = try table.row(start..<colon, in: text, of: Self.path) { device in
                Self.columns.map { $0.series(Label("device", device)) }
            }
            var fields = FieldCursor(colon + 1..<line.upperBound)
            for column in 0..<16 {
                guard let value = fields.nextUInt64(in: text) else {
                    throw files.malformed(Self.path, line: lines.number, "column \(column + 1) of 16 is missing or no number")
                }
                readings.add(series[column], value)
            }
            if let value = try noHandler(start..<colon, in: text, row: row, files) { readings.add(series[16], value) }
            row += 1
        }
        table.end()
        noHandlers.removeSubrange(min(row, noHandlers.count)...)
        guard lines.number >= 2, lines.isComplete(in: text) else {
            throw files.malformed(Self.path, line: lines.number + 1, "cut short in the middle of a line")
        }
    }

    private mutating func noHandler(_ device: Range<Int>, in text: Span<UInt8>, row: Int, _ files: KernelFiles) throws(CollectError) -> UInt64? {
        var known = row < noHandlers.count && text.equals(noHandlers[row].device, at: device) ? noHandlers[row] : nil
        // A device may be renamed, and another take its name: the open file would still be the first one's.
        if let held = known, held.identity != files.identity(of: held.link) { known = nil }
        if known == nil {
            let link = "sys/class/net/\(text.text(device))"
            let fresh = NoHandler(
                device: device.map { text[$0] },
                link: link,
                identity: files.identity(of: link),
                file: KeptFile(link + "/statistics/rx_nohandler")
            )
            if row < noHandlers.count { noHandlers[row] = fresh } else { noHandlers.append(fresh) }
            known = fresh
        }
        guard let known, known.identity != nil, let number = try known.file.readIfPresent(from: files) else { return nil }
        let digits = number.span
        return digits.unsigned(in: digits.trimmed())
    }
}
