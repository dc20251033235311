import Telemetry

/// Software RAID. Source: /proc/mdstat, md(4):
///
///     md0 : active raid1 sdb1[1] sda1[0](F)
///           248896 blocks super 1.2 [2/1] [U_]
///           [=>...........]  recovery = 12.6% (31393/248896) finish=…
struct MdadmCollector: Collector {
    static let name = "mdadm"
    private static let path = "proc/mdstat"
    private static let blocks = MetricFamily("node_md_blocks", .gauge, "Total number of blocks on device.")
    private static let synced = MetricFamily("node_md_blocks_synced", .gauge, "Number of blocks synced on device.")
    private static let disks = MetricFamily("node_md_disks", .gauge, "Number of active/failed/spare disks of device.")
    private static let required = MetricFamily("node_md_disks_required", .gauge, "Total number of disks of device.")
    private static let state = MetricFamily("node_md_state", .gauge, "Indicates the state of md-device.")
    private static let states = ["active", "inactive", "recovering", "resync", "check"]

    let families = [blocks, synced, disks, required, state]

    struct Device: Hashable {
        var name: String
        var state: String
        var isActive: Bool
        /// Members by their mark: none, `(F)` failed, `(S)` spare.
        var failed = 0
        var spare = 0
        var members = 0
        /// Of `[2/1] [U_]`.
        var required = 0
        var active = 0
        var down = 0
        var blocks: UInt64 = 0
        var synced: UInt64 = 0
    }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        guard let bytes = try files.readIfPresent(Self.path) else { throw .noData("there is no software RAID") }
        let devices: [Device]
        do throws(Malformed) { devices = try MdadmCollector.devices(in: String(decoding: bytes, as: UTF8.self)) } catch {
            throw .malformed(path: files.root + "/" + Self.path, line: error.line, problem: error.problem)
        }
        guard devices.count <= CollectingLimits.rowsMax else { throw .tooManyRows(path: Self.path) }
        for device in devices {
            let label = Label("device", device.name)
            readings.add(Self.required.series(label), Double(device.required))
            for (state, count) in [("active", device.active), ("failed", device.failed), ("down", device.down), ("spare", device.spare)] {
                readings.add(Self.disks.series(label, Label("state", state)), Double(count))
            }
            for state in Self.states { readings.add(Self.state.series(label, Label("state", state)), state == device.state ? 1.0 : 0) }
            readings.add(Self.blocks.series(label), device.blocks)
            readings.add(Self.synced.series(label), device.synced)
        }
    }

    struct Malformed: Error {
        let line: Int
        let problem: String
    }

    static func devices(in text: String) throws(Malformed) -> [Device] {
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false).map { $0.split { $0 == " " || $0 == "\t" }.map(String.init) }
        // Without its last line the file is cut, and a state that stands in a later line would be taken for another.
        guard lines.contains(where: { $0.first == "unused" }), lines.last == [] else {
            throw Malformed(line: lines.count, problem: "cut short: no line of unused devices")
        }
        var devices = [Device]()
        for (index, fields) in lines.enumerated() where fields.count > 2 && fields[1] == ":" && fields[0] != "Personalities" && fields[0] != "unused"
        {
            guard fields.count > 3, ["active", "inactive"].contains(fields[2]) else {
                throw Malformed(line: index + 1, problem: "\(fields[0]) is neither active nor inactive")
            }
            var device = Device(name: fields[0], state: fields[2], isActive: fields[2] == "active")
            for member in fields.dropFirst(3) where member.contains("[") {
                device.members += 1
                if member.hasSuffix("(F)") { device.failed += 1 }
                if member.hasSuffix("(S)") { device.spare += 1 }
            }
            try size(of: &device, lines, at: index + 1)
            progress(of: &device, lines, at: index + 2)
            devices.append(device)
        }
        return devices
    }

    /// `248896 blocks super 1.2 [2/1] [U_]`; without brackets (raid0, linear, inactive) all members are needed.
    private static func size(of device: inout Device, _ lines: [[String]], at index: Int) throws(Malformed) {
        guard index < lines.count, lines[index].count > 1, lines[index][1] == "blocks", let blocks = UInt64(lines[index][0]) else {
            throw Malformed(line: index + 1, problem: "no number of blocks of \(device.name)")
        }
        (device.blocks, device.synced) = (blocks, blocks)
        let counts = lines[index].compactMap { field -> (Int, Int)? in
            guard field.hasPrefix("["), field.hasSuffix("]") else { return nil }
            let parts = field.dropFirst().dropLast().split(separator: "/")
            guard parts.count == 2, let required = Int(parts[0]), let active = Int(parts[1]) else { return nil }
            return (required, active)
        }
        if let (required, active) = counts.last {
            let marks = lines[index].last { $0.hasPrefix("[") && $0.dropFirst().dropLast().allSatisfy { $0 == "U" || $0 == "_" } && $0.count > 2 }
            (device.required, device.active, device.down) = (required, active, marks?.count { $0 == "_" } ?? required - active)
        } else if device.isActive {
            (device.required, device.active) = (device.members, device.members)
        }
    }

    /// `[=>..]  recovery = 12.6% (31393/248896) finish=…`, perhaps behind a line of the bitmap; `resync=DELAYED`.
    private static func progress(of device: inout Device, _ lines: [[String]], at start: Int) {
        for index in start..<min(start + 2, lines.count) where !lines[index].isEmpty {
            let line = lines[index]
            let words = [("recovery", "recovering"), ("reshape", "recovering"), ("resync", "resync"), ("check", "check")]
            guard let (_, state) = words.first(where: { word, _ in line.contains { $0 == word || $0.hasPrefix(word + "=") } }) else { continue }
            device.state = state
            if line.contains(where: { $0.hasSuffix("DELAYED") || $0.hasSuffix("PENDING") || $0.hasSuffix("REMOTE") }) {
                device.synced = 0
            } else if let pair = line.first(where: { $0.hasPrefix("(") && $0.contains("/") }),
                let done = UInt64(pair.dropFirst().prefix { $0 != "/" })
            {
                device.synced = done
            }
            return
        }
    }
}
