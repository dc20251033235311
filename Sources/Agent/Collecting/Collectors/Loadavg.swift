import Telemetry

/// The load averages of one, five and fifteen minutes. Source: /proc/loadavg, proc_loadavg(5).
struct LoadavgCollector: Collector {
    static let name = "loadavg"
    private static let path = "proc/loadavg"
    private let file = KeptFile(path, .onePiece)

    let families = [
        MetricFamily("node_load1", .gauge, "1m load average."),
        MetricFamily("node_load5", .gauge, "5m load average."),
        MetricFamily("node_load15", .gauge, "15m load average."),
    ]
    private let series: [Labels]

    init() { series = families.map { $0.series() } }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let bytes = try file.read(from: files)
        let text = bytes.span
        var lines = LineCursor()
        guard let line = lines.next(in: text) else { throw files.malformed(Self.path, line: 1, "no whole line") }
        var fields = FieldCursor(line)
        for index in 0..<3 {
            guard let field = fields.next(in: text), let load = text.decimal(in: field) else {
                throw files.malformed(Self.path, line: 1, "\"\(text.text(line))\" does not begin with three loads")
            }
            readings.add(series[index], load)
        }
    }
}
