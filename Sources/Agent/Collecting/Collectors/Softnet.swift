import Telemetry

/// Packets taken from the network cards' queues, by processor. Source: /proc/net/softnet_stat (net/core/net-procfs.c): a line a processor, hexadecimal.
struct SoftnetCollector: Collector {
    static let name = "softnet"
    private static let path = "proc/net/softnet_stat"

    let families = [
        MetricFamily("node_softnet_processed_total", .counter, "Number of processed packets"),
        MetricFamily("node_softnet_dropped_total", .counter, "Number of dropped packets"),
        MetricFamily("node_softnet_times_squeezed_total", .counter, "Number of times processing packets ran out of quota"),
    ]
    /// By processor.
    private var series: [[Labels]] = []

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let bytes = try files.read(Self.path)
        let text = bytes.span
        var lines = LineCursor()
        while let line = lines.next(in: text) {
            let processor = lines.number - 1
            guard processor < CollectingLimits.rowsMax else { throw .tooManyRows(path: Self.path) }
            if processor == series.count { series.append(families.map { $0.series(Label("cpu", "\(processor)")) }) }
            var fields = FieldCursor(line)
            for series in series[processor] {
                guard let field = fields.next(in: text), let value = text.hexadecimal(in: field) else {
                    throw .malformed(path: files.root + "/" + Self.path, line: lines.number, problem: "\"\(text.text(line))\" is not three numbers")
                }
                readings.add(series, value)
            }
        }
        guard lines.number > 0, lines.isComplete(in: text) else {
            throw .malformed(path: files.root + "/" + Self.path, line: lines.number + 1, problem: "cut short in the middle of a line")
        }
    }
}
