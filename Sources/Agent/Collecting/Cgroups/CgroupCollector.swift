import Glibc
import Telemetry

/// What services and containers use: CPU, memory, disks, processes. Source: the second version's control groups,
/// Documentation/admin-guide/cgroup-v2.rst. Which groups there are, their limits and their kills are read every 30 s, their use at each collection.
struct CgroupCollector: Collector {
    static let name = "cgroups"
    /// From one look at which groups there are to the next.
    private static let scanInterval = Duration.seconds(30)

    private static let perGroup = [
        MetricFamily("tocsin_cgroup_cpu_user_seconds_total", .counter, "CPU time in user mode."),
        MetricFamily("tocsin_cgroup_cpu_system_seconds_total", .counter, "CPU time in the kernel."),
        MetricFamily("tocsin_cgroup_cpu_throttled_seconds_total", .counter, "Time that the group waited because of its CPU limit."),
        MetricFamily("tocsin_cgroup_memory_bytes", .gauge, "Memory of the group, page cache included, as its limit counts it."),
        MetricFamily("tocsin_cgroup_memory_limit_bytes", .gauge, "The group's own memory limit; missing when it has none."),
        MetricFamily("tocsin_cgroup_oom_kills_total", .counter, "Processes of the group killed for want of memory."),
        MetricFamily("tocsin_cgroup_io_read_bytes_total", .counter, "Bytes read from disks."),
        MetricFamily("tocsin_cgroup_io_written_bytes_total", .counter, "Bytes written to disks."),
        MetricFamily("tocsin_cgroup_io_reads_completed_total", .counter, "Read requests to disks."),
        MetricFamily("tocsin_cgroup_io_writes_completed_total", .counter, "Write requests to disks."),
        MetricFamily("tocsin_cgroup_pids", .gauge, "Processes and threads of the group."),
        MetricFamily("tocsin_cgroup_pids_limit", .gauge, "The group's own limit of processes and threads; missing when it has none."),
    ]
    private static let omitted = MetricFamily("tocsin_cgroups_omitted", .gauge, "Services and containers over collect.cgroups.max.")

    let families = perGroup + [omitted]
    private let most: Int
    private let omittedSeries = omitted.series()
    private var groups: [Group] = []
    private var omittedCount = 0
    private var scannedAt: Timestamp?
    private var buffer = [UInt8](repeating: 0, count: 4096)
    /// A device's number → whether its traffic counts.
    private var devices: [[UInt8]: Bool] = [:]

    private struct Group {
        let found: CgroupTree.Found
        let series: [Labels]
        var io = CgroupIO()
        var memoryLimit: UInt64?
        var kills: UInt64?
        var pidsLimit: UInt64?
    }

