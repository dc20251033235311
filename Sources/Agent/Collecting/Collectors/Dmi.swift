import Telemetry

/// What the firmware says of the machine. Source: /sys/class/dmi/id.
struct DmiCollector: Collector {
    static let name = "dmi"
    private static let folder = "sys/class/dmi/id"
    private static let fields = [
        "bios_date", "bios_release", "bios_vendor", "bios_version", "board_asset_tag", "board_name", "board_serial", "board_vendor", "board_version",
        "chassis_asset_tag", "chassis_serial", "chassis_vendor", "chassis_version", "product_family", "product_name", "product_serial",
        "product_sku", "product_uuid", "product_version", "sys_vendor",
    ]

    let families = [
        MetricFamily(
            "node_dmi_info",
            .gauge,
            "A metric with a constant '1' value labeled by bios_date, bios_release, bios_vendor, bios_version, board_asset_tag, board_name, board_serial, "
                + "board_vendor, board_version, chassis_asset_tag, chassis_serial, chassis_vendor, chassis_version, product_family, product_name, "
                + "product_serial, product_sku, product_uuid, product_version, system_vendor if provided by DMI."
        )
    ]
    /// It does not change while the machine runs.
    private var known: Labels?

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        if known == nil {
            var labels = [Label]()
            for field in Self.fields {
                // Serial numbers are root's alone.
                guard let bytes = try files.readIfPresent(Self.folder + "/" + field) else { continue }
                labels.append(Label(field == "sys_vendor" ? "system_vendor" : field, bytes.span.text(bytes.span.trimmed())))
            }
            guard !labels.isEmpty else { throw .noData("the firmware says nothing of the machine") }
            known = Labels(name: families[0].name, labels.filter { !$0.value.isEmpty })
        }
        if let known { readings.add(known, 1.0) }
    }
}
