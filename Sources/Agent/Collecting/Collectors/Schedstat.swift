import Telemetry

/// How long each processor ran and how long work waited for it. Source: the `cpuN` lines of /proc/schedstat, columns 7 to 9, in nanoseconds: the
/// kernel's Documentation/scheduler/sched-stats.rst.
struct SchedstatCollector: Collector {
    static let name = "schedstat"
    private static let path = "proc/schedstat"

    let families = [
        MetricFamily("node_schedstat_running_seconds_total", .counter, "Number of seconds CPU spent running a process."),
        MetricFamily("node_schedstat_waiting_seconds_total", .counter, "Number of seconds spent by processing waiting for this CPU."),
        MetricFamily("node_schedstat_timeslices_total", .counter, "Number of timeslices executed by CPU."),
    ]
    private let file = KeptFile(path)
    private var table = SeriesTable()

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        guard let bytes = try file.readIfPresent(from: files) else { throw .noData("this kernel counts no schedules: \(Self.path) is not there") }
        let text = bytes.span
        var lines = LineCursor()
        table.begin()
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let key = fields.next(in: text), text.starts(with: "cpu", at: key) else { continue }
            for _ in 0..<6 where fields.next(in: text) == nil {
                throw files.malformed(Self.path, line: lines.number, "\"\(text.text(line).prefix(60))\" has fewer than 9 numbers")
            }
            guard let running = fields.nextUInt64(in: text), let waiting = fields.nextUInt64(in: text), let slices = fields.nextUInt64(in: text)
            else {
                throw files.malformed(Self.path, line: lines.number, "\"\(text.text(line).prefix(60))\" has fewer than 9 numbers")
            }
            let series = try table.row(key.lowerBound + 3..<key.upperBound, in: text, of: Self.path) { cpu in
                families.map { $0.series(Label("cpu", cpu)) }
            }
            readings.add(series[0], Double(running) / 1e9)
            readings.add(series[1], Double(waiting) / 1e9)
            readings.add(series[2], slices)
        }
        table.end()
        guard lines.number > 0, lines.isComplete(in: text) else {
            throw files.malformed(Self.path, line: lines.number + 1, "cut short in the middle of a line")
        }
    }
}
