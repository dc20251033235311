import Telemetry
import Testing
import Transferring

@testable import Notifying

@Suite struct NotificationTemplateTests {
    private let notification = Notification(
        channel: Channel(receiver: "ops", kind: .email, index: 0, sendsResolved: true),
        groupKey: "{}:{alertname=\"Disk\"}",
        groupLabels: ["alertname": "Disk"],
        reason: .first,
        alerts: [Sample.alert("Disk", "a"), Sample.alert("Disk", "<b>"), Sample.alert("Disk", "c", .resolved, since: 0, until: 60)]
    )

    private func render(_ template: String) throws -> String {
        try NotificationTemplate(template).render(notification, externalURL: "http://t", at: Sample.at(90))
    }

    @Test(arguments: [
        ("{{ .GroupKey }} {{ .AcknowledgeURL }}|", "{}:{alertname=\"Disk\"} |"),
        ("{{ range .Alerts.Resolved }}{{ .Labels.host }} {{ .EndsAt }}{{ end }}", "c 2026-01-01 00:01:00 +0000 UTC"),
        ("{{ range .Alerts.Resolved }}{{ date \"15:04 MST -0700\" (.EndsAt | tz \"Europe/Berlin\") }}{{ end }}", "01:01 CET +0100"),
        ("{{ with index .Alerts.Resolved 0 }}{{ since .EndsAt }} {{ .EndsAt.Sub .StartsAt | humanizeDuration }}{{ end }}", "30s 1m 0s"),
        ("{{ trimSpace \" x \\n\" }}|{{ humanizeDuration 3661 }}|{{ humanizeDuration \"0.5\" }}", "x|1h 1m 1s|500ms"),
        ("{{ toJson .GroupLabels }} {{ .CommonLabels.Names | toJson }}", "{\"alertname\":\"Disk\"} [\"alertname\",\"severity\"]"),
        ("{{ urlUnescape \"a%20b+c\" }} {{ safeUrl \"x\" }}", "a b c x"),
        ("{{ range 3 }}{{ . }}{{ end }}", "012"),
        ("{{ with .CommonLabels.nope }}a{{ else with .Status }}{{ . }}{{ end }}", "firing"),
    ])
    func `what newer versions of Alertmanager know is known`(template: String, expected: String) throws {
        #expect(try render(template) == expected)
    }

    @Test(arguments: [
        ("{{ .Statis }}", ".Statis"), ("a\n{{ if .Status }}\n{{ .Alerts.Some }}{{ end }}", "line 3 of the template: there is no .Some"),
        ("{{ if false }}{{ range .Alerts }}{{ .Receiver }}{{ end }}{{ end }}", "no .Receiver in template.Alert"),
        ("{{ range .Status }}x{{ end }}", "range goes over a list"), ("{{ .Status | shout }}", "no function \"shout\""),
        ("{{ with $x := .Alerts }}{{ $x.Firing | toUpper }}{{ end }}", "toUpper wants a text"),
        ("{{ $x := .Status }}{{ if $x }}{{ $x = len .Alerts }}{{ end }}{{ (index .Alerts 0).Nope }}", "no .Nope"),
        ("{{ range .CommonLabels.SortedPairs }}{{ .Key }}{{ end }}", "no .Key in template.Pair; there are .Name, .Value"),
        ("{{ define \"a\" }}{{ .Nope }}{{ end }}{{ if false }}{{ template \"a\" . }}{{ end }}", "no .Nope"),
        ("{{ template \"x\" . }}", "no template \"x\""),
        ("{{ define \"a\" }}{{ template \"a\" . }}{{ end }}{{ template \"a\" . }}", "stands in itself"),
        ("{{ range 2000000000 }}x{{ end }}", "turns"), ("{{ range 2000 }}{{ range 2000 }}{{ end }}{{ end }}", "steps"),
        ("{{ $x := \"0123456789\" }}{{ range 40 }}{{ $x = print $x $x }}{{ end }}", "bytes"), ("{{ printf \"%2000d\" 1 }}", "up to 1000"),
    ])
    func `what is wrong whatever is told is found when it is read`(template: String, says: String) {
        let error = #expect(throws: NotificationTemplate.Malformed.self) { try NotificationTemplate(template) }
        #expect(error.map { "\($0)".contains(says) && "\($0)".contains("line ") } == true, "\(error?.description ?? "")")
    }

    @Test(arguments: [
        "{{ if gt (len .Alerts) 5 }}{{ (index .Alerts 5).Labels.host }}{{ end }}", "{{ slice .CommonLabels.nope 0 3 }}",
        "{{ $x := \"\" }}{{ if .Status }}{{ $x = len .Alerts }}{{ end }}{{ $x }}", "{{ range .Alerts.Firing }}{{ . }}{{ end }}",
        "{{ if (index .Alerts 0).Labels.x }}{{ index .Alerts 9 }}{{ end }}",
    ])
    func `what may fit other alerts is not refused`(template: String) {
        #expect(throws: Never.self) { try NotificationTemplate(template) }
    }

    @Test func `a template of one label doubled for ever ends at its limit, and says so`() throws {
        let template = try NotificationTemplate("{{ range .Alerts }}{{ .Annotations.summary }}{{ end }}")
        var large = notification
        let text = String(repeating: "x", count: 100_000)
        large.alerts = (0..<30).map { index in
            var alert = Sample.alert("Disk", "\(index)")
            alert.annotations = ["summary": text]
            return alert
        }
        let error = #expect(throws: NotificationTemplate.Unusable.self) {
            try template.render(large, externalURL: "", at: Sample.at(0))
        }
        #expect(error?.description.contains("makes more than \(NotifyingLimits.renderedBytesMax) bytes") == true)
    }

    @Test func `values are escaped in HTML and the template's own markup is not`() throws {
        let config = EmailConfig(
            to: "ops@example.org",
            from: "t@example.org",
            host: "mail",
            port: 25,
            headers: [("Subject", try NotificationTemplate("{{ .Status }}\n{{ .Receiver }}"))],
            text: try NotificationTemplate("{{ range .Alerts.Firing }}{{ .Labels.host }},{{ end }}"),
            html: try NotificationTemplate("<p>{{ range .Alerts.Firing }}{{ .Labels.host }},{{ end }}</p>")
        )
        let id = UUID(high: 0, low: 1)
        let mail = try MailPayload(notification, externalURL: "").message(config: config, id: id, at: Sample.at(0)).0
        #expect(mail.subject == "firing ops")
        #expect(mail.text == "a,<b>,")
        #expect(mail.html == "<p>a,&lt;b&gt;,</p>")
    }

    @Test func `a template that fails for what is told costs its own text, and the mail says so`() throws {
        let config = EmailConfig(
            to: "ops@example.org",
            from: "t@example.org",
            host: "mail",
            port: 25,
            headers: [("Subject", try NotificationTemplate("{{ index .Alerts.Firing 7 }}"))],
            html: try NotificationTemplate("{{ (index .Alerts.Firing 7).Labels.host }}")
        )
        let (mail, note) = try MailPayload(notification, externalURL: "").message(config: config, id: UUID(high: 0, low: 1), at: Sample.at(0))
        #expect(mail.subject == "[FIRING:2] Disk (warning)")
        #expect(mail.html?.contains("<strong>Disk</strong>") == true)
        #expect(note?.contains("out of range") == true)
        #expect(mail.html?.contains("out of range") == true)
    }
}
