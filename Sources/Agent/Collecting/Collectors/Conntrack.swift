import Telemetry

/// The table of tracked connections. Source: /proc/sys/net/netfilter, /proc/net/stat/nf_conntrack (net/netfilter/nf_conntrack_standalone.c): a line a
/// processor, hexadecimal.
struct ConntrackCollector: Collector {
    static let name = "conntrack"
    private static let path = "proc/net/stat/nf_conntrack"
    /// Columns of the file, in the order of the families behind the first two.
    private static let columns = [2, 4, 5, 8, 9, 10, 11, 16]

    let families = [
        MetricFamily("node_nf_conntrack_entries", .gauge, "Number of currently allocated flow entries for connection tracking."),
        MetricFamily("node_nf_conntrack_entries_limit", .gauge, "Maximum size of connection tracking table."),
        MetricFamily("node_nf_conntrack_stat_found", .gauge, "Number of searched entries which were successful."),
        MetricFamily("node_nf_conntrack_stat_invalid", .gauge, "Number of packets seen which can not be tracked."),
        MetricFamily("node_nf_conntrack_stat_ignore", .gauge, "Number of packets seen which are already connected to a conntrack entry."),
        MetricFamily("node_nf_conntrack_stat_insert", .gauge, "Number of entries inserted into the list."),
        MetricFamily(
            "node_nf_conntrack_stat_insert_failed",
            .gauge,
            "Number of entries for which list insertion was attempted but failed."
        ),
        MetricFamily("node_nf_conntrack_stat_drop", .gauge, "Number of packets dropped due to conntrack failure."),
        MetricFamily(
            "node_nf_conntrack_stat_early_drop",
            .gauge,
            "Number of dropped conntrack entries to make room for new ones, if maximum table size was reached."
        ),
        MetricFamily(
            "node_nf_conntrack_stat_search_restart",
            .gauge,
            "Number of conntrack table lookups which had to be restarted due to hashtable resizes."
        ),
    ]
    private let series: [Labels]

    init() { series = families.map { $0.series() } }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        for (index, file) in ["nf_conntrack_count", "nf_conntrack_max"].enumerated() {
            let path = "proc/sys/net/netfilter/\(file)"
            guard let bytes = try files.readIfPresent(path) else { throw .noData("connections are not tracked here") }
            guard let value = bytes.span.unsigned(in: bytes.span.trimmed()) else {
                throw .malformed(path: files.root + "/" + path, line: 1, problem: "not a number")
            }
            readings.add(series[index], value)
        }
        guard let bytes = try files.readIfPresent(Self.path) else { return }
        let text = bytes.span
        var (lines, sums) = (LineCursor(), [UInt64](repeating: 0, count: Self.columns.count))
        while let line = lines.next(in: text) {
            guard lines.number > 1 else { continue }
            var (fields, values) = (FieldCursor(line), [UInt64]())
            while let field = fields.next(in: text) {
                guard let value = text.hexadecimal(in: field) else {
                    throw .malformed(path: files.root + "/" + Self.path, line: lines.number, problem: "\"\(text.text(field))\" is no number")
                }
                values.append(value)
            }
            guard values.count > 16 else {
                throw .malformed(path: files.root + "/" + Self.path, line: lines.number, problem: "\(values.count) columns where 17 belong")
            }
            for (index, column) in Self.columns.enumerated() { sums[index] &+= values[column] }
        }
        for (index, sum) in sums.enumerated() { readings.add(series[index + 2], sum) }
    }
}

extension Span<UInt8> {
    /// Hexadecimal digits as a number; nil for anything else and past 2⁶⁴.
    func hexadecimal(in range: Range<Int>) -> UInt64? {
        guard !range.isEmpty, range.count <= 16 else { return nil }
        var value: UInt64 = 0
        for index in range {
            let byte = self[index]
            let digit: UInt8
            switch byte {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = byte - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = byte - UInt8(ascii: "a") + 10
            case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = byte - UInt8(ascii: "A") + 10
            default: return nil
            }
            value = value << 4 | UInt64(digit)
        }
        return value
    }
}
