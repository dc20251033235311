import Telemetry

/// Sockets in use, by protocol. Source: /proc/net/sockstat and /proc/net/sockstat6, proc_net(5). `mem` counts pages; `mem_bytes` is the same in bytes.
struct SockstatCollector: Collector {
    static let name = "sockstat"

    /// A line's names and their series; they stay the same as long as the kernel runs.
    private struct Row {
        let protocolName: [UInt8]
        let keys: [[UInt8]]
        let series: [Labels]
        /// Of `mem`, the series in bytes.
        let bytes: [Labels?]
    }

    private(set) var families: [MetricFamily] = []
    private let both = [KeptFile("proc/net/sockstat", .onePiece), KeptFile("proc/net/sockstat6", .onePiece)]
    private var rows: [[Row]] = [[], []]

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        for (index, file) in both.enumerated() {
            guard let bytes = try file.readIfPresent(from: files) else {
                // Not there where IPv6 is switched off.
                if index == 1 { return }
                throw .noData("the kernel does not count its sockets: \(file.path) is not there")
            }
            try collect(bytes, file.path, index, files, &readings)
        }
    }

    private mutating func collect(
        _ bytes: [UInt8],
        _ path: String,
        _ index: Int,
        _ files: KernelFiles,
        _ readings: inout Readings
    ) throws(CollectError) {
        let text = bytes.span
        var (lines, count) = (LineCursor(), 0)
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let name = fields.next(in: text), text[name.upperBound - 1] == UInt8(ascii: ":") else {
                throw files.malformed(path, line: lines.number, "no protocol in \"\(text.text(line).prefix(60))\"")
            }
            guard count < CollectingLimits.rowsMax else { throw .tooManyRows(path: files.root + "/" + path) }
            if count == rows[index].count || !isSame(rows[index][count], name, line, in: text) {
                rows[index].removeSubrange(count...)
                rows[index].append(row(name, line, in: text))
            }
            let row = rows[index][count]
            var column = 0
            while fields.next(in: text) != nil {
                guard let value = fields.next(in: text).flatMap({ text.integer(in: $0) }) else {
                    throw files.malformed(path, line: lines.number, "a name without a number in \"\(text.text(line).prefix(60))\"")
                }
                readings.add(row.series[column], Double(value))
                if let bytes = row.bytes[column] { readings.add(bytes, Double(value) * Double(files.calls.pageBytes)) }
                column += 1
            }
            count += 1
        }
        rows[index].removeSubrange(count...)
        guard count > 0, lines.isComplete(in: text) else { throw files.malformed(path, line: lines.number + 1, "cut short in the middle of a line") }
    }

    private func isSame(_ row: Row, _ name: Range<Int>, _ line: Range<Int>, in text: Span<UInt8>) -> Bool {
        guard text.equals(row.protocolName, at: name) else { return false }
        var fields = FieldCursor(name.upperBound..<line.upperBound)
        for key in row.keys {
            guard let field = fields.next(in: text), text.equals(key, at: field), fields.next(in: text) != nil else { return false }
        }
        return fields.next(in: text) == nil
    }

    private mutating func row(_ name: Range<Int>, _ line: Range<Int>, in text: Span<UInt8>) -> Row {
        let protocolName = text.text(name.lowerBound..<name.upperBound - 1)
        var fields = FieldCursor(name.upperBound..<line.upperBound)
        var (keys, series, bytes): ([[UInt8]], [Labels], [Labels?]) = ([], [], [])
        while let field = fields.next(in: text) {
            _ = fields.next(in: text)
            let key = text.text(field)
            keys.append(field.map { text[$0] })
            series.append(family(protocolName, key).series())
            bytes.append(key == "mem" ? family(protocolName, "mem_bytes").series() : nil)
        }
        return Row(protocolName: name.map { text[$0] }, keys: keys, series: series, bytes: bytes)
    }

    private mutating func family(_ protocolName: String, _ state: String) -> MetricFamily {
        let isTotal = protocolName == "sockets" && state == "used"
        let family = MetricFamily(
            "node_sockstat_\(protocolName)_\(state)",
            .gauge,
            isTotal ? "Number of IPv4 sockets in use." : "Number of \(protocolName) sockets in state \(state)."
        )
        if !families.contains(family) { families.append(family) }
        return family
    }
}
