import Glibc
import Telemetry

/// How many processes there are, by state, and how many threads, with the limits of both; besides, the largest processes and those that the
/// configuration names, all from one reading of each `/proc/PID/stat`. Source: proc_pid_stat(5), /proc/sys/kernel. Threads by state are not
/// read: that would open one file a thread.
struct PidStatCollector: Collector {
    static let name = "processes"
    private static let states = MetricFamily("node_processes_state", .gauge, "Number of processes in each state.")
    private static let plain = [
        states,
        MetricFamily("node_processes_threads", .gauge, "Allocated threads in system"),
        MetricFamily("node_processes_max_threads", .gauge, "Limit of threads in the system"),
        MetricFamily("node_processes_pids", .gauge, "Number of PIDs"),
        MetricFamily("node_processes_max_processes", .gauge, "Number of max PIDs limit"),
    ]

    let families: [MetricFamily]
    private let series = plain.map { $0.series() }
    private let limits = [KeptFile("proc/sys/kernel/threads-max"), KeptFile("proc/sys/kernel/pid_max")]
    private var stateSeries: [UInt8: Labels] = [:]
    private var table = ProcessTable()
    private var top: TopProcesses?
    private var named: NamedProcesses?
    private var buffer = [UInt8](repeating: 0, count: 4096)

    init(_ config: CollectConfig = CollectConfig()) {
        top = config.topProcesses > 0 ? TopProcesses(size: config.topProcesses) : nil
        named = config.namedProcesses.isEmpty ? nil : NamedProcesses(config.namedProcesses)
        families = Self.plain + (top == nil ? [] : TopProcesses.families) + (named == nil ? [] : NamedProcesses.families)
    }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let folder = try OpenFolder("proc", of: files)
        var buffer: [UInt8] = []
        swap(&buffer, &self.buffer)
        defer { swap(&buffer, &self.buffer) }
        var (pids, threads): (UInt64, UInt64) = (0, 0)
        var counts: [UInt8: UInt64] = [:]
        table.begin()
        for name in try files.names(in: "proc") {
            // Nil for a process that ended between the listing and now, and for one that is not shown to us.
            guard let pid = Int32(name), pid > 0, let count = folder.read("\(name)/stat", into: &buffer) else { continue }
            guard let process = ProcessReading(pid: pid, buffer.span.extracting(0..<count)) else { continue }
            pids += 1
            threads &+= process.threads
            counts[process.state, default: 0] += 1
            if top != nil || named != nil {
                guard pids <= ProcessLimits.processesMax else { throw .tooManyRows(path: folder.path) }
                table.add(process, command: buffer.span.extracting(process.command))
            }
        }
        table.end()
        // A state that was there once stays at 0: a series that comes and goes makes holes in graphs.
        for state in stateSeries.keys where counts[state] == nil { counts[state] = 0 }
        for (state, count) in counts.sorted(by: { $0.key < $1.key }) {
            let series = stateSeries[state] ?? Self.states.series(Label("state", String(UnicodeScalar(state))))
            stateSeries[state] = series
            readings.add(series, count)
        }
        readings.add(series[1], threads)
        readings.add(series[2], try limit(limits[0], files))
        readings.add(series[3], pids)
        readings.add(series[4], try limit(limits[1], files))
        top?.collect(table, into: &readings)
        named?.collect(&table, folder, &buffer, into: &readings)
    }

    private func limit(_ file: KeptFile, _ files: KernelFiles) throws(CollectError) -> UInt64 {
        try files.count(in: try file.read(from: files), of: file.path)
    }
}
