import Telemetry

/// The state of each software RAID. Source: /proc/mdstat, md(4). An array is a line `md0 : active raid1 sda1[0] sdb1[1]`, a line with its blocks and
/// disks, perhaps one with its bitmap and one with how far a recovery, resync or check has come.
struct MdstatCollector: Collector {
    static let name = "mdadm"
    private static let path = "proc/mdstat"
    private static let state = MetricFamily("node_md_state", .gauge, "Indicates the state of md-device.")
    private static let disks = MetricFamily("node_md_disks", .gauge, "Number of active/failed/spare disks of device.")
    private static let required = MetricFamily("node_md_disks_required", .gauge, "Total number of disks of device.")
    private static let blocks = MetricFamily("node_md_blocks", .gauge, "Total number of blocks on device.")
    private static let synced = MetricFamily("node_md_blocks_synced", .gauge, "Number of blocks synced on device.")
    private static let states = ["active", "inactive", "recovering", "resync", "check"]

    /// One array as the file tells it.
    private struct Raid {
        var name: String
        /// Which of ``states``.
        var state: Int
        var active: UInt64 = 0
        var failed: UInt64 = 0
        var spare: UInt64 = 0
        var required: UInt64 = 0
        var blocks: UInt64 = 0
        var synced: UInt64 = 0
    }

    let families = [state, disks, required, blocks, synced]
    private let file = KeptFile(path)
    private var series: [String: [Labels]] = [:]

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        guard let bytes = try file.readIfPresent(from: files) else { throw .noData("this kernel has no software RAID: \(Self.path) is not there") }
        var met: [String: [Labels]] = [:]
        for array in try Self.parse(bytes, files) {
            let labels = series[array.name] ?? Self.series(of: array.name)
            met[array.name] = labels
            for index in Self.states.indices { readings.add(labels[index], index == array.state ? 1.0 : 0) }
            for (index, value) in [array.active, array.failed, array.spare, array.required, array.blocks, array.synced].enumerated() {
                readings.add(labels[Self.states.count + index], value)
            }
        }
        series = met
    }

    private static func series(of name: String) -> [Labels] {
        let device = Label("device", name)
        return states.map { state.series(device, Label("state", $0)) }
            + ["active", "failed", "spare"].map { disks.series(device, Label("state", $0)) }
            + [required, blocks, synced].map { $0.series(device) }
    }

    private static func parse(_ bytes: [UInt8], _ files: KernelFiles) throws(CollectError) -> [Raid] {
        guard bytes.last == UInt8(ascii: "\n") else { throw files.malformed(path, line: 1, "cut short in the middle of a line") }
        // A few lines, and only where there is RAID: text is good enough.
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        guard lines.contains(where: { $0.hasPrefix("unused devices:") }) else {
            throw files.malformed(path, line: lines.count, "cut short: no last line")
        }
        var arrays: [Raid] = []
        for (index, line) in lines.enumerated() {
            guard let first = line.first, first != " ", first != "\t", !line.hasPrefix("Personalities"), !line.hasPrefix("unused") else { continue }
            guard arrays.count < CollectingLimits.rowsMax else { throw .tooManyRows(path: files.root + "/" + path) }
            let fields = line.split(separator: " ")
            guard fields.count >= 3, fields[1] == ":", index + 1 < lines.count else {
                throw files.malformed(path, line: index + 1, "\"\(line.prefix(60))\" is not \"md0 : state …\"")
            }
            var array = Raid(name: String(fields[0]), state: fields[2] == "active" ? 0 : 1)
            array.failed = UInt64(line.split(separator: "(F)", omittingEmptySubsequences: false).count - 1)
            array.spare = UInt64(line.split(separator: "(S)", omittingEmptySubsequences: false).count - 1)
            try status(lines[index + 1], of: line, line: index + 2, into: &array, files)
            progress(lines, after: index + 1, of: &array)
            arrays.append(array)
        }
        return arrays
    }

    /// `976630464 blocks super 1.2 [2/1] [U_]`.
    private static func status(_ text: String, of device: String, line: Int, into array: inout Raid, _ files: KernelFiles) throws(CollectError) {
        let fields = text.split(separator: " ")
        guard let blocks = fields.first.flatMap({ UInt64($0) }) else {
            throw files.malformed(path, line: line, "no blocks in \"\(text.prefix(60))\"")
        }
        (array.blocks, array.synced) = (blocks, blocks)
        if device.contains("raid0") || device.contains("linear") {
            // All of its disks, always.
            array.active = UInt64(device.count(where: { $0 == "[" }))
            array.required = array.active
        } else if array.state == 0 {
            let counts = fields.last { $0.hasPrefix("[") && $0.hasSuffix("]") && $0.contains("/") }?.dropFirst().dropLast().split(separator: "/")
            guard let counts, counts.count == 2, let required = UInt64(counts[0]), let active = UInt64(counts[1]) else {
                throw files.malformed(path, line: line, "no count of disks in \"\(text.prefix(80))\"")
            }
            (array.required, array.active) = (required, active)
        }
    }

    /// `[=>…]  recovery =  8.5% (332143104/3906867712) finish=281.0min speed=211999K/sec`, `resync=PENDING`.
    private static func progress(_ lines: [String], after status: Int, of array: inout Raid) {
        var index = status + 1
        if index < lines.count, lines[index].contains("bitmap") { index += 1 }
        guard index < lines.count else { return }
        let line = lines[index]
        guard let state = line.contains("recovery") ? 2 : line.contains("check") ? 4 : line.contains("resync") ? 3 : nil else { return }
        array.state = state
        if line.contains("PENDING") || line.contains("DELAYED") {
            array.synced = 0
        } else if let open = line.firstIndex(of: "("), let done = UInt64(line[line.index(after: open)...].prefix { $0 != "/" }) {
            array.synced = done
        }
    }
}
