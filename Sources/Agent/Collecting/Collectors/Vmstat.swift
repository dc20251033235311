import Telemetry

/// Paging, faults, swap and kills for want of memory. Source: /proc/vmstat, the fields of node_exporter's default filter
/// `^(oom_kill|pgpg|pswp|pg.*fault).*`.
struct VmstatCollector: Collector {
    static let name = "vmstat"
    private static let path = "proc/vmstat"

    private(set) var families: [MetricFamily] = []
    private var table = SeriesTable()

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let bytes = try files.read(Self.path)
        let text = bytes.span
        var (lines, met) = (LineCursor(), [MetricFamily]())
        table.begin()
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let field = fields.next(in: text), Self.isShown(field, in: text) else { continue }
            guard let value = fields.nextUInt64(in: text) else {
                throw .malformed(path: files.root + "/" + Self.path, line: lines.number, problem: "no number after \"\(text.text(field))\"")
            }
            let series = try table.row(field, in: text, of: Self.path) { field in
                met.append(MetricFamily("node_vmstat_\(field)", .untyped, "/proc/vmstat information field \(field)."))
                return [met[met.count - 1].series()]
            }
            readings.add(series[0], value)
        }
        table.end()
        for family in met where !families.contains(family) { families.append(family) }
        guard lines.number > 0, lines.isComplete(in: text) else {
            throw .malformed(path: files.root + "/" + Self.path, line: lines.number + 1, problem: "cut short in the middle of a line")
        }
    }

    private static func isShown(_ field: Range<Int>, in text: Span<UInt8>) -> Bool {
        if text.starts(with: "oom_kill", at: field) || text.starts(with: "pgpg", at: field) || text.starts(with: "pswp", at: field) { return true }
        guard text.starts(with: "pg", at: field), field.count >= 7 else { return false }
        return (field.lowerBound + 2...field.upperBound - 5).contains { text.holds("fault", at: $0..<$0 + 5) }
    }
}
