import Configuring
import JSON
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Notifying

/// Labels that want to be something else, templates that cannot be used, receivers that send us elsewhere or do not answer as they should.
@Suite struct HostileInputTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func webhook(_ url: String, timeout: Duration = .seconds(20), _ change: (inout WebhookConfig) throws -> Void = { _ in }) rethrows
        -> ChannelRig
    {
        var config = WebhookConfig(url: Secret(url), timeout: timeout)
        try change(&config)
        return ChannelRig(receiver: Receiver(name: "ops", webhooks: [config]))
    }

    // MARK: Receivers

    @Test(arguments: [
        "file:///etc/passwd", "http://169.254.169.254/latest/meta-data/", "http://127.0.0.1:1/", "gopher://127.0.0.1:25/_HELO", "/echo",
    ])
    func `a redirect is not followed, wherever it leads, and the record says so`(target: String) async throws {
        let server = try await TestServer.http(in: folder)
        let escaped = target.utf8.map { "%" + (String($0, radix: 16).count == 1 ? "0" : "") + String($0, radix: 16) }.joined()
        let report = try await webhook("http://127.0.0.1:\(server.port)/redirect?to=\(escaped)").attempt(
            ChannelRig.notification([Sample.alert("Disk")])
        )
        guard case .failed(let reply) = report.outcome else { return issue("\(text(report.outcome))") }
        #expect(reply.contains("redirects are not followed"))
        #expect(server.records.count == 1)
    }

    @Test(arguments: [
        "file:///etc/passwd", "ftp://h/x", "smtp://127.0.0.1/", "dict://127.0.0.1:11211/", "//host/x", "javascript:alert(1)", "http:// h/", "",
    ])
    func `an address that is not of the web is refused when it is read, and when it is sent to`(url: String) async throws {
        let problems = ConfigProblems()
        let yaml = "receivers: [{name: ops, webhook_configs: [{url: \"\(url)\"}]}]\nroute: {receiver: ops}\n"
        _ = NotifyingConfig(reading: ConfigReader(try YAML.parse(yaml), file: "a.yaml", problems: problems))
        #expect(problems.all.contains { $0.key == "receivers[0].webhook_configs[0].url" })
        let report = try await webhook(url).attempt(ChannelRig.notification([Sample.alert("Disk")]))
        if case .delivered = report.outcome { Issue.record("it was delivered to \(url)") }
    }

    @Test func `what a receiver does decides what becomes of a notification`() async throws {
        let server = try await TestServer.http(in: folder)
        func outcome(_ path: String, timeout: Duration = .seconds(20)) async throws -> DeliveryOutcome {
            try await webhook("http://127.0.0.1:\(server.port)\(path)", timeout: timeout).attempt(ChannelRig.notification([Sample.alert("Disk")]))
                .outcome
        }
        guard case .retry(let busy) = try await outcome("/status/429/retry/17") else { return issue("429") }
        #expect(busy.after == .seconds(17))
        #expect(!busy.isInDoubt)
        guard case .retry(let broken) = try await outcome("/status/500") else { return issue("500") }
        #expect(broken.reply == "HTTP 500: as you asked")
        #expect(!broken.isInDoubt)
        guard case .retry(let gateway) = try await outcome("/status/504") else { return issue("504") }
        #expect(gateway.isInDoubt)
        guard case .retry(let cut) = try await outcome("/cut") else { return issue("cut in the body") }
        #expect(cut.isInDoubt)
        guard case .retry(let dropped) = try await outcome("/drop") else { return issue("no answer") }
        #expect(dropped.isInDoubt)
        guard case .retry(let slow) = try await outcome("/slow/30", timeout: .milliseconds(300)) else { return issue("no answer in time") }
        #expect(slow.isInDoubt)
        #expect(slow.isUnreachable)
        guard case .retry(let big) = try await outcome("/big/1000000") else { return issue("an endless answer") }
        #expect(big.isInDoubt)
    }

    // MARK: Labels and templates

    @Test func `no label ends a header, and the message arrives with the others`() async throws {
        let server = try await TestServer.http(in: folder)
        let rig = try webhook("http://127.0.0.1:\(server.port)/hook") {
            $0.headers = [
                ("X-Note", try NotificationTemplate("{{ range .Alerts }}{{ .Labels.note }}{{ end }}")),
                ("Content-Type", try NotificationTemplate("application/json; x=1")),
            ]
        }
        var alert = Sample.alert("Disk")
        alert.labels = alert.labels.setting("note", to: "a\r\nX-Evil: 1\r\n\r\nGET /steal HTTP/1.1\u{0}")
        let report = await rig.attempt(ChannelRig.notification([alert]))
        #expect(text(report.outcome) == "delivered HTTP 200: ok")
        let headers = try #require(try JSON.parse(server.records[0])["headers"])
        #expect(headers["x-note"]?.string == "a  X-Evil: 1    GET /steal HTTP/1.1 ")
        #expect(headers["x-evil"] == nil)
        #expect(headers["content-type"]?.string == "application/json; x=1")
        #expect(server.records.count == 1)
    }

    @Test func `a body's template puts labels inside its strings, whatever they hold`() async throws {
        let server = try await TestServer.http(in: folder)
        let rig = try webhook("http://127.0.0.1:\(server.port)/hook") {
            $0.body = try NotificationTemplate(
                #"{"title": "{{ .GroupLabels.alertname }}", "hosts": [{{ range .Alerts }}"{{ .Labels.note }}",{{ end }} "end"]}"#
            )
        }
        let hostile = ChannelRig.hostile
        let report = await rig.attempt(hostile)
        #expect(text(report.outcome) == "delivered HTTP 200: ok")
        #expect(report.note == nil)
        let body = try JSON.parse(try JSON.parse(server.records[0])["body"]?.string ?? "")
        #expect(body["title"]?.string == "Disk")
        #expect(body["hosts"]?.array?.compactMap(\.string) == hostile.alerts.map { $0.labels["note"] ?? "" } + ["end"])
    }

    @Test func `toJson stands outside of a body's strings, and inside it is refused when it is read`() throws {
        let template = try NotificationTemplate(
            #"{"labels": {{ toJson .CommonLabels }}, "all": [{{ range $i, $a := .Alerts }}{{ if $i }},{{ end }}{{ toJson $a.Annotations }}{{ end }}]}"#
        )
        let body = try template.renderJSON(ChannelRig.hostile, externalURL: "", at: Sample.at(0)).get()
        let json = try JSON.parse(body)
        #expect(json["labels"]?["alertname"]?.string == "Disk")
        #expect(json["all"]?.array?.count == ChannelRig.hostile.alerts.count)
        #expect(json["all"]?[0]?["summary"]?.string == ChannelRig.hostile.alerts[0].annotations["summary"])
        let inside = try NotificationTemplate(#"{"labels": "{{ toJson .CommonLabels.host }}"}"#)
        #expect(throws: NotificationTemplate.Unusable.self) {
            try inside.renderJSON(.sample(for: "x"), externalURL: "", at: Sample.at(0)).get()
        }
    }

    @Test func `a template that cannot be used costs its own text: the plain body goes out and says so`() async throws {
        let server = try await TestServer.http(in: folder)
        // Good with one alert, no JSON with two.
        let rig = try webhook("http://127.0.0.1:\(server.port)/hook") {
            $0.body = try NotificationTemplate(#"{"hosts": [{{ range .Alerts }}"{{ .Labels.host }}"{{ end }}]}"#)
        }
        let one = await rig.attempt(ChannelRig.notification([Sample.alert("Disk", "a")]))
        #expect(one.note == nil)
        let two = await rig.attempt(ChannelRig.notification([Sample.alert("Disk", "a"), Sample.alert("Disk", "b")]))
        #expect(text(two.outcome) == "delivered HTTP 200: ok")
        #expect(two.note?.contains("no JSON") == true)
        let records = try server.records.map { try JSON.parse($0) }
        #expect(try JSON.parse(records[0]["body"]?.string ?? "")["hosts"]?[0]?.string == "a")
        #expect(try JSON.parse(records[1]["body"]?.string ?? "")["version"]?.string == "4")
        #expect(records[1]["headers"]?["x-tocsin-note"]?.string?.contains("plain body") == true)
    }

    @Test func `a bomb of labels leaves as less, and counts what it left out`() async throws {
        let server = try await TestServer.http(in: folder)
        var alerts: [Alert] = []
        for index in 0..<20 {
            var alert = Sample.alert("Disk", "h\(index)")
            alert.labels = alert.labels.setting("bomb", to: String(repeating: "b", count: 900_000))
            alerts.append(alert)
        }
        let report = try await webhook("http://127.0.0.1:\(server.port)/hook").attempt(ChannelRig.notification(alerts))
        #expect(text(report.outcome) == "delivered HTTP 200: ok")
        let body = try JSON.parse(try JSON.parse(server.records[0])["body"]?.string ?? "")
        let told = try #require(body["alerts"]?.array?.count)
        #expect(told >= 1 && told < 20)
        #expect(body["truncatedAlerts"]?.integer == Int64(20 - told))
    }

    @Test func `a mail of hostile labels arrives whole, in one piece and with one subject`() async throws {
        let server = try await TestServer.smtp(in: folder)
        var email = EmailConfig(to: "ops@example.org", from: "t@example.org", host: "127.0.0.1", port: server.port, requireTLS: false)
        email.headers = [
            ("X-Hosts", try NotificationTemplate("{{ range .Alerts }}{{ .Labels.note }}{{ end }}")),
            ("Subject", try NotificationTemplate("{{ range .Alerts }}{{ .Labels.note }}{{ end }}")),
        ]
        let report = await ChannelRig(receiver: Receiver(name: "ops", emails: [email])).attempt(ChannelRig.hostile)
        #expect(text(report.outcome).hasPrefix("delivered 250"))
        let mail = try JSON.parse(server.records[0])
        #expect(mail["defects"]?.array?.isEmpty == true)
        #expect(mail["to"]?.array?.compactMap(\.string) == ["ops@example.org"])
        #expect(mail["headers"]?["bcc"] == nil)
        #expect(mail["html"]?.string?.contains("<script>") == false)
        #expect(mail["subject"]?.string?.contains("Bcc: evil@example.org") == true)
    }

    @Test func `a mail too large for any server goes out short, and says so`() throws {
        var alerts: [Alert] = []
        for index in 0..<100 {
            var alert = Sample.alert("Disk", "h\(index)")
            alert.labels = Labels(alert.labels.pairs + (0..<100).map { Label("l\($0)", String(repeating: "ß", count: 1_900)) })
            alerts.append(alert)
        }
        let config = EmailConfig(to: "ops@example.org", from: "t@example.org", host: "h", port: 25)
        let (id, notification) = (UUID(high: 0, low: 1), ChannelRig.notification(alerts))
        let whole = try MailPayload(notification, externalURL: "").message(config: config, id: id, at: Sample.at(0)).0
        #expect(throws: TransferError.self) { try whole.encoded() }
        let short = try MailPayload(notification, externalURL: "", isShort: true).message(config: config, id: id, at: Sample.at(0)).0
        #expect(try short.encoded().count < TransferLimits.mailBytesMax)
        #expect(short.text.contains("and 90 more"))
    }
}
