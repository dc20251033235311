import Telemetry

/// Bytes that wait in the queues of all UDP sockets. Source: the fifth column of /proc/net/udp and /proc/net/udp6, `tx:rx` in hexadecimal, proc_net(5).
struct UDPQueuesCollector: Collector {
    static let name = "udp_queues"
    private static let queues = MetricFamily(
        "node_udp_queues",
        .gauge,
        "Number of allocated memory in the kernel for UDP datagrams in bytes."
    )

    let families = [queues]
    private let kinds = ["v4", "v6"].map { version in
        (
            file: KeptFile(version == "v4" ? "proc/net/udp" : "proc/net/udp6", .records(bytesMax: 256)),
            tx: queues.series(Label("ip", version), Label("queue", "tx")),
            rx: queues.series(Label("ip", version), Label("queue", "rx"))
        )
    }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        var isAny = false
        for kind in kinds {
            guard let bytes = try kind.file.readIfPresent(from: files) else { continue }
            isAny = true
            let (tx, rx) = try Self.sums(bytes, kind.file.path, files)
            readings.add(kind.tx, tx)
            readings.add(kind.rx, rx)
        }
        if !isAny { throw .noData("the kernel has no UDP sockets to show") }
    }

    private static func sums(_ bytes: [UInt8], _ path: String, _ files: KernelFiles) throws(CollectError) -> (tx: UInt64, rx: UInt64) {
        let text = bytes.span
        var (lines, tx, rx): (LineCursor, UInt64, UInt64) = (LineCursor(), 0, 0)
        while let line = lines.next(in: text) {
            if lines.number == 1 { continue }
            var fields = FieldCursor(line)
            for _ in 0..<4 where fields.next(in: text) == nil {
                throw files.malformed(path, line: lines.number, "\"\(text.text(line).prefix(80))\" has no queues")
            }
            guard let queues = fields.next(in: text), let colon = queues.first(where: { text[$0] == UInt8(ascii: ":") }),
                let sent = text.hexadecimal(in: queues.lowerBound..<colon), let received = text.hexadecimal(in: colon + 1..<queues.upperBound)
            else { throw files.malformed(path, line: lines.number, "\"\(text.text(line).prefix(80))\" has no queues") }
            (tx, rx) = (tx &+ sent, rx &+ received)
        }
        guard lines.number >= 1, lines.isComplete(in: text) else {
            throw files.malformed(path, line: lines.number + 1, "cut short in the middle of a line")
        }
        return (tx, rx)
    }
}
