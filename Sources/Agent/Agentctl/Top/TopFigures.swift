import JSON
import Telemetry

/// What `top` shows of the host: two collections, and what lies between them. Pure.
struct TopFigures {
    struct Disk { var name: String, readBytes: Double, writtenBytes: Double, busyShare: Double }
    struct Interface { var name: String, receivedBytes: Double, sentBytes: Double }
    struct Filesystem { var mount: String, sizeBytes: Double, availableBytes: Double, usedShare: Double }

    var loads: [Double] = []
    /// Shares of all CPUs' time, 0 to 1, by mode; `idle` and `iowait` are not busy.
    var modes: [String: Double] = [:]
    var cpus = 0
    var memoryBytes = 0.0
    var memoryAvailableBytes = 0.0
    var memoryCachedBytes = 0.0
    var swapBytes = 0.0
    var swapUsedBytes = 0.0
    /// A second's worth; the busiest first.
    var disks: [Disk] = []
    var interfaces: [Interface] = []
    /// The fullest first.
    var filesystems: [Filesystem] = []

    var cpuBusyShare: Double { modes.isEmpty ? 0 : max(0, 1 - (modes["idle"] ?? 0) - (modes["iowait"] ?? 0)) }
    var memoryUsedShare: Double { memoryBytes > 0 ? 1 - memoryAvailableBytes / memoryBytes : 0 }

    /// The collectors that are asked.
    static let collectors: Set<String> = ["cpu", "diskstats", "filesystem", "loadavg", "meminfo", "netdev"]

    /// - Parameter before: the collection before; the same one gives no rates.
    init(_ now: [Sample], before: [Sample]) {
        let earlier = Dictionary(before.map { ($0.series, $0) }, uniquingKeysWith: { first, _ in first })
        var (rates, values): ([String: [(Labels, Double)]], [String: [(Labels, Double)]]) = ([:], [:])
        for sample in now {
            guard let name = sample.series.name else { continue }
            values[name, default: []].append((sample.series, sample.value))
            guard name.hasSuffix("_total"), let past = earlier[sample.series] else { continue }
            let seconds = sample.timestamp.duration(since: past.timestamp).inSeconds
            // A counter that was reset, or a clock: no rate.
            guard seconds > 0, sample.value >= past.value else { continue }
            rates[name, default: []].append((sample.series, (sample.value - past.value) / seconds))
        }
        func value(_ name: String) -> Double { values[name]?.first?.1 ?? 0 }
        func byDevice(_ name: String) -> [String: Double] {
            Dictionary((rates[name] ?? []).map { ($0.0["device"] ?? "", $0.1) }, uniquingKeysWith: +)
        }
        loads = ["node_load1", "node_load5", "node_load15"].compactMap { values[$0]?.first?.1 }
        readCPU(rates["node_cpu_seconds_total"] ?? [], values["node_cpu_seconds_total"] ?? [])
        memoryBytes = value("node_memory_MemTotal_bytes")
        memoryAvailableBytes = value("node_memory_MemAvailable_bytes")
        memoryCachedBytes = value("node_memory_Cached_bytes") + value("node_memory_Buffers_bytes")
        swapBytes = value("node_memory_SwapTotal_bytes")
        swapUsedBytes = swapBytes - value("node_memory_SwapFree_bytes")
        let (reads, writes) = (byDevice("node_disk_read_bytes_total"), byDevice("node_disk_written_bytes_total"))
        disks = byDevice("node_disk_io_time_seconds_total").map { name, busy in
            Disk(name: name, readBytes: reads[name] ?? 0, writtenBytes: writes[name] ?? 0, busyShare: min(1, busy))
        }.sorted { ($0.readBytes + $0.writtenBytes, $1.name) > ($1.readBytes + $1.writtenBytes, $0.name) }
        let sent = byDevice("node_network_transmit_bytes_total")
        interfaces = byDevice("node_network_receive_bytes_total").map { name, received in
            Interface(name: name, receivedBytes: received, sentBytes: sent[name] ?? 0)
        }.sorted { ($0.receivedBytes + $0.sentBytes, $1.name) > ($1.receivedBytes + $1.sentBytes, $0.name) }
        readFilesystems(values)
    }

    private mutating func readCPU(_ rates: [(Labels, Double)], _ values: [(Labels, Double)]) {
        cpus = Set(values.compactMap { $0.0["cpu"] }).count
        let total = rates.reduce(0) { $0 + $1.1 }
        guard total > 0 else { return }
        for (series, rate) in rates { modes[series["mode"] ?? "", default: 0] += rate / total }
    }

    private mutating func readFilesystems(_ values: [String: [(Labels, Double)]]) {
        func byMount(_ name: String) -> [String: Double] {
            Dictionary((values[name] ?? []).map { ($0.0["mountpoint"] ?? "", $0.1) }, uniquingKeysWith: { first, _ in first })
        }
        let (available, free) = (byMount("node_filesystem_avail_bytes"), byMount("node_filesystem_free_bytes"))
        filesystems = byMount("node_filesystem_size_bytes").compactMap { mount, size in
            guard size > 0 else { return nil }
            let used = size - (free[mount] ?? 0)
            // As df counts it: root's reserve is neither used nor available.
            let reachable = used + (available[mount] ?? 0)
            return Filesystem(mount: mount, sizeBytes: size, availableBytes: available[mount] ?? 0, usedShare: reachable > 0 ? used / reachable : 0)
        }.sorted { ($0.usedShare, $1.mount) > ($1.usedShare, $0.mount) }
    }

    /// For programs.
    func write(to writer: inout JSONWriter, agent: JSON?) {
        writer.beginObject()
        writer.key("cpu")
        writer.beginObject()
        writer.member("count", cpus)
        writer.member("busy", cpuBusyShare)
        writer.key("modes")
        writer.beginObject()
        for (mode, share) in modes.sorted(by: { $0.key < $1.key }) { writer.member(mode, share) }
        writer.endObject()
        writer.key("load")
        writer.beginArray()
        for load in loads { writer.double(load) }
        writer.endArray()
        writer.endObject()
        writer.key("memory")
        writer.beginObject()
        for (key, value) in [
            ("bytes", memoryBytes), ("available_bytes", memoryAvailableBytes), ("cached_bytes", memoryCachedBytes), ("swap_bytes", swapBytes),
            ("swap_used_bytes", swapUsedBytes),
        ] { writer.member(key, value) }
        writer.endObject()
        writer.member("disks", objects: disks) { disk, writer in
            writer.member("device", disk.name)
            writer.member("read_bytes_per_second", disk.readBytes)
            writer.member("written_bytes_per_second", disk.writtenBytes)
            writer.member("busy", disk.busyShare)
        }
        writer.member("filesystems", objects: filesystems) { filesystem, writer in
            writer.member("mountpoint", filesystem.mount)
            writer.member("size_bytes", filesystem.sizeBytes)
            writer.member("available_bytes", filesystem.availableBytes)
            writer.member("used", filesystem.usedShare)
        }
        writer.member("interfaces", objects: interfaces) { interface, writer in
            writer.member("device", interface.name)
            writer.member("received_bytes_per_second", interface.receivedBytes)
            writer.member("sent_bytes_per_second", interface.sentBytes)
        }
        writer.key("agent")
        if let agent { writer.value(agent) } else { writer.null() }
        writer.endObject()
    }
}
