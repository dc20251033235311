import Glibc
import Telemetry

/// Sockets by protocol and state. Source: /proc/net/sockstat, sockstat6: `TCP: inuse 5 orphan 0 tw 0 alloc 8 mem 3`.
struct SockstatCollector: Collector {
    static let name = "sockstat"

    private(set) var families: [MetricFamily] = []
    /// By protocol and key, as `TCP_mem`: the value, and where there is one the value in bytes.
    private var series: [String: [Labels]] = [:]

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        var found = false
        for path in ["proc/net/sockstat", "proc/net/sockstat6"] {
            guard let bytes = try files.readIfPresent(path) else { continue }
            found = true
            try read(bytes.span, path, files, &readings)
        }
        guard found else { throw .noData("the kernel shows no socket statistics") }
    }

    private mutating func read(_ text: Span<UInt8>, _ path: String, _ files: KernelFiles, _ readings: inout Readings) throws(CollectError) {
        var lines = LineCursor()
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let name = fields.next(in: text), text[name.upperBound - 1] == UInt8(ascii: ":") else {
                throw .malformed(path: files.root + "/" + path, line: lines.number, problem: "no protocol")
            }
            let group = text.text(name.lowerBound..<name.upperBound - 1)
            while let key = fields.next(in: text) {
                guard let value = fields.nextUInt64(in: text) else {
                    throw .malformed(path: files.root + "/" + path, line: lines.number, problem: "no number after \"\(text.text(key))\"")
                }
                let series = try known(group, text.text(key), path)
                readings.add(series[0], value)
                if series.count > 1 { readings.add(series[1], Double(value) * Double(sysconf(Int32(_SC_PAGESIZE)))) }
            }
        }
        guard lines.isComplete(in: text) else {
            throw .malformed(path: files.root + "/" + path, line: lines.number + 1, problem: "cut short in the middle of a line")
        }
    }

    private mutating func known(_ group: String, _ key: String, _ path: String) throws(CollectError) -> [Labels] {
        let name = group + "_" + key
        if let known = series[name] { return known }
        guard series.count < CollectingLimits.rowsMax else { throw .tooManyRows(path: path) }
        let made = Self.families(group, key)
        families += made
        series[name] = made.map { $0.series() }
        return made.map { $0.series() }
    }

    private static func families(_ name: String, _ key: String) -> [MetricFamily] {
        if name == "sockets" { return [MetricFamily("node_sockstat_sockets_used", .gauge, "Number of IPv4 sockets in use.")] }
        func family(_ key: String) -> MetricFamily {
            MetricFamily("node_sockstat_\(name)_\(key)", .gauge, "Number of \(name) sockets in state \(key).")
        }
        return key == "mem" ? [family(key), family("mem_bytes")] : [family(key)]
    }
}
