import Glibc
import Telemetry

/// How many processes there are, by state, and how many threads, with the limits of both. Source: /proc/PID/stat (proc_pid_stat(5)),
/// /proc/sys/kernel. Threads by state are not read: that would open one file a thread.
struct PidStatCollector: Collector {
    static let name = "processes"
    private static let states = MetricFamily("node_processes_state", .gauge, "Number of processes in each state.")

    let families = [
        states,
        MetricFamily("node_processes_threads", .gauge, "Allocated threads in system"),
        MetricFamily("node_processes_max_threads", .gauge, "Limit of threads in the system"),
        MetricFamily("node_processes_pids", .gauge, "Number of PIDs"),
        MetricFamily("node_processes_max_processes", .gauge, "Number of max PIDs limit"),
    ]
    private let series: [Labels]
    private var stateSeries: [UInt8: Labels] = [:]

    init() { series = families.map { $0.series() } }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        var (pids, threads): (UInt64, UInt64) = (0, 0)
        var counts: [UInt8: UInt64] = [:]
        for name in try files.names(in: "proc") where name.utf8.allSatisfy({ $0 &- UInt8(ascii: "0") < 10 }) {
            guard let process = process(name, files) else { continue }
            pids += 1
            threads &+= process.threads
            counts[process.state, default: 0] += 1
        }
        // A state that was there once stays at 0: a series that comes and goes makes holes in graphs.
        for state in stateSeries.keys where counts[state] == nil { counts[state] = 0 }
        for (state, count) in counts.sorted(by: { $0.key < $1.key }) {
            let series = stateSeries[state] ?? Self.states.series(Label("state", String(UnicodeScalar(state))))
            stateSeries[state] = series
            readings.add(series, count)
        }
        readings.add(series[1], threads)
        readings.add(series[2], try limit("proc/sys/kernel/threads-max", files))
        readings.add(series[3], pids)
        readings.add(series[4], try limit("proc/sys/kernel/pid_max", files))
    }

    /// Nil for a process that ended between the listing and now, and for one that is not shown to us.
    private func process(_ pid: String, _ files: KernelFiles) -> (state: UInt8, threads: UInt64)? {
        guard let bytes = try? files.read("proc/\(pid)/stat") else { return nil }
        let text = bytes.span
        // The command stands in parentheses and may hold blanks and parentheses itself: the last ")" ends it.
        var end = text.count - 1
        while end >= 0, text[end] != UInt8(ascii: ")") { end -= 1 }
        guard end >= 0 else { return nil }
        var fields = FieldCursor(end + 1..<text.count)
        guard let state = fields.next(in: text), state.count == 1, text[state.lowerBound] < 0x80 else { return nil }
        // num_threads is field 20; the state was field 3.
        for _ in 4..<20 where fields.next(in: text) == nil { return nil }
        guard let threads = fields.nextUInt64(in: text) else { return nil }
        return (text[state.lowerBound], threads)
    }

    private func limit(_ path: String, _ files: KernelFiles) throws(CollectError) -> UInt64 {
        let bytes = try files.read(path)
        let text = bytes.span
        guard let value = text.unsigned(in: text.trimmed()) else {
            throw .malformed(path: files.root + "/" + path, line: 1, problem: "not a number")
        }
        return value
    }
}
