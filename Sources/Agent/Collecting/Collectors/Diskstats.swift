import Telemetry

/// What whole disks have read and written; partitions, RAM disks, loop and floppy devices are left out as node_exporter does by default.
/// Source: /proc/diskstats, the kernel's Documentation/admin-guide/iostats.rst. A sector is 512 bytes there, whatever the disk's own size.
struct DiskstatsCollector: Collector {
    static let name = "diskstats"
    private static let path = "proc/diskstats"
    private let file = KeptFile(path)
    private static let sectorBytes = 512.0
    private static let secondsPerMillisecond = 0.001

    /// node_exporter's default since 1.6; before, zram was shown.
    static let shown = NameFilter(excluding: #"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"#)

    private static let info = MetricFamily("node_disk_info", .gauge, "Info of /sys/block/<block_device>.")
    /// The columns after the device's name, and what one of their units is in ours.
    private static let columns: [(family: MetricFamily, unit: Double)] = [
        (MetricFamily("node_disk_reads_completed_total", .counter, "The total number of reads completed successfully."), 1),
        (MetricFamily("node_disk_reads_merged_total", .counter, "The total number of reads merged."), 1),
        (MetricFamily("node_disk_read_bytes_total", .counter, "The total number of bytes read successfully."), sectorBytes),
        (MetricFamily("node_disk_read_time_seconds_total", .counter, "The total number of seconds spent by all reads."), secondsPerMillisecond),
        (MetricFamily("node_disk_writes_completed_total", .counter, "The total number of writes completed successfully."), 1),
        (MetricFamily("node_disk_writes_merged_total", .counter, "The number of writes merged."), 1),
        (MetricFamily("node_disk_written_bytes_total", .counter, "The total number of bytes written successfully."), sectorBytes),
        (
            MetricFamily("node_disk_write_time_seconds_total", .counter, "This is the total number of seconds spent by all writes."),
            secondsPerMillisecond
        ),
        (MetricFamily("node_disk_io_now", .gauge, "The number of I/Os currently in progress."), 1),
        (MetricFamily("node_disk_io_time_seconds_total", .counter, "Total seconds spent doing I/Os."), secondsPerMillisecond),
        (MetricFamily("node_disk_io_time_weighted_seconds_total", .counter, "The weighted # of seconds spent doing I/Os."), secondsPerMillisecond),
        (MetricFamily("node_disk_discards_completed_total", .counter, "The total number of discards completed successfully."), 1),
        (MetricFamily("node_disk_discards_merged_total", .counter, "The total number of discards merged."), 1),
        (MetricFamily("node_disk_discarded_sectors_total", .counter, "The total number of sectors discarded successfully."), 1),
        (
            MetricFamily("node_disk_discard_time_seconds_total", .counter, "This is the total number of seconds spent by all discards."),
            secondsPerMillisecond
        ),
        (MetricFamily("node_disk_flush_requests_total", .counter, "The total number of flush requests completed successfully"), 1),
        (
            MetricFamily(
                "node_disk_flush_requests_time_seconds_total",
                .counter,
                "This is the total number of seconds spent by all flush requests."
            ),
            secondsPerMillisecond
        ),
    ]

    let families = [info] + columns.map(\.family)
    private let filter: NameFilter
    private var table = SeriesTable()

    init(_ filter: NameFilter = DiskstatsCollector.shown) { self.filter = filter }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let bytes = try file.read(from: files)
        let text = bytes.span
        var lines = LineCursor()
        table.begin()
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let major = fields.next(in: text), let minor = fields.next(in: text), let device = fields.next(in: text) else {
                throw files.malformed(Self.path, line: lines.number, "no device in \"\(text.text(line))\"")
            }
            let numbers = (text.text(major), text.text(minor))
            let series = try table.row(device, in: text, of: Self.path) { device in
                guard filter.takes(device) else { return [] }
                return [Self.info(of: device, numbers, files)] + Self.columns.map { $0.family.series(Label("device", device)) }
            }
            if series.isEmpty { continue }
            readings.add(series[0], 1.0)
            var count = 0
            while count < Self.columns.count, let field = fields.next(in: text) {
                guard let value = text.unsigned(in: field) else {
                    throw files.malformed(Self.path, line: lines.number, "\"\(text.text(field))\" is not a count")
                }
                readings.add(series[count + 1], Double(value) * Self.columns[count].unit)
                count += 1
            }
            // Eleven columns since Linux 2.6, fifteen since 4.18, seventeen since 5.5.
            guard count >= 11 else {
                throw files.malformed(Self.path, line: lines.number, "\(count) of at least 11 counts")
            }
        }
        table.end()
        guard lines.isComplete(in: text) else {
            throw files.malformed(Self.path, line: lines.number + 1, "cut short in the middle of a line")
        }
    }

    /// Model, serial number and so on as udev found them; empty where there is no udev. Read once per device. Source: /run/udev/data.
    private static func info(of device: String, _ numbers: (major: String, minor: String), _ files: KernelFiles) -> Labels {
        var properties: [String: String] = [:]
        if let bytes = try? files.readIfPresent("run/udev/data/b\(numbers.major):\(numbers.minor)") {
            for line in bytes.split(separator: UInt8(ascii: "\n")) where line.starts(with: "E:".utf8) {
                let pair = line.dropFirst(2)
                guard let equals = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
                properties[String(decoding: pair[..<equals], as: UTF8.self)] = String(decoding: pair[(equals + 1)...], as: UTF8.self)
            }
        }
        let serial = properties["SCSI_IDENT_SERIAL"] ?? properties["ID_SERIAL_SHORT"] ?? ""
        return info.series(
            Label("device", device),
            Label("major", numbers.major),
            Label("minor", numbers.minor),
            Label("path", properties["ID_PATH"] ?? ""),
            Label("wwn", properties["ID_WWN"] ?? ""),
            Label("model", properties["ID_MODEL"] ?? ""),
            Label("serial", serial),
            Label("revision", properties["ID_REVISION"] ?? "")
        )
    }
}
