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

    @Test func `presets, templates, commands, files, fallbacks and the outbox are read`() throws {
        let (config, problems) = try read(
            """
            outbox: {retry_for: 3d, breaker_failures: 9, breaker_wait: 1s, breaker_wait_max: 2m, digest_after: 5m, digest_above: 50}
            receivers:
              - name: ops
                fallback: {receiver: night, after: 10m}
                webhook_configs:
                  - {preset: telegram, bot_token_file: FOLDER/secret, chat_id: "-100"}
                  - {preset: opsgenie, api_key: k, url: "https://api.eu.opsgenie.com/v2/alerts/"}
                  - {url: "https://h.example.org", body: '{"text": "{{ .Status }}"}', headers: {X-Team: "{{ .Receiver }}"}, content_type: text/json}
                command_configs: [{command: [/usr/local/bin/page, --now], timeout: 5s, send_resolved: false}]
                file_configs: [{path: /var/log/alerts.jsonl}]
                email_configs: [{to: a@example.org, from: t@example.org, smarthost: "m:2465", force_implicit_tls: true}]
              - name: night
                webhook_configs: [{preset: slack, url: "https://hooks.slack.com/services/T/B/x"}]
            route: {receiver: ops}
            """
        )
        #expect(problems == [])
        let outbox = OutboxConfig(
            retryFor: .seconds(3 * 86_400),
            breakerFailures: 9,
            breakerWait: .seconds(1),
            breakerWaitMax: .seconds(120),
            digestAfter: .seconds(300),
            digestAbove: 50
        )
        #expect(config.outbox == outbox)
        let ops = try #require(config.receiver("ops"))
        #expect(ops.fallback == Fallback(receiver: "night", after: .seconds(600)))
        #expect(ops.channels.map(\.key) == ["ops/webhook/0", "ops/webhook/1", "ops/webhook/2", "ops/email/0", "ops/command/0", "ops/file/0"])
        #expect(ops.webhooks[0].url.value == "https://api.telegram.org")
        #expect(ops.webhooks[0].preset?.target == "-100")
        #expect(ops.webhooks[1].url.value == "https://api.eu.opsgenie.com")
        #expect(ops.webhooks[2].headers.map(\.name) == ["X-Team"])
        #expect(ops.webhooks[2].contentType == "text/json")
        #expect(!ops.channels[4].sendsResolved)
        #expect(ops.emails[0].implicitTLS)
        #expect(ops.channels.map { ops.foldsIntoDigest($0) } == [true, false, true, true, true, false])
        #expect(Channel.receiver(ofKey: "a/b/webhook/0") == "a/b")
    }

    @Test(arguments: [
        ("webhook_configs: [{preset: slak, url: \"https://h\"}]", "slack"), ("webhook_configs: [{preset: slack}]", "url"),
        ("webhook_configs: [{preset: telegram, chat_id: \"1\"}]", "bot_token_file"),
        ("webhook_configs: [{preset: telegram, bot_token: x}]", "chat_id"),
        ("webhook_configs: [{preset: slack, url: \"https://h\", bot_token: x}]", "no such key"),
        ("webhook_configs: [{url: \"https://h\", body: '{\"a\": {{ .Status }}}'}]", "no JSON"),
        ("webhook_configs: [{url: \"https://h\", body: '{{ .Nope }}'}]", ".Nope"),
        ("webhook_configs: [{url: \"https://h\", headers: {\"X A\": b}}]", "header name"),
        ("webhook_configs: [{url: \"https://h\", headers: {Idempotency-Key: b}}]", "Tocsin itself"),
        ("webhook_configs: [{url: \"https://h\", content_type: \"a\\r\\nb: c\"}]", "line end"),
        ("command_configs: [{command: [page]}]", "absolute"), ("command_configs: [{}]", "missing"), ("file_configs: [{path: alerts}]", "absolute"),
        ("fallback: {receiver: nobody}", "no receiver"), ("fallback: {receiver: ops}", "itself"), ("fallback: {receiver: night, after: 5}", "unit"),
    ])
    func `a mistake in a channel is told with what to write`(channel: String, words: String) throws {
        let (_, problems) = try read("receivers:\n  - name: ops\n    \(channel)\n  - {name: night}\nroute: {receiver: ops}\n")
        #expect(problems.count == 1)
        #expect(problems.first?.contains(words) == true, "\(problems)")
    }

    @Test func `fallbacks that go in a circle are refused`() throws {
        let (_, problems) = try read(
            """
            receivers:
              - {name: a, fallback: {receiver: b}}
              - {name: b, fallback: {receiver: c}}
              - {name: c, fallback: {receiver: b}}
            route: {receiver: a}
            """
        )
        #expect(problems.count == 1)
        #expect(problems.first?.contains("b → c → b") == true, "\(problems)")
    }
}
