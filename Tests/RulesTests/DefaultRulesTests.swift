import Configuring
import Expressions
import Rules
import Telemetry
import Testing

/// The rules that the package installs, and those that its examples show: read by our own reader, and tried on a host that is well and on
/// one that has everything at once.
@Suite struct DefaultRulesTests {
    static let packaging = #filePath.split(separator: "/", omittingEmptySubsequences: false).dropLast(3).joined(separator: "/") + "/packaging/"

    static func alerts(in file: String) -> (rules: [AlertingRule], problems: [ConfigProblem]) {
        let (loaded, problems) = RuleFile.load(path: packaging + file)
        let rules = loaded.groups.flatMap(\.rules).compactMap { rule -> AlertingRule? in
            guard case .alerting(let alert) = rule else { return nil }
            return alert
        }
        return (rules, problems)
    }

    @Test(arguments: ["agent/host.yaml", "examples/rules-web.yaml"])
    func `the rules of the package are read without a problem`(_ file: String) {
        let (rules, problems) = Self.alerts(in: file)
        #expect(problems.isEmpty, "\(problems)")
        #expect(!rules.isEmpty)
        for rule in rules {
            #expect(rule.annotations.map(\.name).sorted() == ["description", "summary"], "\(rule.name)")
            #expect(rule.labels.map(\.name) == ["severity"], "\(rule.name)")
        }
    }

    @Test func `on a host that is well no default rule holds`() throws {
        for rule in Self.alerts(in: "agent/host.yaml").rules {
            let value = try rule.expression.evaluate(at: Host.now, over: Host(isWell: true))
            #expect(try rule.observations(from: value, at: Host.now, outer: .empty, limit: nil).isEmpty, "\(rule.name)")
        }
    }

    @Test func `on a host that has everything at once each default rule holds, and says so in whole sentences`() throws {
        for rule in Self.alerts(in: "agent/host.yaml").rules {
            let value = try rule.expression.evaluate(at: Host.now, over: Host(isWell: false))
            let observations = try rule.observations(from: value, at: Host.now, outer: ["host": "web-1"], limit: nil)
            #expect(!observations.isEmpty, "\(rule.name) does not hold")
            for annotation in observations.flatMap(\.annotations.pairs) {
                #expect(!annotation.value.contains("<no value>") && !annotation.value.contains("{{"), "\(rule.name): \(annotation.value)")
                #expect(annotation.value.count > 20, "\(rule.name): \(annotation.value)")
            }
        }
    }
}

/// Two hours of a host, a sample every ten seconds; a series is a level and what it gains a second, well or not.
private struct Host: SampleSource {
    static let now = Timestamp(milliseconds: 1_767_268_800_000)
    let isWell: Bool

    private struct Line {
        let series: Labels
        let well: (level: Double, gain: Double)
        let ill: (level: Double, gain: Double)
    }

    private static func line(
        _ name: String,
        _ labels: [Label] = [],
        well: (level: Double, gain: Double),
        ill: (level: Double, gain: Double)
    ) -> Line {
        Line(series: Labels(name: name, labels + [Label("host", "web-1")]), well: well, ill: ill)
    }

    private static let root = [Label("device", "/dev/vda1"), Label("fstype", "ext4"), Label("mountpoint", "/")]
    private static let data = [Label("device", "/dev/vdb"), Label("fstype", "xfs"), Label("mountpoint", "/data")]
    private static let logs = [Label("device", "/dev/vdc"), Label("fstype", "xfs"), Label("mountpoint", "/var")]
    /// Seconds since the epoch, as `node_time_seconds` has them.
    private static let clock = (level: now.seconds, gain: 1.0)

    private static let lines: [Line] = [
        line("node_filesystem_size_bytes", root, well: (100, 0), ill: (100, 0)),
        line("node_filesystem_avail_bytes", root, well: (50, 0), ill: (2, 0)),
        line("node_filesystem_files", root, well: (100, 0), ill: (100, 0)),
        line("node_filesystem_files_free", root, well: (50, 0), ill: (2, 0)),
        line("node_filesystem_readonly", root, well: (0, 0), ill: (0, 0)),
        line("node_filesystem_size_bytes", logs, well: (100_000, 0), ill: (100_000, 0)),
        line("node_filesystem_avail_bytes", logs, well: (30_000, -1), ill: (30_000, -5)),
        line("node_filesystem_readonly", logs, well: (0, 0), ill: (0, 0)),
        line("node_filesystem_readonly", data, well: (0, 0), ill: (1, 0)),
        line("node_memory_MemTotal_bytes", well: (100, 0), ill: (100, 0)),
        line("node_memory_MemAvailable_bytes", well: (50, 0), ill: (5, 0)),
        line("node_vmstat_oom_kill", well: (3, 0), ill: (3, 0.01)),
        line("node_pressure_memory_waiting_seconds_total", well: (9, 0.01), ill: (9, 0.5)),
        line("node_pressure_cpu_waiting_seconds_total", well: (9, 0.1), ill: (9, 0.9)),
        line("node_pressure_io_waiting_seconds_total", well: (9, 0.1), ill: (9, 0.9)),
        line("node_load15", well: (1, 0), ill: (9, 0)),
        line("node_cpu_seconds_total", [Label("cpu", "0"), Label("mode", "idle")], well: (9, 0.5), ill: (9, 0)),
        line("node_cpu_seconds_total", [Label("cpu", "1"), Label("mode", "idle")], well: (9, 0.5), ill: (9, 0)),
        line("node_timex_sync_status", well: (1, 0), ill: (0, 0)),
        line("node_timex_maxerror_seconds", well: (0.1, 0), ill: (16, 0)),
        line("node_time_seconds", well: clock, ill: clock),
        line("node_boot_time_seconds", well: (now.seconds - 90_000, 0), ill: (now.seconds - 120, 0)),
        line("log_pattern_matches_total", [Label("pattern", "disk_error")], well: (7, 0), ill: (7, 0.01)),
        line("tocsin_spool_bytes", well: (10, 0), ill: (80, 0)),
        line("tocsin_spool_max_bytes", well: (100, 0), ill: (100, 0)),
        line("tocsin_spool_gaps", [Label("reason", "spool_full")], well: (1, 0), ill: (1, 0.01)),
        line("node_scrape_collector_success", [Label("collector", "cpu")], well: (1, 0), ill: (0, 0)),
    ]
    /// A container's limit: only where the host as a whole counted no kill, so on a host of its own.
    private static let container = line("log_pattern_matches_total", [Label("pattern", "oom")], well: (7, 0), ill: (7, 0.01))

    func select(_ matchers: [LabelMatcher], from: Timestamp, to: Timestamp) throws(EvaluationError) -> [SeriesSamples] {
        let other = Line(series: Self.container.series.setting("host", to: "web-2"), well: Self.container.well, ill: Self.container.ill)
        return (Self.lines + [other]).filter { line in matchers.allSatisfy { $0.matches(line.series[$0.name] ?? "") } }.map { line in
            let (level, gain) = isWell ? line.well : line.ill
            let points = stride(from: -7200, through: 0, by: 10).compactMap { second -> Point? in
                let moment = Self.now.advanced(by: .seconds(second))
                guard moment >= from, moment <= to else { return nil }
                return Point(moment, level + gain * Double(second))
            }
            return SeriesSamples(series: line.series, points: points)
        }
    }
}
