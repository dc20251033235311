import AggregatorApp
import Configuring
import Correlating
import Counting
import Rules
import Ruling
import TestSupport
import Testing

struct RuleConfigTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func read(_ text: String) throws -> (config: AggregatorConfig, problems: [String]) {
        let problems = ConfigProblems()
        try TestFiles.write(text, to: folder("aggregator.yaml"))
        let config = AggregatorConfig.read(path: folder("aggregator.yaml"), environment: { _ in nil }, problems: problems)
        return (config, problems.all.map { $0.description.replacing(folder.path + "/", with: "") })
    }

    @Test func `without keys there are no rules, they would be evaluated each 15 s, and flapping alerts are held`() throws {
        let (config, problems) = try read("storage: {path: /srv/tocsin}")
        #expect(problems.isEmpty)
        #expect(config.ruling.groups.isEmpty)
        #expect(config.ruling.interval == .seconds(15))
        #expect(config.ruling.delay == .zero)
        #expect(config.ruling.path == "/srv/tocsin/rules.db")
        #expect(config.counting.path == "/srv/tocsin/counting.db")
        #expect(config.counting.seriesMax == 10_000)
        #expect(config.correlating.flapping == FlappingConfig(changes: 4, window: .seconds(600), steady: .seconds(600)))
    }

    @Test func `rule files are read from the configuration's folder, by path and by pattern, each once`() throws {
        try TestFiles.write("groups: [{name: a, rules: [{alert: A, expr: up == 0}]}]", to: folder("a.yaml"))
        try TestFiles.write("groups: [{name: b, interval: 1m, rules: [{record: 'x:sum', expr: sum(x)}]}]", to: folder("b.yaml"))
        let (config, problems) = try read(
            """
            rule_files: [a.yaml, "?.yaml", "\(folder("none"))/*.yaml"]
            evaluation_interval: 5s
            evaluation_delay: 30s
            limits: {event_series: 7}
            flapping: {changes: 6, window: 5m, steady: 1h}
            """
        )
        #expect(problems.isEmpty)
        #expect(config.ruling.groups.map(\.name) == ["a", "b"])
        #expect(config.ruling.interval == .seconds(5))
        #expect(config.ruling.delay == .seconds(30))
        #expect(config.counting.seriesMax == 7)
        #expect(config.correlating.flapping == FlappingConfig(changes: 6, window: .seconds(300), steady: .seconds(3600)))
    }

    @Test func `flapping can be switched off`() throws {
        #expect(try read("flapping: {enabled: false}").config.correlating.flapping == nil)
    }

    @Test func `mistakes are told with file and line`() throws {
        try TestFiles.write("groups:\n  - name: a\n    rules:\n      - {alert: A, expr: rate(x) > 1}\n", to: folder("wrong.yaml"))
        let (_, problems) = try read(
            """
            rule_files:
              - missing.yaml
              - wrong.yaml
            evaluation_interval: 5
            flapping: {changes: 2, often: 3}
            """
        )
        #expect(problems.count == 5)
        #expect(problems.contains { $0.hasPrefix("aggregator.yaml:2: rule_files: missing.yaml cannot be read: ") })
        #expect(problems.contains { $0.hasPrefix("wrong.yaml:4: groups[0].rules[0].expr: ") })
        #expect(problems.contains { $0.hasPrefix("aggregator.yaml:4: evaluation_interval: ") })
        #expect(problems.contains { $0.hasPrefix("aggregator.yaml:5: flapping.changes: ") })
        #expect(problems.contains { $0.hasPrefix("aggregator.yaml:5: flapping.often: ") || $0.hasPrefix("aggregator.yaml:5: flapping: ") })
    }
}
