import Telemetry

/// The NVMe controllers' models and states. Source: /sys/class/nvme.
struct NVMeCollector: Collector {
    static let name = "nvme"
    private static let info = MetricFamily("node_nvme_info", .gauge, "Non-numeric data from /sys/class/nvme/<device>, value is always 1.")

    private struct Controller: Sendable {
        let labels: [Label]
        let state: KeptFile
        let name: String
    }

    let families = [info]
    private var controllers = DeviceTable<Controller>("sys/class/nvme")
    private var last: [String: (state: String, series: Labels)] = [:]

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let present = try controllers.devices(from: files) { (name, path) throws(CollectError) in
            let words = ["firmware_revision": "firmware_rev", "model": "model", "serial": "serial"]
            var labels = [Label("device", name)]
            for (label, file) in words { labels.append(Label(label, try files.word("\(path)/\(file)") ?? "")) }
            return Controller(labels: labels, state: KeptFile("\(path)/state"), name: name)
        }
        if present.isEmpty { throw .noData("this machine has no NVMe controllers") }
        for controller in present {
            let bytes = try controller.state.readIfPresent(from: files) ?? []
            let text = bytes.span
            let state = text.text(text.trimmed())
            if last[controller.name]?.state != state {
                last[controller.name] = (state, Labels(name: Self.info.name, controller.labels + [Label("state", state)]))
            }
            if let known = last[controller.name] { readings.add(known.series, 1.0) }
        }
    }
}

/// Who built the machine. Source: /sys/class/dmi/id; serial numbers are root's to read. They do not change while the kernel runs: read once.
struct DMICollector: Collector {
    static let name = "dmi"
    private static let files = [
        "bios_date", "bios_release", "bios_vendor", "bios_version", "board_asset_tag", "board_name", "board_serial", "board_vendor", "board_version",
        "chassis_asset_tag", "chassis_serial", "chassis_vendor", "chassis_version", "product_family", "product_name", "product_serial", "product_sku",
        "product_uuid", "product_version", "sys_vendor",
    ]
    private static let info = MetricFamily(
        "node_dmi_info",
        .gauge,
        "A metric with a constant '1' value labeled by bios_date, bios_release, bios_vendor, bios_version, board_asset_tag, board_name, board_serial, "
            + "board_vendor, board_version, chassis_asset_tag, chassis_serial, chassis_vendor, chassis_version, product_family, product_name, "
            + "product_serial, product_sku, product_uuid, product_version, system_vendor if provided by DMI."
    )

    let families = [info]
    private var series: Labels?

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        if series == nil {
            guard files.exists("sys/class/dmi/id") else { throw .noData("this machine does not say who built it: no DMI") }
            var labels: [Label] = []
            for file in Self.files {
                guard let word = try files.word("sys/class/dmi/id/\(file)") else { continue }
                labels.append(Label(file == "sys_vendor" ? "system_vendor" : file, word))
            }
            if labels.isEmpty { throw .noData("this machine does not say who built it: no DMI") }
            series = Labels(name: Self.info.name, labels)
        }
        if let series { readings.add(series, 1.0) }
    }
}

/// Errors that the memory's controllers found and mended, or could not. Source: /sys/devices/system/edac/mc, the kernel's
/// Documentation/admin-guide/RAS. What cannot be put down to a row has the csrow `unknown`.
struct EDACCollector: Collector {
    static let name = "edac"
    private static let mended = MetricFamily("node_edac_correctable_errors_total", .counter, "Total correctable memory errors.")
    private static let lost = MetricFamily("node_edac_uncorrectable_errors_total", .counter, "Total uncorrectable memory errors.")
    private static let rowMended = MetricFamily(
        "node_edac_csrow_correctable_errors_total",
        .counter,
        "Total correctable memory errors for this csrow."
    )
    private static let rowLost = MetricFamily(
        "node_edac_csrow_uncorrectable_errors_total",
        .counter,
        "Total uncorrectable memory errors for this csrow."
    )

    let families = [mended, lost, rowMended, rowLost]
    private var controllers = DeviceTable<[NumberFile]>("sys/devices/system/edac/mc")

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let present = try controllers.devices(from: files) { (name, path) throws(CollectError) in
            guard name.hasPrefix("mc"), name.dropFirst(2).allSatisfy({ ("0"..."9").contains($0) }), name.count > 2 else { return nil }
            let controller = Label("controller", String(name.dropFirst(2)))
            var numbers = [
                NumberFile("\(path)/ce_count", Self.mended.series(controller)), NumberFile("\(path)/ue_count", Self.lost.series(controller)),
                NumberFile("\(path)/ce_noinfo_count", Self.rowMended.series(controller, Label("csrow", "unknown"))),
                NumberFile("\(path)/ue_noinfo_count", Self.rowLost.series(controller, Label("csrow", "unknown"))),
            ]
            for row in try files.namesIfPresent(in: path) where row.hasPrefix("csrow") {
                let label = Label("csrow", String(row.dropFirst("csrow".count)))
                numbers.append(NumberFile("\(path)/\(row)/ce_count", Self.rowMended.series(controller, label)))
                numbers.append(NumberFile("\(path)/\(row)/ue_count", Self.rowLost.series(controller, label)))
            }
            return numbers
        }
        for number in present.joined() { try number.add(to: &readings, from: files) }
    }
}

/// Energy that packages, cores and memory have used. Source: /sys/class/powercap, the kernel's Documentation/power/powercap; root's to read. The counter
/// starts again at `max_energy_range_uj`, as `rate` expects of a counter.
struct RAPLCollector: Collector {
    static let name = "rapl"

    private struct Zone: Sendable {
        let number: NumberFile
        let family: MetricFamily
    }

    private(set) var families: [MetricFamily] = []
    private var zones = DeviceTable<(name: String, path: String)>("sys/class/powercap")
    private var made: [String: Zone] = [:]

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let present = try zones.devices(from: files) { (_, path) throws(CollectError) in
            try files.word("\(path)/name").map { (name: $0, path: path) }
        }
        if present.isEmpty { throw .noData("this machine does not count its energy") }
        var used: [String: Int] = [:]
        for zone in present {
            // "package-1" is number 1 of the packages; others of one name ("dram") are counted as they come.
            let parts = zone.name.split(separator: "-")
            var (name, index) = (zone.name, 0)
            if parts.count == 2, let number = Int(parts[1]) {
                (name, index) = (String(parts[0]), number)
            } else {
                index = used[name, default: 0]
                used[name] = index + 1
            }
            let key = "\(zone.path) \(name) \(index)"
            let known = made[key] ?? Self.zone(name, index, zone.path)
            made[key] = known
            if !families.contains(known.family) { families.append(known.family) }
            try known.number.add(to: &readings, from: files)
        }
    }

    private static func zone(_ name: String, _ index: Int, _ path: String) -> Zone {
        let metric = String(name.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" })
        let family = MetricFamily("node_rapl_\(metric)_joules_total", .counter, "Current RAPL \(name) value in joules")
        let series = family.series(Label("index", String(index)), Label("path", "/" + path))
        return Zone(number: NumberFile("\(path)/energy_uj", series, unit: 1e-6), family: family)
    }
}
