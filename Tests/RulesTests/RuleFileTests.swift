import Configuring
import Rules
import Telemetry
import TestSupport
import Testing

struct RuleFileTests {
    static func parse(_ text: String) -> (groups: [RuleGroup], problems: [String]) {
        let problems = ConfigProblems()
        let file = RuleFile.parse(text, path: "r.yaml", problems: problems)
        return (file.groups, problems.all.map(\.description))
    }

    @Test func `every key of Prometheus's rule files is read`() {
        let (groups, problems) = Self.parse(
            """
            groups:
              - name: disks
                interval: 30s
                limit: 5
                rules:
                  - alert: DiskFull
                    expr: |
                      avail / size < 0.05
                        and readonly == 0
                    for: 5m
                    keep_firing_for: 10m
                    labels: {severity: critical}
                    annotations:
                      summary: '{{ $labels.mountpoint }} is full: {{ printf "%.1f" $value }}'
                  - record: instance:avail:ratio
                    expr: avail / size
                    labels: {team: infra}
              - name: rest
                rules: []
            """
        )
        #expect(problems.isEmpty)
        #expect(groups.map(\.name) == ["disks", "rest"])
        #expect(groups[0].interval == .seconds(30))
        #expect(groups[0].limit == 5)
        guard case .alerting(let alert) = groups[0].rules[0], case .recording(let record) = groups[0].rules[1] else {
            Issue.record("the kinds are wrong")
            return
        }
        #expect(alert.name == "DiskFull")
        #expect(alert.holdDuration == .seconds(300))
        #expect(alert.keepFiringFor == .seconds(600))
        #expect(alert.labels.map(\.name) == ["severity"])
        #expect(alert.line == 6)
        #expect(record.name == "instance:avail:ratio")
        #expect(record.labels == ["team": "infra"])
    }

    @Test func `every mistake is told in one run, with its line and what to write`() {
        let (groups, problems) = Self.parse(
            """
            groups:
              - name: a
                intervall: 5s
                rules:
                  - alert: Ok
                    expr: up == 0
                  - alert: BadExpression
                    expr: rate(x) > 1
                  - alert: BadDuration
                    expr: up
                    for: 5
                  - alert: BadTemplate
                    expr: up
                    annotations:
                      good: text
                      bad: '{{ if $value }}'
                  - expr: up
                  - record: a-b
                    expr: up
                    for: 5m
                  - alert: Matrix
                    expr: up[5m]
                  - alert: NoExpression
                  - alert: BadLabel
                    expr: up
                    labels: {"a-b": c, alertname: x}
              - name: a
                rules: []
            """
        )
        #expect(groups.first?.rules.map(\.name) == ["Ok"])
        let expected = [
            "r.yaml:3: groups[0].intervall: there is no such key; did you mean interval?",
            "r.yaml:8: groups[0].rules[1].expr: \"rate(x) > 1\", column 6: rate needs a range vector here, not an instant vector; write a range",
            "r.yaml:11: groups[0].rules[2].for: ",
            "r.yaml:16: groups[0].rules[3].annotations.bad: {{ if $value }}: \"if\" is not known here",
            "r.yaml:17: groups[0].rules[4]: a rule with neither alert nor record; write one of them: alert: NAME",
            "r.yaml:18: groups[0].rules[5].record: \"a-b\" is no metric name",
            "r.yaml:20: groups[0].rules[5].for: a recorded series has no for",
            "r.yaml:22: groups[0].rules[6].expr: the expression is a range vector",
            "r.yaml:23: groups[0].rules[7].expr: missing",
            "r.yaml:26: groups[0].rules[8].labels.a-b: \"a-b\" is no label name",
            "r.yaml:26: groups[0].rules[8].labels: an alert's label alertname cannot be set",
            "r.yaml:27: groups[1].name: \"a\" is the name of another group",
        ]
        #expect(problems.count == expected.count, "\(problems)")
        for (problem, expected) in zip(problems, expected) { #expect(problem.hasPrefix(expected), "\(problem)") }
    }

    @Test func `an empty file has no rules and is no mistake, one that is no YAML is one`() {
        #expect(Self.parse("").problems.isEmpty)
        #expect(Self.parse("# nothing\n").problems.isEmpty)
        #expect(!Self.parse("groups: [").problems.isEmpty)
        #expect(!Self.parse("- a\n").problems.isEmpty)
        #expect(!Self.parse("groups: 5\n").problems.isEmpty)
    }

    @Test func `a literal path must exist, a glob need not match`() throws {
        let folder = try TemporaryFolder()
        try TestFiles.write("groups: [{name: b, rules: [{alert: B, expr: up}]}]", to: folder("b.yaml"))
        try TestFiles.write("groups: [{name: a, rules: [{alert: A, expr: up}]}]", to: folder("a.yaml"))
        let problems = ConfigProblems()
        let groups = RuleFile.load(patterns: [folder("*.yaml"), folder("none*.yaml"), folder("a.yaml"), folder("missing.yaml")], problems: problems)
        #expect(groups.map(\.name) == ["a", "b"])
        #expect(problems.all.map(\.file) == [folder("missing.yaml")])
    }

    @Test func `the default rules and the examples are right`() {
        let root = #filePath.split(separator: "/").dropLast(3).reduce("") { $0 + "/" + $1 }
        for path in ["/packaging/agent/host.yaml", "/packaging/examples/rules-web.yaml", "/packaging/examples/rules-all-hosts.yaml"] {
            let (file, problems) = RuleFile.load(path: root + path)
            #expect(problems.isEmpty, "\(problems)")
            #expect(!file.groups.isEmpty)
        }
    }
}