    init(_ config: CollectConfig = CollectConfig()) { most = config.cgroupsMax }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let age = scannedAt.map { readings.timestamp.duration(since: $0) }
        if age.map({ $0 < .zero || $0 >= Self.scanInterval }) ?? true {
            try scan(files)
            scannedAt = readings.timestamp
        }
        for index in groups.indices where try !read(index, files, into: &readings) {
            // It ended: look soon which took its place.
            scannedAt = nil
        }
        readings.add(omittedSeries, UInt64(omittedCount))
    }

    private mutating func scan(_ files: KernelFiles) throws(CollectError) {
        let tree = try CgroupTree(scanning: files)
        let known = Dictionary(groups.map { ($0.found, $0) }, uniquingKeysWith: { first, _ in first })
        omittedCount = max(0, tree.found.count - most)
        groups = tree.found.prefix(most).map { found in
            if let group = known[found] { return group }
            let labels = [Label("cgroup", found.path), Label("kind", found.name.kind.rawValue), Label("name", found.name.name)]
            return Group(found: found, series: Self.perGroup.map { Labels(name: $0.name, labels) })
        }
        for index in groups.indices {
            guard let folder = try? OpenFolder(CgroupTree.root + groups[index].found.path, of: files) else { continue }
            groups[index].memoryLimit = try number(folder, "memory.max")
            groups[index].pidsLimit = try number(folder, "pids.max")
            groups[index].kills = try field("oom_kill", folder, "memory.events")
        }
    }

    /// - Returns: false when the group is gone.
    private mutating func read(_ index: Int, _ files: KernelFiles, into readings: inout Readings) throws(CollectError) -> Bool {
        let folder: OpenFolder
        do throws(CollectError) { folder = try OpenFolder(CgroupTree.root + groups[index].found.path, of: files) } catch {
            if case .unreadable(_, let code) = error, code != ENOENT { throw error }
            return false
        }
        let series = groups[index].series
        let microseconds = 1e6
        if let user = try field("user_usec", folder, "cpu.stat"), let system = try field("system_usec", folder, "cpu.stat", again: true) {
            readings.add(series[0], Double(user) / microseconds)
            readings.add(series[1], Double(system) / microseconds)
            if let throttled = try field("throttled_usec", folder, "cpu.stat", again: true) {
                readings.add(series[2], Double(throttled) / microseconds)
            }
        }
        if let bytes = try number(folder, "memory.current") {
            readings.add(series[3], bytes)
            if let limit = groups[index].memoryLimit { readings.add(series[4], limit) }
            if let kills = groups[index].kills { readings.add(series[5], kills) }
        }
        if let count = try load(folder, "io.stat") {
            let devices: [CgroupIO.Device]
            do throws(CgroupIO.BadLine) { devices = try CgroupIO.parse(buffer.span.extracting(0..<count)) } catch {
                throw .malformed(path: folder.path + "/io.stat", line: error.number, problem: "not device:number rbytes=… wbytes=… rios=… wios=…")
            }
            groups[index].io.take(devices.filter { isCounted($0.name, files) })
            let total = groups[index].io.total
            for (offset, value) in [total.readBytes, total.writtenBytes, total.reads, total.writes].enumerated() {
                readings.add(series[6 + offset], value)
            }
        }
        if let pids = try number(folder, "pids.current") {
            readings.add(series[10], pids)
            if let limit = groups[index].pidsLimit { readings.add(series[11], limit) }
        }
        return true
    }

    // MARK: Files

    /// The file into the buffer; nil when it is not there: a controller that is not switched on for this group, or the group ended.
    private mutating func load(_ folder: borrowing OpenFolder, _ name: String) throws(CollectError) -> Int? {
        while true {
            guard let count = folder.read(name, into: &buffer) else {
                guard [ENOENT, ENODEV, EOPNOTSUPP, EACCES].contains(errno) else { throw .unreadable(path: "\(folder.path)/\(name)", errno: errno) }
                return nil
            }
            if count < buffer.count { return count }
            guard buffer.count < CollectingLimits.fileBytesMax else { throw .tooLarge(path: "\(folder.path)/\(name)") }
            buffer += [UInt8](repeating: 0, count: buffer.count)
        }
    }

    /// A file of one number; nil for `max` too.
    private mutating func number(_ folder: borrowing OpenFolder, _ name: String) throws(CollectError) -> UInt64? {
        guard let count = try load(folder, name) else { return nil }
        let text = buffer.span.extracting(0..<count)
        guard count > 0, text[count - 1] == UInt8(ascii: "\n") else {
            throw .malformed(path: "\(folder.path)/\(name)", line: 1, problem: "no whole line")
        }
        let word = text.trimmed()
        if text.holds("max", at: word) { return nil }
        guard let value = text.unsigned(in: word) else {
            throw .malformed(path: "\(folder.path)/\(name)", line: 1, problem: "\"\(text.excerpt(word))\" is neither a number nor max")
        }
        return value
    }

    /// The number of one line `key number` of a file.
    /// - Parameter again: the file is in the buffer from the call before.
    private mutating func field(_ key: StaticString, _ folder: borrowing OpenFolder, _ name: String, again: Bool = false) throws(CollectError)
        -> UInt64?
    {
        if !again {
            guard let count = try load(folder, name) else { return nil }
            used = count
        }
        let text = buffer.span.extracting(0..<used)
        var lines = LineCursor()
        var result: UInt64?
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let word = fields.next(in: text), text.holds(key, at: word) else { continue }
            guard let value = fields.nextUInt64(in: text) else {
                throw .malformed(path: "\(folder.path)/\(name)", line: lines.number, problem: "\"\(text.excerpt(line))\" has no number")
            }
            result = value
        }
        guard lines.isComplete(in: text) else {
            throw .malformed(path: "\(folder.path)/\(name)", line: lines.number + 1, problem: "no whole line")
        }
        return result
    }

    /// Bytes of the buffer that are the file read last.
    private var used = 0

    /// Loop devices (7) and stacked ones only pass on what reaches a disk.
    private mutating func isCounted(_ device: [UInt8], _ files: KernelFiles) -> Bool {
        if let known = devices[device] { return known }
        let name = String(decoding: device, as: UTF8.self)
        let below = (try? files.names(in: "sys/dev/block/\(name)/slaves")) ?? []
        let counts = below.isEmpty && !name.hasPrefix("7:")
        if devices.count > CollectingLimits.rowsMax { devices = [:] }
        devices[device] = counts
        return counts
    }
}
