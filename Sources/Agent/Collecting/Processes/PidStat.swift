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
    private var processes: ProcessFiles?
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
        let processes: ProcessFiles
        if let known = self.processes { processes = known } else { processes = try ProcessFiles(of: files) }
        self.processes = processes
        var (pids, threads): (UInt64, UInt64) = (0, 0)
        var counts = [128 of UInt64](repeating: 0)
        let isListed = top != nil || named != nil
        table.begin()
        try processes.forEach { (pid, text, isSame) throws(CollectError) in
            let (state, processThreads): (UInt8, UInt64)
            if isSame, let known = table.keep(pid) {
                (state, processThreads) = known
            } else {
                guard let process = ProcessReading(pid: pid, text) else { return }
                (state, processThreads) = (process.state, process.threads)
                if isListed {
                    guard pids < ProcessLimits.processesMax else { throw .tooManyRows(path: files.root + "/proc") }
                    table.add(process, command: text.extracting(process.command))
                }
            }
            pids += 1
            threads &+= processThreads
            counts[Int(state)] += 1
        }
        table.end()
        // A state that was there once stays at 0: a series that comes and goes makes holes in graphs.
        for state in 0..<counts.count where counts[state] > 0 || stateSeries[UInt8(state)] != nil {
            let letter = UInt8(state)
            let series = stateSeries[letter] ?? Self.states.series(Label("state", String(UnicodeScalar(letter))))
            stateSeries[letter] = series
            readings.add(series, counts[state])
        }
        readings.add(series[1], threads)
        readings.add(series[2], try limit(limits[0], files))
        readings.add(series[3], pids)
        readings.add(series[4], try limit(limits[1], files))
        top?.collect(table, into: &readings)
        if named != nil { named?.collect(&table, try OpenFolder("proc", of: files), &buffer, into: &readings) }
    }

    private func limit(_ file: KeptFile, _ files: KernelFiles) throws(CollectError) -> UInt64 {
        try files.count(in: try file.read(from: files), of: file.path)
    }
}
