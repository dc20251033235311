import Telemetry

/// Every field of /proc/meminfo, as node_exporter names it: `Active(anon)` in kB becomes `node_memory_Active_anon_bytes`, a field without
/// unit stays without (`node_memory_HugePages_Total`). Source: proc_meminfo(5).
struct MeminfoCollector: Collector {
    static let name = "meminfo"
    private static let path = "proc/meminfo"
    private let file = KeptFile(path, .onePiece)

    private(set) var families: [MetricFamily] = []
    private var table = SeriesTable()

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let bytes = try file.read(from: files)
        let text = bytes.span
        var (lines, hasTotal, met) = (LineCursor(), false, [MetricFamily]())
        table.begin()
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let field = fields.next(in: text) else { continue }
            guard field.count > 1, text[field.upperBound - 1] == UInt8(ascii: ":"), let value = fields.nextUInt64(in: text) else {
                throw files.malformed(Self.path, line: lines.number, "\"\(text.text(line))\" is not \"Name: number\"")
            }
            let unit = fields.next(in: text)
            if let unit, !text.holds("kB", at: unit) {
                throw files.malformed(Self.path, line: lines.number, "unknown unit \"\(text.text(unit))\"")
            }
            let name = field.lowerBound..<field.upperBound - 1
            if text.holds("MemTotal", at: name) { hasTotal = true }
            let series = try table.row(name, in: text, of: Self.path) { name in
                met.append(Self.family(of: name, isBytes: unit != nil))
                return [met[met.count - 1].series()]
            }
            readings.add(series[0], Double(value) * (unit == nil ? 1 : 1024))
        }
        table.end()
        for family in met where !families.contains(family) { families.append(family) }
        guard hasTotal, lines.isComplete(in: text) else {
            throw files.malformed(Self.path, line: lines.number, "cut short: no MemTotal, or half a last line")
        }
    }

    /// node_exporter replaces `\((.*)\)` by `_$1`.
    private static func family(of field: String, isBytes: Bool) -> MetricFamily {
        var name = field
        if let open = field.firstIndex(of: "("), let close = field.lastIndex(of: ")"), open < close {
            name = field[..<open] + "_" + field[field.index(after: open)..<close] + field[field.index(after: close)...]
        }
        if isBytes { name += "_bytes" }
        return MetricFamily("node_memory_\(name)", name.hasSuffix("_total") ? .counter : .gauge, "Memory information field \(name).")
    }
}
