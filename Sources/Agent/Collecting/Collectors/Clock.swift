import Telemetry

/// The time of day, the zone, and where the kernel takes its time from. Source: clock_gettime(2), /sys/devices/system/clocksource.
struct TimeCollector: Collector {
    static let name = "time"
    private static let now = MetricFamily("node_time_seconds", .gauge, "System time in seconds since epoch (1970).")
    private static let zone = MetricFamily("node_time_zone_offset_seconds", .gauge, "System time zone offset in seconds.")
    private static let available = MetricFamily(
        "node_time_clocksource_available_info",
        .gauge,
        "Available clocksources read from '/sys/devices/system/clocksource'."
    )
    private static let current = MetricFamily(
        "node_time_clocksource_current_info",
        .gauge,
        "Current clocksource read from '/sys/devices/system/clocksource'."
    )

    let families = [now, zone, available, current]
    private let nowSeries = now.series()
    private var zoneSeries: (name: String, series: Labels) = ("", .empty)
    private let availableFile = KeptFile("sys/devices/system/clocksource/clocksource0/available_clocksource")
    private let currentFile = KeptFile("sys/devices/system/clocksource/clocksource0/current_clocksource")
    private var availableTable = SeriesTable()
    private var currentTable = SeriesTable()

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        readings.add(nowSeries, readings.timestamp.seconds)
        let (offset, name) = files.calls.timeZone()
        if zoneSeries.name != name { zoneSeries = (name, Self.zone.series(Label("time_zone", name))) }
        readings.add(zoneSeries.series, Double(offset))
        try sources(availableFile, Self.available, &availableTable, files, &readings)
        try sources(currentFile, Self.current, &currentTable, files, &readings)
    }

    private func sources(
        _ file: KeptFile,
        _ family: MetricFamily,
        _ table: inout SeriesTable,
        _ files: KernelFiles,
        _ readings: inout Readings
    ) throws(CollectError) {
        guard let bytes = try file.readIfPresent(from: files) else { return }
        let text = bytes.span
        var fields = FieldCursor(text.trimmed())
        table.begin()
        while let field = fields.next(in: text) {
            let series = try table.row(field, in: text, of: file.path) { [family.series(Label("clocksource", $0), Label("device", "0"))] }
            readings.add(series[0], 1.0)
        }
        table.end()
    }
}

/// How the kernel's clock is disciplined, and whether it follows a reliable one. Source: adjtimex(2).
struct TimexCollector: Collector {
    static let name = "timex"
    /// Frequencies are parts per million in 16-bit fixed point.
    private static let ppm16 = 1_000_000.0 * 65_536

    let families = [
        MetricFamily("node_timex_sync_status", .gauge, "Is clock synchronized to a reliable server (1 = yes, 0 = no)."),
        MetricFamily("node_timex_offset_seconds", .gauge, "Time offset in between local system and reference clock."),
        MetricFamily("node_timex_frequency_adjustment_ratio", .gauge, "Local clock frequency adjustment."),
        MetricFamily("node_timex_maxerror_seconds", .gauge, "Maximum error in seconds."),
        MetricFamily("node_timex_estimated_error_seconds", .gauge, "Estimated error in seconds."),
        MetricFamily("node_timex_status", .gauge, "Value of the status array bits."),
        MetricFamily("node_timex_loop_time_constant", .gauge, "Phase-locked loop time constant."),
        MetricFamily("node_timex_tick_seconds", .gauge, "Seconds between clock ticks."),
        MetricFamily("node_timex_pps_frequency_hertz", .gauge, "Pulse per second frequency."),
        MetricFamily("node_timex_pps_jitter_seconds", .gauge, "Pulse per second jitter."),
        MetricFamily("node_timex_pps_shift_seconds", .gauge, "Pulse per second interval duration."),
        MetricFamily("node_timex_pps_stability_hertz", .gauge, "Pulse per second stability, average of recent frequency changes."),
        MetricFamily("node_timex_pps_jitter_total", .counter, "Pulse per second count of jitter limit exceeded events."),
        MetricFamily("node_timex_pps_calibration_total", .counter, "Pulse per second count of calibration intervals."),
        MetricFamily("node_timex_pps_error_total", .counter, "Pulse per second count of calibration errors."),
        MetricFamily("node_timex_pps_stability_exceeded_total", .counter, "Pulse per second count of stability limit exceeded events."),
        MetricFamily("node_timex_tai_offset_seconds", .gauge, "International Atomic Time (TAI) offset."),
    ]
    private let series: [Labels]

    init() { series = families.map { $0.series() } }

    mutating func collect(from files: KernelFiles, into readings: inout Readings) throws(CollectError) {
        let clock = try files.calls.clockState()
        let unit = clock.isInNanoseconds ? 1e9 : 1e6
        let values = [
            clock.isSynchronized ? 1 : 0,
            Double(clock.offset) / unit,
            1 + Double(clock.frequency) / Self.ppm16,
            Double(clock.maxError) / 1e6,
            Double(clock.estimatedError) / 1e6,
            Double(clock.status),
            Double(clock.constant),
            Double(clock.tick) / 1e6,
            Double(clock.ppsFrequency) / Self.ppm16,
            Double(clock.ppsJitter) / unit,
            Double(clock.ppsShift),
            Double(clock.ppsStability) / Self.ppm16,
            Double(clock.ppsJitterCount),
            Double(clock.ppsCalibrationCount),
            Double(clock.ppsErrorCount),
            Double(clock.ppsStabilityCount),
            Double(clock.tai),
        ]
        for (series, value) in zip(series, values) { readings.add(series, value) }
    }
}
