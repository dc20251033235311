import Glibc
import JSON
import TestSupport
import Testing

/// The aggregator in Alertmanager's place: Alertmanager's own amtool and a real Prometheus, as Debian has them, find nothing missing.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AlertmanagerTests {
    private let house: Installation

    init() throws {
        house = try Installation()
        try house.startReceivers()
        // What an Alertmanager would be given, in a file of its own.
        try TestFiles.write(Self.configuration(hook: house.webhookPort), to: house.folder("alertmanager.yml"))
        try TestFiles.write(
            """
            listen: {address: "127.0.0.1:\(house.port)"}
            storage: {path: \(house.folder("aggregator"))}
            alertmanager_config: alertmanager.yml
            """,
            to: house.folder("aggregator.yaml")
        )
        try house.startAggregator()
    }

    private static func configuration(hook: Int, wait: String = "0s") -> String {
        """
        global: {resolve_timeout: 5m, smtp_smarthost: 'localhost:25', smtp_from: 'alertmanager@example.org', smtp_require_tls: false}
        templates: ['templates/*.tmpl']
        route:
          receiver: ops
          group_by: [alertname, job]
          group_wait: \(wait)
          group_interval: 1s
          repeat_interval: 1h
          routes:
          - matchers: [team="db"]
            receiver: db
            continue: true
          - match_re: {team: "db|web"}
            receiver: pager
            mute_time_intervals: [never]
        time_intervals:
        - name: never
          time_intervals: [{years: ['1999'], location: Europe/Berlin}]
        inhibit_rules:
        - {source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [cluster]}
        receivers:
        - name: ops
          webhook_configs: [{url: 'http://127.0.0.1:\(hook)/hook', send_resolved: true}]
        - name: db
        - name: pager
          email_configs: [{to: pager@example.org}]

        """
    }

    /// amtool with these arguments; its output.
    private func amtool(_ arguments: String..., exits code: Int32 = 0) throws -> String {
        let (exit, output) = try ChildProcess.run(["amtool", "--alertmanager.url=\(house.address)", "--no-version-check"] + arguments)
        #expect(exit == .code(code), "amtool \(arguments): \(exit) \(output)")
        return output
    }

    private func post(_ alerts: String) throws {
        let answer = try Curl.post(house.address + "/api/v2/alerts", alerts)
        #expect(answer.status == 200, "\(answer.body)")
    }

    private func listed(_ arguments: String...) throws -> [String] {
        let (exit, output) = try ChildProcess.run(
            ["amtool", "--alertmanager.url=\(house.address)", "--no-version-check", "-o", "json", "alert", "query"] + arguments
        )
        #expect(exit == .code(0), "\(output)")
        return (try JSON.parse(output).array ?? []).compactMap { $0["labels"]?["alertname"]?.string }.sorted()
    }

    @Test func `amtool adds and queries alerts, and makes, lists, changes and ends silences`() throws {
        _ = try amtool("alert", "add", "alertname=Disk", "team=db", "severity=warning", "cluster=a", "--annotation=summary=full")
        _ = try amtool("alert", "add", "alertname=Load", "team=web", "severity=warning", "cluster=b")
        try eventually("both are listed") { try listed() == ["Disk", "Load"] }
        #expect(try listed("team=db") == ["Disk"])
        #expect(try listed("alertname=~L.*", "team!=db") == ["Load"])
        #expect(try listed("--receiver", "pager") == ["Disk", "Load"])
        #expect(try listed("--receiver", "db") == ["Disk"])
        let extended = try amtool("-o", "extended", "alert", "query", "alertname=Disk")
        #expect(extended.contains("active") && extended.contains("summary=\"full\""), "\(extended)")

        let id = try amtool("silence", "add", "--author=ops", "--comment=repair", "--duration=1h", "team=~d.*", "cluster!=b").words[0]
        #expect(try listed("--active") == ["Load"])
        #expect(try listed("--silenced") == ["Disk"])
        let silences = try amtool("silence", "query", "-o", "extended")
        #expect(
            silences.contains(id) && silences.contains("ops") && silences.contains("repair") && silences.contains("cluster!=\"b\""),
            "\(silences)"
        )
        #expect(try amtool("silence", "query", "-q", "team=~d.*").words == [id])
        #expect(try amtool("silence", "update", "--comment=longer", "--duration=2h", id).contains(id))
        #expect(try amtool("silence", "query", "-o", "extended").contains("longer"))
        _ = try amtool("silence", "expire", id)
        #expect(try amtool("silence", "query", "-q").words == [])
        #expect(try amtool("silence", "query", "--expired", "-q").words == [id])
        #expect(try listed("--active") == ["Disk", "Load"])
        // Ahead of time: in the list, not in force.
        _ = try amtool("silence", "add", "--author=ops", "--comment=later", "--start=2099-01-01T00:00:00Z", "--duration=1h", "alertname=Disk")
        #expect(try listed("--active") == ["Disk", "Load"])

        // Inhibited by one that is worse in the same cluster.
        _ = try amtool("alert", "add", "alertname=Down", "severity=critical", "cluster=a")
        try eventually("Down is listed") { try listed().contains("Down") }
        #expect(try listed("--inhibited") == ["Disk"])
        // A wrong matcher is an error with a reason, not an empty list.
        let (exit, refused) = try ChildProcess.run(["curl", "-s", "\(house.address)/api/v2/alerts?filter=%3Dx"])
        #expect(exit == .code(0) && refused.contains("matcher"), "\(refused)")
        // What amtool posted is on disk: a killed aggregator knows it again, and tells nobody twice.
        let told = house.received("webhook").count
        house.aggregator?.killHard()
        try house.startAggregator()
        try eventually("they are listed again") { try listed("--active", "--inhibited") == ["Disk", "Down", "Load"] }
        try post(#"[{"labels":{"alertname":"Last"}}]"#)
        try eventually("one more is told") { house.received("webhook").count > told }
        #expect(house.received("webhook").dropFirst(told).allSatisfy { $0["body"]?["groupLabels"]?["alertname"]?.string == "Last" })
    }

    @Test func `amtool reads the configuration that is in force, and tests its routes`() throws {
        let original = try #require(try house.get("/api/v2/status")["config"]?["original"]?.string)
        try TestFiles.write(original, to: house.folder("shown.yml"))
        let checked = try amtool("check-config", house.folder("shown.yml"))
        #expect(checked.contains("SUCCESS") && checked.contains("3 receivers") && checked.contains("1 inhibit rules"), "\(checked)")
        #expect(try amtool("check-config", house.folder("alertmanager.yml")).contains("SUCCESS"))
        for (labels, receivers) in [(["alertname=x"], "ops"), (["team=db"], "db,pager"), (["team=web", "job=y"], "pager"), (["team=dbx"], "ops")] {
            for source in [[], ["--config.file=" + house.folder("alertmanager.yml")]] {
                let arguments = ["amtool", "--alertmanager.url=\(house.address)", "config", "routes", "test"] + source
                let (exit, output) = try ChildProcess.run(arguments + ["--verify.receivers=\(receivers)"] + labels)
                #expect(exit == .code(0), "\(labels): \(output)")
            }
        }
        #expect(try amtool("config", "routes", "show").contains("{team=\"db\"}  continue: true  receiver: db"))
        #expect(try amtool("config", "show").contains("resolve_timeout: 5m"))
    }

    @Test func `a Prometheus whose rule fires and ends tells our receivers by us`() throws {
        let (target, port) = (try freePort(), try freePort())
        TestFiles.makeFolder(house.folder("exposed"))
        func expose(_ value: Int) throws {
            // In its place in one step: no scrape sees half a file.
            try TestFiles.write("flag \(value)\n", to: house.folder("exposed/next"))
            _ = try ChildProcess.run(["mv", house.folder("exposed/next"), house.folder("exposed/metrics")])
        }
        try expose(0)
        try TestFiles.write(
            """
            global: {scrape_interval: 1s, evaluation_interval: 1s}
            alerting: {alertmanagers: [{static_configs: [{targets: ['127.0.0.1:\(house.port)']}]}]}
            rule_files: ['\(house.folder("prometheus-rules.yml"))']
            scrape_configs: [{job_name: flags, static_configs: [{targets: ['127.0.0.1:\(target)']}]}]
            """,
            to: house.folder("prometheus.yml")
        )
        try TestFiles.write(
            """
            groups:
              - name: flags
                rules:
                  - alert: FlagUp
                    expr: flag > 0
                    labels: {severity: critical}
                    annotations: {summary: 'the flag of {{ $labels.instance }} is {{ $value }}'}
            """,
            to: house.folder("prometheus-rules.yml")
        )
        let exposing = try ChildProcess(
            ["/usr/bin/python3", "-m", "http.server", "\(target)", "--bind", "127.0.0.1", "--directory", house.folder("exposed")],
            outputPath: house.folder("exposed.out")
        )
        defer { exposing.killHard() }
        let prometheus = try ChildProcess(
            [
                "prometheus", "--config.file=\(house.folder("prometheus.yml"))", "--storage.tsdb.path=\(house.folder("tsdb"))",
                "--web.listen-address=127.0.0.1:\(port)",
            ],
            outputPath: house.folder("prometheus.out")
        )
        defer { prometheus.killHard() }
        func found(_ status: String) -> JSON? { house.received("webhook").first { $0["body"]?["status"]?.string == status } }
        try eventually("Prometheus has seen the flag; it wrote: \(prometheus.output().suffix(2000))", within: 60) {
            let answer = try? Curl.run(["http://127.0.0.1:\(port)/api/v1/query?query=flag"])
            return answer?.json?["data"]?["result"]?.array?.isEmpty == false
        }
        try expose(1)
        try eventually("the webhook hears that it fires", within: 60) { found("firing") != nil }
        let alert = try #require(found("firing")?["body"]?["alerts"]?[0])
        #expect(alert["labels"]?["alertname"]?.string == "FlagUp")
        #expect(alert["labels"]?["instance"]?.string == "127.0.0.1:\(target)")
        #expect(alert["annotations"]?["summary"]?.string == "the flag of 127.0.0.1:\(target) is 1")
        #expect(alert["generatorURL"]?.string?.contains(":\(port)/graph?g0.expr=flag") == true, "\(alert.text)")
        #expect(try listed("--active") == ["FlagUp"])
        #expect(try house.get("/api/v1/incidents")["incidents"]?[0]?["hosts"] == ["127.0.0.1"])
        try expose(0)
        try eventually("the webhook hears that it is over", within: 60) { found("resolved") != nil }
        #expect(try listed() == [])
        // Told once each, although Prometheus says it again and again.
        #expect(house.received("webhook").map { $0["body"]?["status"]?.string } == ["firing", "resolved"])
        let history = try house.get("/api/v1/events?type=alert.*&sort_order=asc")["events"]?.array?.compactMap { $0["type"]?.string }
        #expect(history == ["alert.fired", "alert.resolved"])
    }

    /// Routes that inherit, continue and stand in each other, all four operators, both notations, inhibition of oneself and without a label.
    private static let winding = """
        global: {resolve_timeout: 5m}
        route:
          receiver: r0
          group_by: [alertname]
          group_wait: 1h
          routes:
          - matchers: [team=~"db|we.*", severity!="info"]
            receiver: r1
            continue: true
            group_by: ['...']
            routes:
            - match: {host: a}
              receiver: r2
            - {matchers: ['severity="critical"'], receiver: r3, continue: true, group_by: [host, team]}
            - {matchers: [severity=~"crit.*|warning"], receiver: r4}
          - match_re: {team: "d|db", host: "a|b|"}
            receiver: r5
          - {matchers: [team="", host!~"a.*"], receiver: r6, group_by: []}
          - {matchers: ['{severity="warning",host=~".+"}'], receiver: r1, group_by: [severity]}
        inhibit_rules:
        - {source_matchers: [severity="critical"], target_matchers: [severity="warning"], equal: [host]}
        - {source_match: {team: db}, target_match_re: {team: "db|web"}, equal: [alertname, nothing]}
        - {source_matchers: [alertname="A1"], target_matchers: ['alertname=~"A[12]"']}
        receivers: [{name: r0}, {name: r1}, {name: r2}, {name: r3}, {name: r4}, {name: r5}, {name: r6}]

        """

    @Test(arguments: [1, 2, 3])
    func `given the same alerts, silences and filters, Alertmanager itself and we say the same`(seed: Int) throws {
        try TestFiles.write(Self.winding, to: house.folder("alertmanager.yml"))
        let (reloaded, said) = try ChildProcess.run(["\(Installation.binaries)/agentctl", "reload", "--aggregator", house.address])
        #expect(reloaded == .code(0), "\(said)")
        let port = try freePort()
        let alertmanager = try ChildProcess(
            [
                "prometheus-alertmanager", "--config.file=\(house.folder("alertmanager.yml"))", "--storage.path=\(house.folder("am"))",
                "--web.listen-address=127.0.0.1:\(port)", "--cluster.listen-address=",
            ],
            outputPath: house.folder("alertmanager.out")
        )
        defer { alertmanager.killHard() }
        try eventually("Alertmanager answers; it wrote: \(alertmanager.output().suffix(2000))", within: 60) {
            (try? Curl.run(["http://127.0.0.1:\(port)/-/ready"]))?.status == 200
        }
        let (exit, report) = try ChildProcess.run(
            Installation.script("compare_alertmanager.py") + [house.address, "http://127.0.0.1:\(port)", "\(seed)"]
        )
        print(report.suffix(200))
        #expect(exit == .code(0), "\(report)")
    }

    @Test func `a reload by agentctl or SIGHUP takes the other file's changes, and refuses mistakes with their place`() throws {
        let agentctl = "\(Installation.binaries)/agentctl"
        func reload() throws -> (ChildProcess.Exit, String) { try ChildProcess.run([agentctl, "reload", "--aggregator", house.address]) }
        try TestFiles.write(Self.configuration(hook: house.webhookPort, wait: "7s"), to: house.folder("alertmanager.yml"))
        let (exit, said) = try reload()
        #expect(exit == .code(0) && said.contains("in force"), "\(said)")
        #expect(try amtool("config", "show").contains("group_wait: 7s"))
        try TestFiles.write("route: {receiver: nobody}\nreceivers: [{name: ops}]\n", to: house.folder("alertmanager.yml"))
        let (refused, why) = try reload()
        #expect(refused == .code(1))
        #expect(why.contains("alertmanager.yml:1: route.receiver: there is no receiver \"nobody\""), "\(why)")
        #expect(try amtool("config", "show").contains("group_wait: 7s"))
        #expect(try Curl.run(["-X", "POST", house.address + "/-/reload"]).status == 422)
        try TestFiles.write(Self.configuration(hook: house.webhookPort, wait: "9s"), to: house.folder("alertmanager.yml"))
        house.aggregator?.signal(SIGHUP)
        try eventually("SIGHUP is obeyed") { try amtool("config", "show").contains("group_wait: 9s") }
    }
}

extension String {
    fileprivate var words: [String] { split(whereSeparator: \.isWhitespace).map(String.init) }
}
