import Telemetry

/// Paging, faults, swap and kills for want of memory. Source: /proc/vmstat, the fields of node_exporter's default filter
/// `^(oom_kill|pgpg|pswp|pg.*fault).*`.
struct VmstatCollector: Collector {
    static let name = "vmstat"
    private static let path = "proc/vmstat"
    private let file = KeptFile(path)

    static let shown = NameFilter(including: "^(oom_kill|pgpg|pswp|pg.*fault).*")

    private(set) var families: [MetricFamily] = []
    private let shown: NameFilter
    private var table = SeriesTable()

    init(_ shown: NameFilter = VmstatCollector.shown) { self.shown = shown }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let bytes = try file.read(from: files)
        let text = bytes.span
        var (lines, met) = (LineCursor(), [MetricFamily]())
        table.begin()
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let field = fields.next(in: text) else { continue }
            guard let value = fields.nextUInt64(in: text) else {
                throw files.malformed(Self.path, line: lines.number, "no number after \"\(text.text(field))\"")
            }
            let series = try table.row(field, in: text, of: Self.path) { field in
                guard shown.takes(field) else { return [] }
                met.append(MetricFamily("node_vmstat_\(field)", .untyped, "/proc/vmstat information field \(field)."))
                return [met[met.count - 1].series()]
            }
            if let series = series.first { readings.add(series, value) }
        }
        table.end()
        for family in met where !families.contains(family) { families.append(family) }
        guard lines.number > 0, lines.isComplete(in: text) else {
            throw files.malformed(Self.path, line: lines.number + 1, "cut short in the middle of a line")
        }
    }
}
