import Telemetry

/// Counts of the network protocols. Source: /proc/net/netstat and /proc/net/snmp (a line of names, then one of values), /proc/net/snmp6 (a name
/// and a value a line), proc_net(5).
struct NetstatCollector: Collector {
    static let name = "netstat"
    /// node_exporter's default.
    static let shown = NameFilter(
        including: "^(.*_(InErrors|InErrs)|Ip_Forwarding|Ip(6|Ext)_(InOctets|OutOctets)|Icmp6?_(InMsgs|OutMsgs)|TcpExt_(Listen.*|Syncookies.*|"
            + "TCPSynRetrans|TCPTimeouts)|Tcp_(ActiveOpens|InSegs|OutSegs|OutRsts|PassiveOpens|RetransSegs|CurrEstab)|"
            + "Udp6?_(InDatagrams|OutDatagrams|NoPorts|RcvbufErrors|SndbufErrors))$"
    )

    /// A line of names, and which of its values are shown: names stay the same as long as the kernel runs.
    private struct Header {
        let names: [UInt8]
        let shown: [(column: Int, series: Labels)]
    }

    private(set) var families: [MetricFamily] = []
    private let fields: NameFilter
    private let tables = [KeptFile("proc/net/netstat", .onePiece), KeptFile("proc/net/snmp", .onePiece)]
    private let snmp6 = KeptFile("proc/net/snmp6", .onePiece)
    private var headers: [[Header]] = [[], []]
    private var rows = SeriesTable()

    init(_ fields: NameFilter = NetstatCollector.shown) { self.fields = fields }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        for (index, file) in tables.enumerated() { try collectTable(index, try file.read(from: files), file.path, files, &readings) }
        // Not there where IPv6 is switched off.
        if let bytes = try snmp6.readIfPresent(from: files) { try collectList(bytes, files, &readings) }
    }

    private mutating func collectTable(
        _ index: Int,
        _ bytes: [UInt8],
        _ path: String,
        _ files: KernelFiles,
        _ readings: inout Readings
    ) throws(CollectError) {
        let text = bytes.span
        var (lines, row) = (LineCursor(), 0)
        while let names = lines.next(in: text) {
            if row == headers[index].count || !text.equals(headers[index][row].names, at: names) {
                headers[index].removeSubrange(row...)
                headers[index].append(try header(names, in: text, path, lines.number, files))
            }
            let header = headers[index][row]
            guard let values = lines.next(in: text), let colon = names.first(where: { text[$0] == UInt8(ascii: ":") }),
                text.equals(names.lowerBound..<colon, values.lowerBound..<min(values.upperBound, values.lowerBound + colon - names.lowerBound))
            else { throw files.malformed(path, line: lines.number, "a line of names has no line of values after it") }
            var (fields, column) = (FieldCursor(values), -1)
            for shown in header.shown {
                var field: Range<Int>?
                while column < shown.column {
                    field = fields.next(in: text)
                    column += 1
                }
                guard let field, let value = text.integer(in: field) else {
                    throw files.malformed(path, line: lines.number, "value \(shown.column) is missing or no number")
                }
                readings.add(shown.series, Double(value))
            }
            row += 1
        }
        headers[index].removeSubrange(row...)
        guard row > 0, lines.isComplete(in: text) else { throw files.malformed(path, line: lines.number + 1, "cut short in the middle of a line") }
    }

    private mutating func header(
        _ line: Range<Int>,
        in text: Span<UInt8>,
        _ path: String,
        _ number: Int,
        _ files: KernelFiles
    ) throws(CollectError) -> Header {
        var fields = FieldCursor(line)
        guard let first = fields.next(in: text), text[first.upperBound - 1] == UInt8(ascii: ":") else {
            throw files.malformed(path, line: number, "\"\(text.text(line).prefix(40))\" is no line of names")
        }
        let protocolName = text.text(first.lowerBound..<first.upperBound - 1)
        var (shown, column): ([(column: Int, series: Labels)], Int) = ([], 0)
        while let field = fields.next(in: text) {
            column += 1
            if let family = family(protocolName, text.text(field)) { shown.append((column, family.series())) }
        }
        return Header(names: line.map { text[$0] }, shown: shown)
    }

    private mutating func collectList(_ bytes: [UInt8], _ files: KernelFiles, _ readings: inout Readings) throws(CollectError) {
        let text = bytes.span
        var lines = LineCursor()
        rows.begin()
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let name = fields.next(in: text), let value = fields.nextUInt64(in: text) else {
                throw files.malformed(snmp6.path, line: lines.number, "\"\(text.text(line).prefix(60))\" is not a name and a number")
            }
            var met: MetricFamily?
            let series = try rows.row(name, in: text, of: snmp6.path) { name in
                // "Ip6InReceives" is the protocol Ip6 and the statistic InReceives.
                guard let six = name.firstIndex(of: "6") else { return [] }
                guard let family = Self.family(String(name[...six]), String(name[name.index(after: six)...]), fields: self.fields) else { return [] }
                met = family
                return [family.series()]
            }
            if let met { remember(met) }
            if let series = series.first { readings.add(series, value) }
        }
        rows.end()
        guard lines.isComplete(in: text) else { throw files.malformed(snmp6.path, line: lines.number + 1, "cut short in the middle of a line") }
    }

    private mutating func family(_ protocolName: String, _ statistic: String) -> MetricFamily? {
        guard let family = Self.family(protocolName, statistic, fields: fields) else { return nil }
        remember(family)
        return family
    }

    private static func family(_ protocolName: String, _ statistic: String, fields: NameFilter) -> MetricFamily? {
        let field = "\(protocolName)_\(statistic)"
        guard fields.takes(field) else { return nil }
        return MetricFamily("node_netstat_\(field)", .untyped, "Statistic \(protocolName)\(statistic).")
    }

    private mutating func remember(_ family: MetricFamily) { if !families.contains(family) { families.append(family) } }
}
