import Configuring
import Rehearsing
import TestSupport
import Testing

/// Files that promtool reads, with the verdict that promtool 2.42 gives of them.
@Suite struct UnitTestFileTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TestFiles.write(
            """
            groups:
              - name: hosts
                rules:
                  - record: job:up:sum
                    expr: sum by (job) (up)
                  - alert: InstanceDown
                    expr: up == 0
                    for: 5m
                    labels: {severity: page}
                    annotations: {summary: "Instance {{ $labels.instance }} down", description: "worth {{ $value }}"}
                  - alert: JobGone
                    expr: job:up:sum < 1
                    keep_firing_for: 3m
              - name: later
                rules:
                  - alert: Told
                    expr: ALERTS{alertname="InstanceDown", alertstate="firing"}

            """,
            to: folder("rules.yml")
        )
    }

    private func run(_ tests: String) throws -> UnitTestRun {
        try TestFiles.write("rule_files: [rules.yml]\n" + tests, to: folder("tests.yml"))
        let problems = ConfigProblems()
        let file = UnitTestFile.load(path: folder("tests.yml"), problems: problems)
        #expect(problems.isEmpty, "\(problems.all)")
        return UnitTestRun(file)
    }

    private let series = """
        evaluation_interval: 1m
        tests:
          - interval: 1m
            input_series:
              - {series: 'up{job="node", instance="a"}', values: '1x3 0x14'}
              - {series: 'up{job="web", instance="b"}', values: '1+0x10 stale'}

        """

    @Test func `what promtool finds right is right`() throws {
        let result = try run(
            series + """
                    promql_expr_test:
                      - {expr: up, eval_time: 4m, exp_samples: [{labels: 'up{instance="b", job="web"}', value: 1}, {labels: 'up{job="node",instance="a"}', value: 0}]}
                      - {expr: job:up:sum, eval_time: 3m, exp_samples: [{labels: 'job:up:sum{job="node"}', value: 1}, {labels: 'job:up:sum{job="web"}', value: 1}]}
                      - {expr: 'count(job:up:sum)', eval_time: 12m, exp_samples: [{labels: '{}', value: 1}]}
                      - {expr: 'ALERTS_FOR_STATE{alertname="InstanceDown"} - 0', eval_time: 9m, exp_samples: [{labels: '{alertname="InstanceDown", instance="a", job="node", severity="page"}', value: 240}]}
                      - {expr: 'up{job="nothing"}', eval_time: 1m}
                    alert_rule_test:
                      - {eval_time: 8m, alertname: InstanceDown, exp_alerts: []}
                      - eval_time: 9m
                        alertname: InstanceDown
                        exp_alerts:
                          - exp_labels: {severity: page, instance: a, job: node}
                            exp_annotations: {summary: Instance a down, description: worth 0}
                      - {eval_time: 9m, alertname: Told, exp_alerts: [{exp_labels: {alertstate: firing, severity: page, instance: a, job: node}}]}
                      - {eval_time: 5m, alertname: JobGone, exp_alerts: [{exp_labels: {job: node}}]}

                """
        )
        #expect(result.failures == [])
        #expect(result.checks == 9)
    }

    @Test func `what promtool finds wrong is wrong, with what was expected and what there is`() throws {
        let result = try run(
            series + """
                    promql_expr_test:
                      - {expr: sum(up), eval_time: 4m, exp_samples: [{labels: '{}', value: 2}]}
                    alert_rule_test:
                      - {eval_time: 9m, alertname: InstanceDown, exp_alerts: []}
                      - {eval_time: 9m, alertname: NoSuchRule, exp_alerts: []}
                      - {eval_time: 8m59s, alertname: InstanceDown, exp_alerts: [{exp_labels: {severity: page, instance: a, job: node}}]}

                """
        )
        #expect(result.failures.count == 3)
        #expect(result.failures.first { $0.check == "sum(up) at 4m" }?.got == ["{} 1"])
        #expect(result.failures.first { $0.check == "alert InstanceDown at 9m" }?.got.count == 1)
        #expect(result.failures.allSatisfy { $0.line > 0 })
    }

    @Test func `almost the same is enough only where the file says so`() throws {
        let test = """
            tests:
              - interval: 1m
                input_series: [{series: x, values: '0.1 0.1'}]
                promql_expr_test: [{expr: x * 3, eval_time: 0, exp_samples: [{labels: '{}', value: 0.3}]}]

            """
        #expect(try run(test).failures.count == 1)
        #expect(try run("fuzzy_compare: true\n" + test).failures == [])
    }

    @Test func `mistakes of a file are told with their lines`() throws {
        try TestFiles.write(
            """
            rule_files: [rules.yml]
            group_eval_order: [nobody]
            tests:
              - input_series:
                  - {series: 'up{', values: '1'}
                  - {series: up, values: 'one'}
                promql_expr_test: [{expr: 'sum(', eval_time: 1m}]
                external_labels: {a: b}

            """,
            to: folder("bad.yml")
        )
        let problems = ConfigProblems()
        _ = UnitTestFile.load(path: folder("bad.yml"), problems: problems)
        #expect(problems.all.map(\.line).sorted() == [2, 5, 6, 7, 8], "\(problems.all)")
    }
}
