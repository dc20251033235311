import AggregatorApp
import Configuring
import Correlating
import Telemetry
import TestSupport
import Testing

struct IncidentConfigTests {
    private func read(_ text: String) throws -> (config: AggregatorConfig, problems: [String]) {
        let folder = try TemporaryFolder()
        try TestFiles.write(text, to: folder("aggregator.yaml"))
        let problems = ConfigProblems()
        let config = AggregatorConfig.read(path: folder("aggregator.yaml"), environment: { _ in nil }, problems: problems)
        return (config, problems.all.map(\.description))
    }

    @Test func `what belongs together is configured, with its patterns`() throws {
        let (config, problems) = try read(
            """
            incidents:
              group_by: [cluster]
              window: 10m
              timeout: 30m
              changes: [deploy.*]
              changes_before: 2h
              allowed_lateness: 30s
              patterns:
                - name: deploy-then-errors
                  first: {type: deploy.finished, labels: {service: shop}}
                  then: {severity: error, message: 'timeout|refused'}
                  within: 5m
                - name: logins
                  first: {source: sshd, message: 'Failed password'}
                  count: 5
                  within: 1m
                  alert: {name: LoginBurst, labels: {severity: critical}, annotations: {summary: '{{ $labels.host }}'}, keep_firing_for: 10m}
                - name: backup-missing
                  first: {type: backup.started}
                  missing: {type: backup.finished}
                  within: 1h
                  by: [host, job]
                  allowed_lateness: 10m
                - {name: cascade, first: {alert: DiskFull}, then: {alert: HostDown}, within: 10m, by: []}
            """
        )
        #expect(problems == [])
        let incidents = config.correlating.incidents
        #expect(incidents.groupBy == ["cluster"] && incidents.window == .seconds(600) && incidents.timeout == .seconds(1800))
        #expect(incidents.changes == ["deploy.*"] && incidents.changesBefore == .seconds(7200))
        #expect(incidents.patterns.map(\.name) == ["deploy-then-errors", "logins", "backup-missing", "cascade"])
        #expect(incidents.patterns[0].first == EventMatch(type: "deploy.finished", labels: ["service": "shop"]))
        #expect(incidents.patterns[1].shape == .repeated(5) && incidents.patterns[1].alert?.keepFiringFor == .seconds(600))
        #expect(incidents.patterns[2].shape == .missing(EventMatch(type: "backup.finished")) && incidents.patterns[2].by == ["host", "job"])
        #expect(incidents.patterns.map(\.allowedLateness) == [30, 30, 600, 30].map { .seconds($0) })
        #expect(incidents.patterns[3].by == [] && incidents.patterns[3].alert == nil)
    }

    @Test(arguments: [
        ("{name: a, within: 5m, count: 2}", "first"), ("{name: a, first: {type: x}, count: 2}", "within"),
        ("{name: a, first: {type: x}, within: 5m}", "patterns[0]"),
        ("{name: a, first: {type: x}, within: 5m, count: 2, then: {type: y}}", "patterns[0]"),
        ("{name: a, first: {}, within: 5m, count: 2}", "first"), ("{name: a, first: {message: '('}, within: 5m, count: 2}", "message"),
        ("{name: a, first: {severity: bad}, within: 5m, count: 2}", "severity"),
        ("{name: a, first: {alert: A, type: x}, within: 5m, count: 2}", "alert"),
        ("{name: a, first: {type: x}, within: 5m, count: 2, alert: {name: A, annotations: {summary: '{{ bad }}'}}}", "annotations"),
        ("{first: {type: x}, within: 5m, count: 2}", "name"), ("{name: a, first: {type: x}, within: 5m, count: 2, colour: red}", "colour"),
    ])
    func `a wrong pattern is told with its place`(pattern: String, key: String) throws {
        let problems = try read("incidents:\n  patterns:\n    - \(pattern)\n").problems
        #expect(!problems.isEmpty)
        #expect(problems.first?.contains(key) == true, "\(problems)")
    }

    @Test func `two patterns of one name are one too many`() throws {
        let pattern = "{name: a, first: {type: x}, within: 5m, count: 2}"
        #expect(try read("incidents: {patterns: [\(pattern), \(pattern)]}").problems.count == 1)
    }
}
