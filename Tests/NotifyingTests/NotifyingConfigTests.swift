import Configuring
import Telemetry
import TestSupport
import Testing

@testable import Notifying

@Suite struct NotifyingConfigTests {
    private let folder: TemporaryFolder

    init() throws {
        folder = try TemporaryFolder()
        try TestFiles.write("s3cret\n", to: folder("secret"))
    }

    private func read(_ yaml: String) throws -> (config: NotifyingConfig, problems: [String]) {
        let problems = ConfigProblems()
        let text = yaml.split(separator: "FOLDER", omittingEmptySubsequences: false).joined(separator: folder.path)
        let root = ConfigReader(try YAML.parse(text), file: "a.yaml", problems: problems)
        let config = NotifyingConfig(reading: root)
        root.finish()
        return (config, problems.all.map(\.description))
    }

    @Test func `the sample of the design is read`() throws {
        let (config, problems) = try read(
            """
            receivers:
              - name: ops
                webhook_configs: [{url: "https://hooks.example.org/tocsin", secret_file: FOLDER/secret, send_resolved: true}]
                email_configs: [{smarthost: "mail.example.org:587", from: tocsin@example.org, to: "ops@example.org", require_tls: true,
                                 auth_username: tocsin, auth_password_file: FOLDER/secret}]
            route:
              receiver: ops
              group_by: [alertname]
              group_wait: 5s
              group_interval: 5m
              repeat_interval: 4h
              rate_limit: 20/1h
              routes:
                - {matchers: ['severity="critical"'], receiver: ops, group_wait: 0s}
            inhibit_rules: [{source_matchers: ['alertname="HostDown"'], target_matchers: ['severity=~"warning|critical"'], equal: [host]}]
            """
        )
        #expect(problems == [])
        let ops = try #require(config.receiver("ops"))
        #expect(ops.channels.map(\.key) == ["ops/webhook/0", "ops/email/0"])
        #expect(ops.webhooks[0].secretFile == folder("secret"))
        #expect((ops.emails[0].host, ops.emails[0].port) == ("mail.example.org", 587))
        #expect(!ops.emails[0].sendResolved)
        let root = config.route.root
        #expect(root.groupBy == .labels(["alertname"]))
        #expect((root.groupWait, root.groupInterval, root.repeatInterval) == (.seconds(5), .seconds(300), .seconds(14_400)))
        #expect(root.limit?.count == 20)
        #expect(root.limit?.window == .seconds(3600))
        #expect(root.children[0].groupWait == .zero)
        #expect(root.children[0].limit?.key == root.key)
        #expect(config.inhibitRules[0].equal == ["host"])
    }

    @Test func `mails take what they do not say from global, and old matchers are read too`() throws {
        let (config, problems) = try read(
            """
            global: {smtp_smarthost: "[::1]:25", smtp_from: "Tocsin <t@example.org>", smtp_require_tls: false, smtp_hello: agg.example.org}
            receivers:
              - name: ops
                email_configs:
                  - to: "a@example.org, B <b@example.org>"
                    send_resolved: true
                    headers: {Subject: "{{ .Status }}", Reply-To: ops@example.org}
                    text: "{{ range .Alerts }}{{ .Labels.host }}{{ end }}"
            route:
              receiver: ops
              group_by: ['...']
              routes:
                - match: {severity: critical}
                  match_re: {host: "web-.*"}
                  continue: true
                  rate_limit: off
            """
        )
        #expect(problems == [])
        let email = config.receivers[0].emails[0]
        #expect((email.host, email.port, email.requireTLS, email.hello) == ("::1", 25, false, "agg.example.org"))
        #expect(email.from == "Tocsin <t@example.org>")
        #expect(email.headers.map(\.name) == ["Subject", "Reply-To"])
        #expect(config.route.root.groupBy == .all)
        let child = config.route.root.children[0]
        #expect(child.matchers.map(\.description) == ["severity=\"critical\"", "host=~\"web-.*\""])
        #expect(child.continues)
        #expect(child.limit == nil)
    }

    @Test func `without receivers and route nobody is told`() throws {
        let (config, problems) = try read("")
        #expect(problems == [])
        #expect(config.receivers.flatMap(\.channels).isEmpty)
    }

    @Test func `every mistake is found in one run, with its line and what to write`() throws {
        let (_, problems) = try read(
            """
            receivers:
              - name: ops
                webhook_configs:
                  - {url: "hooks.example.org", secret_file: /nowhere/secret, sned_resolved: true}
                  - {url: "https://h.example.org", max_alerts: many}
                email_configs:
                  - {smarthost: mail.example.org, to: "not an address", from: t@example.org}
                  - {smarthost: "m:25", from: t@example.org, auth_username: x, headers: {Bcc: x@example.org, X-A: "{{ .Nope }}"}}
              - name: ops
            route:
              receiver: nobody
              group_by: ['...', host]
              group_wait: 5
              rate_limit: lots
              matchers: ['a=b']
              routes:
                - {matchers: ['severity=~"("', [x]], match_re: {host: "("}, repeat_interval: 0s}
            inhibit_rules: [{source_matchers: ['a=b'], equal: [host]}]
            """
        )
        func expect(_ place: String, _ words: String) {
            #expect(
                problems.contains { $0.hasPrefix("a.yaml:\(place): ") && $0.contains(words) },
                "\(place): \(words)\n\(problems.joined(separator: "\n"))"
            )
        }
        expect("4: receivers[0].webhook_configs[0].url", "http://")
        expect("4: receivers[0].webhook_configs[0].secret_file", "/nowhere/secret")
        expect("4: receivers[0].webhook_configs[0].sned_resolved", "send_resolved")
        expect("5: receivers[0].webhook_configs[1].max_alerts", "many")
        expect("7: receivers[0].email_configs[0].smarthost", "host:port")
        expect("7: receivers[0].email_configs[0].to", "not an address")
        expect("8: receivers[0].email_configs[1].to", "missing")
        expect("8: receivers[0].email_configs[1].auth_username", "password")
        expect("8: receivers[0].email_configs[1].headers.Bcc", "Tocsin itself")
        expect("8: receivers[0].email_configs[1].headers.X-A", ".Nope")
        expect("9: receivers[1].name", "another receiver")
        expect("11: route.receiver", "nobody")
        expect("12: route.group_by", "alone")
        expect("13: route.group_wait", "unit")
        expect("14: route.rate_limit", "20/1h")
        expect("15: route.matchers", "top route")
        expect("17: route.routes[0].matchers[0]", "pattern")
        expect("17: route.routes[0].matchers[1]", "matcher")
        expect("17: route.routes[0].match_re.host", "pattern")
        expect("17: route.routes[0].repeat_interval", "range")
        expect("18: inhibit_rules[0].target_matchers", "missing")
        #expect(problems.count == 21)
    }
}
