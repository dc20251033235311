import Telemetry

/// Counters of IP, ICMP, TCP and UDP. Source: /proc/net/netstat, snmp and snmp6 (proc_pid_net(5), RFC 4293, RFC 4022, RFC 4113); the fields of
/// node_exporter's default filter.
struct NetstatCollector: Collector {
    static let name = "netstat"

    private(set) var families: [MetricFamily] = []
    /// By file: which columns of which line are shown. Made anew when a line of titles changes.
    private var shown: [String: [Line]] = [:]
    private var table = SeriesTable()

    /// One line of titles, and the columns behind its protocol that are shown.
    private struct Line {
        let titles: [UInt8]
        let columns: [(index: Int, series: Labels)]
    }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        for path in ["proc/net/netstat", "proc/net/snmp"] { try pairs(of: path, files, &readings) }
        try single("proc/net/snmp6", files, &readings)
    }

    /// Lines of titles, each followed by one of values: `Tcp: ActiveOpens …`, `Tcp: 17 …`.
    private mutating func pairs(of path: String, _ files: KernelFiles, _ readings: inout Readings) throws(CollectError) {
        let bytes = try files.read(path)
        let text = bytes.span
        var (lines, pair) = (LineCursor(), 0)
        var known = shown[path] ?? []
        while let titles = lines.next(in: text) {
            guard let values = lines.next(in: text) else {
                throw .malformed(path: files.root + "/" + path, line: lines.number + 1, problem: "titles without values")
            }
            guard pair < CollectingLimits.rowsMax else { throw .tooManyRows(path: path) }
            if pair == known.count || !text.equals(known[pair].titles, at: titles) {
                let line = Line(titles: titles.map { text[$0] }, columns: columns(titles, in: text))
                if pair == known.count { known.append(line) } else { known[pair] = line }
            }
            var (fields, index) = (FieldCursor(values), -1)
            for column in known[pair].columns {
                var field: Range<Int>?
                while index < column.index { (field, index) = (fields.next(in: text), index + 1) }
                guard let field, let value = Self.number(field, in: text) else {
                    throw .malformed(path: files.root + "/" + path, line: lines.number, problem: "no number in column \(column.index)")
                }
                readings.add(column.series, value)
            }
            pair += 1
        }
        known.removeSubrange(pair...)
        shown[path] = known
        guard lines.isComplete(in: text) else {
            throw .malformed(path: files.root + "/" + path, line: lines.number + 1, problem: "cut short in the middle of a line")
        }
    }

    private mutating func columns(_ titles: Range<Int>, in text: Span<UInt8>) -> [(index: Int, series: Labels)] {
        var fields = FieldCursor(titles)
        guard let first = fields.next(in: text), text[first.upperBound - 1] == UInt8(ascii: ":") else { return [] }
        let group = text.text(first.lowerBound..<first.upperBound - 1)
        var (columns, index): ([(index: Int, series: Labels)], Int) = ([], 0)
        while let field = fields.next(in: text) {
            index += 1
            if let family = family(group, text.text(field)) { columns.append((index, family.series())) }
        }
        return columns
    }

    /// A name and a value a line, the protocol up to its 6: `Ip6InOctets 4711`. Not there without IPv6.
    private mutating func single(_ path: String, _ files: KernelFiles, _ readings: inout Readings) throws(CollectError) {
        guard let bytes = try files.readIfPresent(path) else { return }
        let text = bytes.span
        var (lines, met) = (LineCursor(), [MetricFamily]())
        table.begin()
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let name = fields.next(in: text), let value = fields.next(in: text) else { continue }
            let series = try table.row(name, in: text, of: path) { name in
                guard let six = name.firstIndex(of: "6") else { return [] }
                guard let family = Self.family(String(name[...six]), String(name[name.index(after: six)...])) else { return [] }
                met.append(family)
                return [family.series()]
            }
            guard let shown = series.first else { continue }
            guard let number = Self.number(value, in: text) else {
                throw .malformed(path: files.root + "/" + path, line: lines.number, problem: "\"\(text.text(value))\" is no number")
            }
            readings.add(shown, number)
        }
        table.end()
        for family in met where !families.contains(family) { families.append(family) }
    }

    /// Counters take all 64 bits; a few fields that are not shown by default are negative.
    private static func number(_ field: Range<Int>, in text: Span<UInt8>) -> Double? {
        text.unsigned(in: field).map { Double($0) } ?? text.decimal(in: field)
    }

    private mutating func family(_ group: String, _ field: String) -> MetricFamily? {
        guard let family = Self.family(group, field) else { return nil }
        if !families.contains(family) { families.append(family) }
        return family
    }

    private static func family(_ group: String, _ field: String) -> MetricFamily? {
        isShown(group, field) ? MetricFamily("node_netstat_\(group)_\(field)", .untyped, "Statistic \(group)\(field).") : nil
    }

    /// node_exporter's `--collector.netstat.fields`.
    private static func isShown(_ group: String, _ field: String) -> Bool {
        if field == "InErrors" || field == "InErrs" { return true }
        switch group {
        case "Ip": return field == "Forwarding"
        case "Ip6", "IpExt": return field == "InOctets" || field == "OutOctets"
        case "Icmp", "Icmp6": return field == "InMsgs" || field == "OutMsgs"
        case "TcpExt": return field.hasPrefix("Listen") || field.hasPrefix("Syncookies") || field == "TCPSynRetrans" || field == "TCPTimeouts"
        case "Tcp": return ["ActiveOpens", "InSegs", "OutSegs", "OutRsts", "PassiveOpens", "RetransSegs", "CurrEstab"].contains(field)
        case "Udp", "Udp6": return ["InDatagrams", "OutDatagrams", "NoPorts", "RcvbufErrors", "SndbufErrors"].contains(field)
        default: return false
        }
    }
}
