import Telemetry

/// Seconds that work waited for processor, memory or disk. Source: /proc/pressure, the kernel's Documentation/accounting/psi.rst.
struct PressureCollector: Collector {
    static let name = "pressure"

    let families = [
        MetricFamily("node_pressure_cpu_waiting_seconds_total", .counter, "Total time in seconds that processes have waited for CPU time"),
        MetricFamily("node_pressure_io_waiting_seconds_total", .counter, "Total time in seconds that processes have waited due to IO congestion"),
        MetricFamily(
            "node_pressure_io_stalled_seconds_total",
            .counter,
            "Total time in seconds no process could make progress due to IO congestion"
        ),
        MetricFamily("node_pressure_memory_waiting_seconds_total", .counter, "Total time in seconds that processes have waited for memory"),
        MetricFamily(
            "node_pressure_memory_stalled_seconds_total",
            .counter,
            "Total time in seconds no process could make progress due to memory congestion"
        ),
    ]
    private let series: [Labels]
    private let cpu = KeptFile("proc/pressure/cpu", .onePiece)
    private let io = KeptFile("proc/pressure/io", .onePiece)
    private let memory = KeptFile("proc/pressure/memory", .onePiece)

    init() { series = families.map { $0.series() } }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        // "full" of the processor is not shown: for the whole system it means nothing, and older kernels do not have it.
        try collect(cpu, some: series[0], full: nil, from: files, into: &readings)
        try collect(io, some: series[1], full: series[2], from: files, into: &readings)
        try collect(memory, some: series[3], full: series[4], from: files, into: &readings)
    }

    private func collect(
        _ file: KeptFile,
        some: Labels,
        full: Labels?,
        from files: KernelFiles,
        into readings: inout Readings
    ) throws(CollectError) {
        guard let bytes = try file.readIfPresent(from: files) else {
            throw .noData("pressure information is unavailable: it needs Linux 4.20 with CONFIG_PSI, and psi=1 where it is switched off")
        }
        let text = bytes.span
        var (lines, seen) = (LineCursor(), 0)
        while let line = lines.next(in: text) {
            var fields = FieldCursor(line)
            guard let kind = fields.next(in: text) else { continue }
            var total: UInt64?
            while let field = fields.next(in: text) {
                if text.starts(with: "total=", at: field) { total = text.unsigned(in: field.lowerBound + 6..<field.upperBound) }
            }
            guard let total else {
                throw files.malformed(file.path, line: lines.number, "no total in \"\(text.text(line))\"")
            }
            if text.holds("some", at: kind) {
                readings.add(some, Double(total) / 1e6)
                seen += 1
            } else if let full, text.holds("full", at: kind) {
                readings.add(full, Double(total) / 1e6)
                seen += 1
            }
        }
        guard seen == (full == nil ? 1 : 2) else {
            throw files.malformed(file.path, line: lines.number, "the lines \"some\" and \"full\" are not both there")
        }
    }
}
