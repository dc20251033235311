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
        try NotificationTemplate(template).render(notification, externalURL: "http://t")
    }

    @Test(arguments: [
        ("plain", "plain"),
        ("[{{ .Status | toUpper }}:{{ .Alerts.Firing | len }}] {{.GroupLabels.alertname}}", "[FIRING:2] Disk"),
        ("{{ .CommonLabels.severity }} {{ .CommonLabels.host }}|{{ .CommonAnnotations.summary }}", "warning |"),
        ("{{ range .Alerts.Firing }}{{ .Labels.host }} {{ $.Receiver }};{{ end }}", "a ops;<b> ops;"),
        ("{{ range .Alerts.Resolved }}{{ .Labels.host }} {{ .EndsAt }}{{ end }}", "c 2026-01-01T00:01:00Z"),
        ("{{ if eq .Status \"firing\" }}yes{{ else }}no{{ end }}", "yes"),
        ("{{ if ne .Status \"firing\" }}yes{{ else }}no{{ end }}", "no"),
        ("{{ if not .CommonLabels.host }}many{{ end }}", "many"),
        ("{{ if .Alerts.Resolved }}over{{ end }}", "over"),
        ("a {{- \" b \" -}} c", "a b c"),
        ("x{{/* nothing */}}y", "xy"),
        ("{{ .Alerts | len }}", "3"),
    ])
    func `templates are filled in`(template: String, expected: String) throws {
        #expect(try render(template) == expected)
    }

    @Test(arguments: [
        "{{ .Status", "{{ }}", "{{ .Statis }}", "{{ .Alerts }}", "{{ .Labels.host }}", "{{ end }}", "{{ if .Status }}",
        "{{ range .Status }}x{{ end }}",
        "{{ .Status | shout }}", "{{ template \"x\" . }}", "{{ .Status | }}", "{{ \"open }}", "{{ eq .Status }}", "{{ .Alerts.Some | len }}",
        "{{ if .Status }}a{{ else if .Receiver }}b{{ end }}", "{{ range .Alerts }}{{ .Receiver }}{{ end }}",
    ])
    func `what cannot be filled in is refused when it is read`(template: String) {
        let error = #expect(throws: NotificationTemplate.Malformed.self) { try NotificationTemplate(template) }
        #expect(error?.description.contains("line 1") == true)
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
}
