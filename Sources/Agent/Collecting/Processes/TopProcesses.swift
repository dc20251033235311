import Telemetry

/// The processes that use most CPU time and most memory.
///
/// At each collection the `size` processes that used most CPU time since the one before (none that used nothing), and the `size` with the largest
/// resident set. Of equals the one with more CPU time in all comes first, then the lower pid. A process that falls out of both lists is
/// shown for another minute, so that series do not flicker; one that ended is gone at once. Never more than 4 × `size` are shown: of those
/// that only linger, the longest out of the lists goes first.
struct TopProcesses: Sendable {
    private static let cpu = MetricFamily(
        "tocsin_top_process_cpu_seconds_total",
        .counter,
        "CPU time of the processes that use most CPU time or memory, since they started."
    )
    private static let memory = MetricFamily(
        "tocsin_top_process_resident_memory_bytes",
        .gauge,
        "Resident set of the processes that use most CPU time or memory."
    )
    static let families = [cpu, memory]
    static let lingering = Duration.seconds(60)

    private let size: Int
    private var shown: [Int32: Shown] = [:]

    private struct Shown {
        let start: UInt64
        let command: [UInt8]
        let cpu: Labels
        let memory: Labels
        var rankedAt: Timestamp
    }

    init(size: Int) { self.size = size }

    mutating func collect(_ table: ProcessTable, into readings: inout Readings) {
        let now = readings.timestamp
        for pid in ranked(table) {
            guard let entry = table.entry(pid) else { continue }
            if let known = shown[pid], known.start == entry.start, known.command == entry.command {
                shown[pid]?.rankedAt = now
            } else {
                let labels = [Label("name", String(decoding: entry.command, as: UTF8.self)), Label("pid", "\(pid)")]
                let series = Self.families.map { Labels(name: $0.name, labels) }
                shown[pid] = Shown(start: entry.start, command: entry.command, cpu: series[0], memory: series[1], rankedAt: now)
            }
        }
        for (pid, known) in shown {
            let entry = table.entry(pid)
            let isSame = entry.map { $0.start == known.start && $0.command == known.command } ?? false
            if !isSame || now.duration(since: known.rankedAt) > Self.lingering { shown[pid] = nil }
        }
        let order = shown.sorted { ($0.value.rankedAt, $1.key) > ($1.value.rankedAt, $0.key) }
        for (pid, _) in order.dropFirst(4 * size) { shown[pid] = nil }
        for (pid, known) in order.prefix(4 * size).sorted(by: { $0.key < $1.key }) {
            guard let entry = table.entry(pid) else { continue }
            readings.addPassing(known.cpu, Double(entry.ticks) / ProcessTable.ticksPerSecond)
            readings.addPassing(known.memory, Double(entry.residentPages) * ProcessTable.pageBytes)
        }
    }

    private func ranked(_ table: ProcessTable) -> Set<Int32> {
        typealias Rank = (main: UInt64, all: UInt64, pid: Int32)
        var (byCPU, byMemory): ([Rank], [Rank]) = ([], [])
        func insert(_ rank: Rank, into ranks: inout [Rank]) {
            if rank.main == 0 { return }
            let place = ranks.firstIndex { ($0.main, $0.all, rank.pid) < (rank.main, rank.all, $0.pid) } ?? ranks.count
            guard place < size else { return }
            ranks.insert(rank, at: place)
            if ranks.count > size { ranks.removeLast() }
        }
        for entry in table.entries {
            insert((entry.ticksSince, entry.ticks, entry.pid), into: &byCPU)
            insert((entry.residentPages, entry.ticks, entry.pid), into: &byMemory)
        }
        return Set((byCPU + byMemory).map(\.pid))
    }
}
