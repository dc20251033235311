import Telemetry

/// What each processor took from the network's queues. Source: /proc/net/softnet_stat: one line of hexadecimal counts a processor.
struct SoftnetCollector: Collector {
    static let name = "softnet"
    private static let path = "proc/net/softnet_stat"

    let families = [
        MetricFamily("node_softnet_processed_total", .counter, "Number of processed packets"),
        MetricFamily("node_softnet_dropped_total", .counter, "Number of dropped packets"),
        MetricFamily("node_softnet_times_squeezed_total", .counter, "Number of times processing packets ran out of quota"),
    ]
    private let file = KeptFile(path)
    private var processors: [(cpu: UInt64, series: [Labels])] = []

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        guard let bytes = try file.readIfPresent(from: files) else { throw .noData("the kernel has no network: \(Self.path) is not there") }
        let text = bytes.span
        var (lines, row) = (LineCursor(), 0)
        while let line = lines.next(in: text) {
            var (fields, column) = (FieldCursor(line), 0)
            var counts = [3 of UInt64](repeating: 0)
            // Since 5.10 column 13 says which processor it is: only those on line have a line. Before, the lines' order says it.
            var cpu = UInt64(row)
            while let field = fields.next(in: text) {
                guard let value = text.hexadecimal(in: field) else {
                    throw files.malformed(Self.path, line: lines.number, "\"\(text.text(field))\" is not a hexadecimal count")
                }
                if column < 3 { counts[column] = value } else if column == 12 { cpu = value }
                column += 1
            }
            guard column >= 9 else { throw files.malformed(Self.path, line: lines.number, "\(column) of at least 9 columns") }
            guard row < CollectingLimits.rowsMax else { throw .tooManyRows(path: files.root + "/" + Self.path) }
            let series = series(of: cpu, row: row)
            for index in 0..<3 { readings.add(series[index], counts[index]) }
            row += 1
        }
        processors.removeSubrange(row...)
        guard row > 0, lines.isComplete(in: text) else {
            throw files.malformed(Self.path, line: lines.number + 1, "cut short in the middle of a line")
        }
    }

    private mutating func series(of cpu: UInt64, row: Int) -> [Labels] {
        if row < processors.count, processors[row].cpu == cpu { return processors[row].series }
        let label = Label("cpu", String(cpu))
        let fresh = (cpu, families.map { $0.series(label) })
        if row < processors.count { processors[row] = fresh } else { processors.append(fresh) }
        return fresh.1
    }
}
