import Telemetry

/// Bytes that wait in the queues of UDP sockets. Source: /proc/net/udp, udp6 (proc_pid_net(5)): the column `tx_queue:rx_queue`, hexadecimal.
struct UDPQueuesCollector: Collector {
    static let name = "udp_queues"
    private static let queues = MetricFamily("node_udp_queues", .gauge, "Number of allocated memory in the kernel for UDP datagrams in bytes.")

    let families = [queues]
    /// By file: sending, receiving.
    private let series = ["v4", "v6"].map { version in ["tx", "rx"].map { queues.series(Label("queue", $0), Label("ip", version)) } }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        var found = false
        for (path, series) in zip(["proc/net/udp", "proc/net/udp6"], series) {
            guard let bytes = try files.readIfPresent(path) else { continue }
            found = true
            let (sending, receiving) = try sums(bytes.span, files.root + "/" + path)
            readings.add(series[0], sending)
            readings.add(series[1], receiving)
        }
        guard found else { throw .noData("the kernel shows no UDP sockets") }
    }

    private func sums(_ text: Span<UInt8>, _ path: String) throws(CollectError) -> (UInt64, UInt64) {
        var (lines, sending, receiving) = (LineCursor(), UInt64(0), UInt64(0))
        while let line = lines.next(in: text) {
            guard lines.number > 1 else { continue }
            var fields = FieldCursor(line)
            for _ in 0..<4 { _ = fields.next(in: text) }
            guard let field = fields.next(in: text), let colon = field.first(where: { text[$0] == UInt8(ascii: ":") }),
                let waiting = text.hexadecimal(in: field.lowerBound..<colon), let received = text.hexadecimal(in: colon + 1..<field.upperBound)
            else { throw .malformed(path: path, line: lines.number, problem: "no column tx_queue:rx_queue") }
            (sending, receiving) = (sending &+ waiting, receiving &+ received)
        }
        guard lines.isComplete(in: text) else { throw .malformed(path: path, line: lines.number + 1, problem: "cut short in the middle of a line") }
        return (sending, receiving)
    }
}
