import Telemetry

/// How long processors ran tasks, and tasks waited for them. Source: /proc/schedstat, Documentation/scheduler/sched-stats.rst.
struct SchedstatCollector: Collector {
    static let name = "schedstat"
    private static let path = "proc/schedstat"

    let families = [
        MetricFamily("node_schedstat_running_seconds_total", .counter, "Number of seconds CPU spent running a process."),
        MetricFamily("node_schedstat_waiting_seconds_total", .counter, "Number of seconds spent by processing waiting for this CPU."),
        MetricFamily("node_schedstat_timeslices_total", .counter, "Number of timeslices executed by CPU."),
    ]
    private var table = SeriesTable()

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        guard let bytes = try files.readIfPresent(Self.path) else { throw .noData("the kernel keeps no scheduler statistics") }
        let text = bytes.span
        var lines = LineCursor()
        table.begin()
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let name = fields.next(in: text), text.starts(with: "cpu", at: name) else { continue }
            let series = try table.row(name.lowerBound + 3..<name.upperBound, in: text, of: Self.path) { cpu in
                families.map { $0.series(Label("cpu", cpu)) }
            }
            for _ in 0..<6 { _ = fields.next(in: text) }
            guard let running = fields.nextUInt64(in: text), let waiting = fields.nextUInt64(in: text), let slices = fields.nextUInt64(in: text)
            else {
                throw .malformed(path: files.root + "/" + Self.path, line: lines.number, problem: "\"\(text.text(line))\" is not nine numbers")
            }
            // Nanoseconds.
            readings.add(series[0], Double(running) / 1e9)
            readings.add(series[1], Double(waiting) / 1e9)
            readings.add(series[2], slices)
        }
        table.end()
        guard lines.isComplete(in: text) else {
            throw .malformed(path: files.root + "/" + Self.path, line: lines.number + 1, problem: "cut short in the middle of a line")
        }
    }
}
