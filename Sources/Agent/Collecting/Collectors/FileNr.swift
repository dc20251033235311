import Telemetry

/// Open files of the whole system and their limit. Source: /proc/sys/fs/file-nr, proc_sys_fs(5).
struct FileNrCollector: Collector {
    static let name = "filefd"
    private static let path = "proc/sys/fs/file-nr"
    private let file = KeptFile(path)

    let families = [
        MetricFamily("node_filefd_allocated", .gauge, "File descriptor statistics: allocated."),
        MetricFamily("node_filefd_maximum", .gauge, "File descriptor statistics: maximum."),
    ]
    private let series: [Labels]

    init() { series = families.map { $0.series() } }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let bytes = try file.read(from: files)
        let text = bytes.span
        var lines = LineCursor()
        guard let line = lines.next(in: text) else { throw files.malformed(Self.path, line: 1, "no whole line") }
        var fields = FieldCursor(line)
        // The second number, free ones, has been 0 since Linux 2.6.
        guard let allocated = fields.nextUInt64(in: text), fields.nextUInt64(in: text) != nil, let maximum = fields.nextUInt64(in: text) else {
            throw files.malformed(Self.path, line: 1, "\"\(text.text(line))\" is not three numbers")
        }
        readings.add(series[0], allocated)
        readings.add(series[1], maximum)
    }
}
