import Telemetry

/// Seconds of each processor by mode. Source: the `cpuN` lines of /proc/stat, proc_stat(5), in jiffies of 1/100 s.
///
/// `guest` is contained in `user` and `guest_nice` in `nice`, as the kernel counts; they are shown once more on their own.
struct CPUCollector: Collector {
    static let name = "cpu"
    private static let seconds = MetricFamily("node_cpu_seconds_total", .counter, "Seconds the CPUs spent in each mode.")
    private static let guest = MetricFamily(
        "node_cpu_guest_seconds_total",
        .counter,
        "Seconds the CPUs spent in guests (VMs) for each mode."
    )
    /// In the file's order.
    private static let modes = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"]
    /// The kernel's USER_HZ: 100 on every Linux, whatever its own tick is.
    private static let jiffiesPerSecond = 100.0
    /// An idle counter that falls by more starts anew (a processor went off line and came back); a smaller fall is the kernel's rounding.
    private static let resetJiffies: UInt64 = 300
    private static let path = "proc/stat"
    private let file = KeptFile(path, .onePiece)

    let families = [seconds, guest, Throttles.core, Throttles.package]
    private var table = SeriesTable()
    private var throttles = Throttles()
    private var last: [[10 of UInt64]] = []
    private var lastSeries: [Labels] = []

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let bytes = try file.read(from: files)
        let text = bytes.span
        var (lines, row) = (LineCursor(), 0)
        table.begin()
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let key = fields.next(in: text), text.starts(with: "cpu", at: key) else { break }
            // The first line, "cpu", is their sum.
            if key.count == 3 { continue }
            var jiffies = [10 of UInt64](repeating: 0)
            var count = 0
            while count < 10, let field = fields.next(in: text) {
                guard let value = text.unsigned(in: field) else {
                    throw files.malformed(
                        Self.path,
                        line: lines.number,
                        "\"\(text.text(field))\" is not a count of jiffies"
                    )
                }
                jiffies[count] = value
                count += 1
            }
            guard count >= 4 else {
                throw files.malformed(Self.path, line: lines.number, "\(count) of at least 4 columns")
            }
            let number = key.lowerBound + 3..<key.upperBound
            let series = try table.row(number, in: text, of: Self.path) { cpu in
                Self.modes.map { Self.seconds.series(Label("cpu", cpu), Label("mode", $0)) }
                    + ["user", "nice"].map { Self.guest.series(Label("cpu", cpu), Label("mode", $0)) }
            }
            let steady = neverFalling(jiffies, row: row, series: series[0])
            for mode in 0..<10 { readings.add(series[mode], Double(steady[mode]) / Self.jiffiesPerSecond) }
            row += 1
        }
        table.end()
        guard row > 0 else { throw files.malformed(Self.path, line: 1, "no processor has a whole line") }
        try throttles.collect(from: files, into: &readings)
    }

    /// The kernel's idle and iowait times step back now and then by a jiffy; a counter that falls looks like a restart to `rate`.
    private mutating func neverFalling(_ new: [10 of UInt64], row: Int, series: Labels) -> [10 of UInt64] {
        guard row < last.count, lastSeries[row] == series else {
            if row < last.count {
                (last[row], lastSeries[row]) = (new, series)
            } else {
                last.append(new)
                lastSeries.append(series)
            }
            return new
        }
        let old = last[row]
        var steady = new
        if !(new[3] < old[3] && old[3] - new[3] >= Self.resetJiffies) {
            for mode in 0..<10 { steady[mode] = max(old[mode], new[mode]) }
        }
        last[row] = steady
        return steady
    }
}

/// What else /proc/stat says: interrupts, context switches, forks, the boot time, processes that run or wait. Source: proc_stat(5).
struct StatCollector: Collector {
    static let name = "stat"
    private static let path = "proc/stat"
    private let file = KeptFile(path, .onePiece)

    let families = [
        MetricFamily("node_intr_total", .counter, "Total number of interrupts serviced."),
        MetricFamily("node_context_switches_total", .counter, "Total number of context switches."),
        MetricFamily("node_boot_time_seconds", .gauge, "Node boot time, in unixtime."),
        MetricFamily("node_forks_total", .counter, "Total number of forks."),
        MetricFamily("node_procs_running", .gauge, "Number of processes in runnable state."),
        MetricFamily("node_procs_blocked", .gauge, "Number of processes blocked waiting for I/O to complete."),
    ]
    private let series: [Labels]

    init() { series = families.map { $0.series() } }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let bytes = try file.read(from: files)
        let text = bytes.span
        var (lines, seen) = (LineCursor(), 0)
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let key = fields.next(in: text), let index = Self.index(of: key, in: text) else { continue }
            guard let value = fields.nextUInt64(in: text) else {
                throw files.malformed(Self.path, line: lines.number, "no number after \"\(text.text(key))\"")
            }
            readings.add(series[index], value)
            seen += 1
        }
        guard seen == series.count, lines.isComplete(in: text) else {
            throw files.malformed(
                Self.path,
                line: lines.number,
                "cut short: \(seen) of \(series.count) values are there"
            )
        }
    }

    private static func index(of key: Range<Int>, in text: Span<UInt8>) -> Int? {
        if text.holds("intr", at: key) { return 0 }
        if text.holds("ctxt", at: key) { return 1 }
        if text.holds("btime", at: key) { return 2 }
        if text.holds("processes", at: key) { return 3 }
        if text.holds("procs_running", at: key) { return 4 }
        if text.holds("procs_blocked", at: key) { return 5 }
        return nil
    }
}
