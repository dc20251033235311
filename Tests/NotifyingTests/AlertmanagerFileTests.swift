import Configuring
import Telemetry
import TestSupport
import Testing

@testable import Notifying

@Suite struct AlertmanagerFileTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func read(_ yaml: String, file: String = "a.yaml") throws -> (config: NotifyingConfig, problems: [String]) {
        let problems = ConfigProblems()
        let root = ConfigReader(try YAML.parse(yaml), file: file, problems: problems)
        let config = NotifyingConfig(reading: root)
        root.finish()
        return (config, problems.all.map(\.description))
    }

    /// What a shop of some size writes: every key that webhooks and mails have, in the old and the new notation.
    static let whole = """
        global:
          smtp_smarthost: 'localhost:25'
          smtp_from: 'alertmanager@example.org'
          smtp_auth_username: 'alertmanager'
          smtp_auth_password: 'password'
          smtp_hello: monitor.example.org
          smtp_require_tls: false
          resolve_timeout: 7m
          slack_api_url: 'https://hooks.slack.example/services/T0/B0/x'
          http_config: {follow_redirects: true, enable_http2: true, basic_auth: {username: hook, password: open}}
        templates:
        - 'templates/*.tmpl'
        route:
          group_by: ['alertname', 'cluster', 'service']
          group_wait: 30s
          group_interval: 5m
          repeat_interval: 3h
          receiver: team-X-mails
          routes:
          - matchers:
            - service=~"foo1|foo2|baz"
            receiver: team-X-mails
            routes:
            - matchers:
              - severity="critical"
              receiver: team-X-hook
          - match:
              service: files
            match_re:
              dc: ^(east|west)$
            receiver: team-Y-mails
            group_by: []
            mute_time_intervals: [nights]
            active_time_intervals: [office, holidays]
          - matchers: [ service="database", owner!="nobody" ]
            receiver: team-DB
            group_by: ['...']
            continue: true
            routes:
            - matchers: [ 'owner=~"team-[XY]"', owner!~team-Z ]
              group_wait: 0s
              receiver: team-X-hook
          - {receiver: team-DB, matchers: ['{a="b", c=~"d|e"}'], repeat_interval: 1d12h}
        inhibit_rules:
        - source_matchers: [severity="critical"]
          target_matchers: [severity="warning"]
          equal: [alertname, cluster, service]
        - {source_match: {alertname: HostDown}, target_match_re: {severity: .*}, equal: [host]}
        mute_time_intervals:
        - name: nights
          time_intervals:
          - times: [{start_time: 22:00, end_time: 24:00}, {start_time: 00:00, end_time: 06:00}]
            location: Europe/Berlin
        time_intervals:
        - name: office
          time_intervals: [{weekdays: ['monday:friday'], times: [{start_time: '09:00', end_time: '17:00'}]}]
        - name: holidays
          time_intervals: [{months: ['december'], days_of_month: ['24:26', '-1'], years: ['2026:2030']}]
        receivers:
        - name: 'team-X-mails'
          email_configs:
          - to: 'team-X+alerts@example.org, team-Y+alerts@example.org'
            send_resolved: true
            headers: {Subject: '{{ .Status }}: {{ .CommonLabels.alertname }}'}
        - name: 'team-X-hook'
          webhook_configs:
          - url: 'http://127.0.0.1:5001/secret/path?token=x'
            send_resolved: false
            max_alerts: 10
            http_config: {authorization: {type: Bearer, credentials: abc}, tls_config: {insecure_skip_verify: true, min_version: TLS12}}
        - name: 'team-Y-mails'
          email_configs: [{to: 'team-Y+alerts@example.org', require_tls: true, auth_identity: ''}]
        - name: 'team-DB'
          webhook_configs: [{url: 'http://127.0.0.1:5002/'}]
        - name: 'nobody'
        """

    private func check(_ config: NotifyingConfig) throws {
        #expect(config.resolveTimeout == .seconds(420))
        #expect(config.receivers.map(\.name) == ["team-X-mails", "team-X-hook", "team-Y-mails", "team-DB", "nobody"])
        let hook = config.receivers[1].webhooks[0]
        #expect((hook.sendResolved, hook.maxAlerts) == (false, 10))
        #expect(hook.http.authorization == .credentials(type: "Bearer", .value(Secret("abc"))))
        #expect(config.receivers[3].webhooks[0].http.authorization == .basic(BasicAuth(username: "hook", password: Secret("open"))))
        let mail = config.receivers[0].emails[0]
        #expect((mail.host, mail.port, mail.username, mail.requireTLS) == ("localhost", 25, "alertmanager", false))
        #expect(config.receivers[2].emails[0].requireTLS)
        let root = config.route.root
        #expect(root.children.count == 4)
        let files = root.children[1]
        #expect(files.matchers.map(\.description) == ["service=\"files\"", "dc=~\"^(east|west)$\""])
        // An empty list is the parent's, as in Alertmanager.
        #expect(files.groupBy == .labels(["alertname", "cluster", "service"]))
        #expect((files.mutedDuring, files.activeDuring) == (["nights"], ["office", "holidays"]))
        #expect(root.children[2].groupBy == .all)
        #expect(root.children[2].children[0].mutedDuring == [])
        #expect(config.inhibitRules.count == 2)
        #expect(config.timeIntervals.keys.sorted() == ["holidays", "nights", "office"])
        func takers(_ labels: Labels) -> [String] { config.route.routes(for: labels).map { "\($0.receiver) \($0.groupWait.components.seconds)" } }
        #expect(takers(["service": "foo1", "severity": "critical"]) == ["team-X-hook 30"])
        #expect(takers(["service": "files", "dc": "east"]) == ["team-Y-mails 30"])
        #expect(takers(["service": "files", "dc": "northeast"]) == ["team-X-mails 30"])
        #expect(takers(["service": "database", "owner": "team-X", "a": "b", "c": "e"]) == ["team-X-hook 0", "team-DB 30"])
        #expect(takers(["service": "database", "owner": "nobody"]) == ["team-X-mails 30"])
    }

    @Test func `an alertmanager.yml loads as it is, at the top of our file or in its own`() throws {
        try TestFiles.write("{{ define \"x\" }}y{{ end }}", to: folder("x.tmpl"))
        let (inline, problems) = try read(Self.whole)
        #expect(problems == [])
        try check(inline)
        try TestFiles.write(Self.whole, to: folder("alertmanager.yml"))
        for path in [folder("alertmanager.yml"), "alertmanager.yml"] {
            let (named, problems) = try read("alertmanager_config: \(path)", file: folder("aggregator.yaml"))
            #expect(problems == [])
            try check(named)
        }
    }

    @Test func `mistakes in the other file name it, and both at once are refused`() throws {
        try TestFiles.write("receivers: [{name: a}]\nroute: {receiver: b}\nlisten: {}\n", to: folder("alertmanager.yml"))
        let (_, problems) = try read(
            "alertmanager_config: alertmanager.yml\nroute: {receiver: a}\n",
            file: folder("aggregator.yaml")
        )
        #expect(problems.contains { $0.hasPrefix("\(folder("alertmanager.yml")):2: route.receiver: ") })
        #expect(problems.contains { $0.hasPrefix("\(folder("alertmanager.yml")):3: listen: there is no such key") })
        #expect(problems.contains { $0.hasPrefix("\(folder("aggregator.yaml")):2: route: ") && $0.contains("alertmanager_config") })
        let (_, missing) = try read("alertmanager_config: /nowhere/am.yml")
        #expect(missing.count == 1 && missing[0].hasPrefix("/nowhere/am.yml: cannot be read"))
    }

    @Test func `receivers that are not spoken here say what to write instead`() throws {
        let (_, problems) = try read(
            """
            receivers:
              - name: a
                slack_configs: [{channel: '#x'}]
                pagerduty_configs: [{routing_key: x}]
                sns_configs: [{}]
            route: {receiver: a}
            """
        )
        #expect(problems.count == 3)
        #expect(problems[0].hasPrefix("a.yaml:3: receivers[0].slack_configs: ") && problems[0].contains("preset: slack"))
        #expect(problems[1].hasPrefix("a.yaml:4: receivers[0].pagerduty_configs: ") && problems[1].contains("preset: pagerduty"))
        #expect(problems[2].hasPrefix("a.yaml:5: receivers[0].sns_configs: ") && problems[2].contains("webhook_configs"))
    }

    @Test func `keys that would silently not do what they say are refused`() throws {
        let (_, problems) = try read(
            """
            global: {smtp_auth_secret: x, smtp_auth_identity: other, http_config: {proxy_url: 'http://p'}}
            receivers:
              - name: a
                webhook_configs:
                  - {url: 'http://h', http_config: {oauth2: {client_id: x}, tls_config: {cert_file: x}, basic_auth: {username: u}, bearer_token: t}}
            route: {receiver: a, mute_time_intervals: [x], routes: [{active_time_intervals: [never]}]}
            """
        )
        for place in [
            "1: global.smtp_auth_secret", "1: global.smtp_auth_identity",
            "5: receivers[0].webhook_configs[0].http_config.oauth2.client_secret",
            "5: receivers[0].webhook_configs[0].http_config.oauth2.token_url", "5: receivers[0].webhook_configs[0].http_config.tls_config.cert_file",
            "5: receivers[0].webhook_configs[0].http_config.basic_auth", "6: route.routes[0].active_time_intervals",
        ] {
            #expect(problems.contains { $0.hasPrefix("a.yaml:\(place): ") }, "\(place)\n\(problems.joined(separator: "\n"))")
        }
        #expect(problems.filter { $0.hasPrefix("a.yaml:6: route.mute_time_intervals: ") }.count == 2)
        #expect(problems.count == 10)
    }

    @Test func `the configuration in force is shown as an alertmanager.yml that reads back as the same, without secrets`() throws {
        let (config, _) = try read(Self.whole)
        let text = AlertmanagerText.text(of: config)
        for secret in ["password", "abc", "secret/path", "token=x", "open"] { #expect(!text.contains(secret), "\(secret)") }
        let (again, problems) = try read(text)
        #expect(problems == [])
        #expect(AlertmanagerText.text(of: again) == text)
        let (before, after) = (config.route.all, again.route.all)
        #expect(before.map(\.key) == after.map(\.key))
        #expect(before.map(\.receiver) == after.map(\.receiver))
        #expect(before.map(\.groupBy) == after.map(\.groupBy))
        #expect(before.map(\.continues) == after.map(\.continues))
        #expect(
            before.map { [$0.groupWait, $0.groupInterval, $0.repeatInterval] } == after.map { [$0.groupWait, $0.groupInterval, $0.repeatInterval] }
        )
        #expect(before.map { $0.mutedDuring + $0.activeDuring } == after.map { $0.mutedDuring + $0.activeDuring })
        #expect(config.timeIntervals == again.timeIntervals)
        #expect(again.receivers[1].webhooks[0].url.value == "http://127.0.0.1:5001/<secret>")
        #expect(config.inhibitRules.map(\.equal) == again.inhibitRules.map(\.equal))
    }
}
