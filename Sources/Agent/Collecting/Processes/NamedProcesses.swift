package import Matching
import Telemetry

/// One entry of `collect.processes.named`.
package struct NamedProcess: Sendable, Hashable {
    /// The label `name`.
    package var name: String
    /// Matched against the command line, its arguments divided by blanks, as `ps -ef` shows it; `[name]` for threads of the kernel.
    package var match: Pattern

    package init(name: String, match: Pattern) { (self.name, self.match) = (name, match) }
}

/// The processes that the configuration names, each name's added up. A process counts for the first entry that matches it.
struct NamedProcesses: Sendable {
    static let families = [
        MetricFamily("tocsin_named_processes", .gauge, "Processes of this name."),
        MetricFamily("tocsin_named_process_threads", .gauge, "Threads of the processes of this name."),
        MetricFamily(
            "tocsin_named_process_cpu_seconds_total",
            .counter,
            "CPU time of the processes of this name, of those that have ended too, since the agent started or they did."
        ),
        MetricFamily("tocsin_named_process_resident_memory_bytes", .gauge, "Resident sets of the processes of this name."),
        MetricFamily(
            "tocsin_named_process_open_fds",
            .gauge,
            "Open files of the processes of this name; missing when one of them may not be looked at."
        ),
    ]

    private var groups: [Group]
    private let patterns: [Pattern]

    private struct Group {
        let series: [Labels]
        /// Grows by what each process has used since the collection before, so that one that ends takes nothing away.
        var ticks: UInt64 = 0
    }

    private struct Total {
        var (count, threads, pages): (UInt64, UInt64, UInt64) = (0, 0, 0)
        var openFiles: Int? = 0
    }

    init(_ config: [NamedProcess]) {
        groups = config.map { entry in Group(series: Self.families.map { $0.series(Label("name", entry.name)) }) }
        patterns = config.map(\.match)
    }

    mutating func collect(_ table: inout ProcessTable, _ proc: borrowing OpenFolder, _ buffer: inout [UInt8], into readings: inout Readings) {
        var totals = [Total](repeating: Total(), count: groups.count)
        for entry in table.entries {
            let group = group(of: entry, &table, proc, &buffer, at: readings.timestamp)
            guard group >= 0 else { continue }
            groups[group].ticks &+= entry.ticksSince
            totals[group].count += 1
            totals[group].threads &+= entry.threads
            totals[group].pages &+= entry.residentPages
            if totals[group].count > ProcessLimits.countedMax {
                totals[group].openFiles = nil
            } else if entry.state != UInt8(ascii: "Z"), let sum = totals[group].openFiles {
                totals[group].openFiles = proc.count(in: "\(entry.pid)/fd").map { sum + $0 }
            }
        }
        for (group, total) in zip(groups, totals) {
            readings.add(group.series[0], total.count)
            readings.add(group.series[1], total.threads)
            readings.add(group.series[2], Double(group.ticks) / ProcessTable.ticksPerSecond)
            readings.add(group.series[3], Double(total.pages) * ProcessTable.pageBytes)
            if let openFiles = total.openFiles { readings.add(group.series[4], Double(openFiles)) }
        }
    }

    private func group(
        of entry: ProcessTable.Entry,
        _ table: inout ProcessTable,
        _ proc: borrowing OpenFolder,
        _ buffer: inout [UInt8],
        at now: Timestamp
    ) -> Int {
        if let group = entry.group, let moment = entry.groupedAt {
            // A zombie has no command line any more: it is what it was.
            let age = now.duration(since: moment)
            if entry.state == UInt8(ascii: "Z") || (age >= .zero && age < ProcessLimits.regroupAfter) { return group }
        }
        let line = commandLine(of: entry, proc, &buffer)
        let group = patterns.firstIndex { $0.matches(line.span) } ?? -1
        table.assign(entry.pid, to: group, at: now)
        return group
    }

    private func commandLine(of entry: ProcessTable.Entry, _ proc: borrowing OpenFolder, _ buffer: inout [UInt8]) -> [UInt8] {
        var line = Array(buffer[..<min(ProcessLimits.commandLineBytesMax, proc.read("\(entry.pid)/cmdline", into: &buffer) ?? 0)])
        while line.last == 0 { line.removeLast() }
        if line.isEmpty { return [UInt8(ascii: "[")] + entry.command + [UInt8(ascii: "]")] }
        for index in line.indices where line[index] == 0 { line[index] = UInt8(ascii: " ") }
        return line
    }
}
