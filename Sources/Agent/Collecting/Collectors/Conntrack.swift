import Telemetry

/// Connections that the firewall follows, and what became of the searches for them. Source: /proc/sys/net/netfilter,
/// /proc/net/stat/nf_conntrack: one line of hexadecimal counts a processor.
struct ConntrackCollector: Collector {
    static let name = "conntrack"
    private static let path = "proc/net/stat/nf_conntrack"
    private static let numbers = [
        MetricFamily("node_nf_conntrack_entries", .gauge, "Number of currently allocated flow entries for connection tracking."),
        MetricFamily("node_nf_conntrack_entries_limit", .gauge, "Maximum size of connection tracking table."),
    ]
    /// Column of the file, which has 16 or 17 of them; the kernel only ever changed the last ones.
    private static let columns: [(column: Int, family: MetricFamily)] = [
        (2, stat("found", "Number of searched entries which were successful.")),
        (4, stat("invalid", "Number of packets seen which can not be tracked.")),
        (5, stat("ignore", "Number of packets seen which are already connected to a conntrack entry.")),
        (8, stat("insert", "Number of entries inserted into the list.")),
        (9, stat("insert_failed", "Number of entries for which list insertion was attempted but failed.")),
        (10, stat("drop", "Number of packets dropped due to conntrack failure.")),
        (11, stat("early_drop", "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached.")),
        (16, stat("search_restart", "Number of conntrack table lookups which had to be restarted due to hashtable resizes.")),
    ]

    private static func stat(_ name: String, _ help: String) -> MetricFamily { MetricFamily("node_nf_conntrack_stat_\(name)", .gauge, help) }

    let families = numbers + columns.map(\.family)
    private let series: [Labels]
    private let count = KeptFile("proc/sys/net/netfilter/nf_conntrack_count")
    private let limit = KeptFile("proc/sys/net/netfilter/nf_conntrack_max")
    private let file = KeptFile(path)

    init() { series = families.map { $0.series() } }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        for (index, number) in [count, limit].enumerated() {
            guard let bytes = try number.readIfPresent(from: files) else { throw .noData("no connections are followed: nf_conntrack is not loaded") }
            readings.add(series[index], try files.count(in: bytes, of: number.path))
        }
        // CONFIG_NF_CONNTRACK_PROCFS may be off: the two numbers are still worth having.
        guard let bytes = try file.readIfPresent(from: files) else { return }
        let text = bytes.span
        var lines = LineCursor()
        var sums = [UInt64](repeating: 0, count: 17)
        while let line = lines.next(in: text) {
            if lines.number == 1 { continue }
            var (fields, column) = (FieldCursor(line), 0)
            while column < 17, let field = fields.next(in: text) {
                guard let value = text.hexadecimal(in: field) else {
                    throw files.malformed(Self.path, line: lines.number, "\"\(text.text(field))\" is not a hexadecimal count")
                }
                sums[column] &+= value
                column += 1
            }
            guard column >= 16 else { throw files.malformed(Self.path, line: lines.number, "\(column) of at least 16 columns") }
        }
        guard lines.number >= 2, lines.isComplete(in: text) else {
            throw files.malformed(Self.path, line: lines.number + 1, "cut short in the middle of a line")
        }
        for (index, column) in Self.columns.enumerated() { readings.add(series[index + 2], sums[column.column]) }
    }
}
