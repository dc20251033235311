import Configuring
import Telemetry
import TestSupport
import Testing

@testable import Notifying

@Suite struct TemplateLibraryTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private var notification: Notification {
        Notification(
            channel: Channel(receiver: "ops", kind: .email, index: 0, sendsResolved: true),
            groupKey: "g",
            groupLabels: ["alertname": "Disk"],
            reason: .first,
            alerts: [Sample.alert("Disk", "a"), Sample.alert("Disk", "b"), Sample.alert("Disk", "c", .resolved, until: 9)]
        )
    }

    private func read(_ yaml: String) throws -> (config: NotifyingConfig, problems: [String]) {
        let problems = ConfigProblems()
        let root = ConfigReader(try YAML.parse(yaml), file: folder("a.yaml"), problems: problems)
        let config = NotifyingConfig(reading: root)
        root.finish()
        return (config, problems.all.map { $0.description.replacing(folder.path + "/", with: "") })
    }

    private func mails(_ keys: String) -> String {
        """
        templates: ['*.tmpl']
        receivers: [{name: ops, email_configs: [{to: a@example.org, from: b@example.org, smarthost: 'h:25', \(keys)}]}]
        route: {receiver: ops}
        """
    }

    @Test func `what a file defines stands where its name is called, with the dot, the whole or a list`() throws {
        try TestFiles.write(
            """
            beside {{/* nothing */}}
            {{ define "hosts" }}{{ range . }}{{ template "host" . }} {{ else }}none {{ end }}{{ end }}
            {{ define "host" -}} {{ .Labels.host }} of {{ $.Labels.alertname }} {{- end }}
            {{ define "all" }}{{ if .Alerts.Firing }}{{ template "hosts" .Alerts.Firing }}{{ end }}/ {{ template "hosts" .Alerts.Resolved }}{{ end }}
            """,
            to: folder("x.tmpl")
        )
        let (config, problems) = try read(mails("text: '{{ template \"all\" . }}', headers: {Subject: '{{ template \"email.default.subject\" . }}'}"))
        #expect(problems == [])
        let mail = try #require(config.receivers.first?.emails.first)
        #expect(try mail.text?.render(notification, externalURL: "", at: Sample.at(0)) == "a of Disk b of Disk / c of Disk ")
        #expect(try mail.headers.first?.value.render(notification, externalURL: "", at: Sample.at(0)) == "[FIRING:2] Disk (warning)")
    }

    @Test func `Alertmanager's own page is ours`() throws {
        let (config, problems) = try read(mails("html: '{{ template \"email.default.html\" . }}'"))
        #expect(problems == [])
        #expect(config.receivers.first?.emails.first?.html == nil)
    }

    @Test func `a page and a subject of the files stand where Alertmanager's own would`() throws {
        try TestFiles.write(
            "{{ define \"email.default.html\" }}<p>{{ .Status }}</p>{{ end }}{{ define \"__subject\" }}S {{ .Receiver }}{{ end }}",
            to: folder("x.tmpl")
        )
        for html in ["html: '{{ template \"email.default.html\" . }}'", "text: x"] {
            let (config, problems) = try read(mails(html))
            #expect(problems == [])
            let mail = try #require(config.receivers.first?.emails.first)
            #expect(try mail.html?.render(notification, externalURL: "", at: Sample.at(0)) == "<p>firing</p>")
            #expect(try mail.headers.first?.value.render(notification, externalURL: "", at: Sample.at(0)) == "S ops")
        }
    }

    @Test func `what cannot be is refused with the place`() throws {
        try TestFiles.write("{{ define \"loop\" }}{{ template \"loop\" . }}{{ end }}\n{{ define \"bad\" }}{{ .Nope }}{{ end }}", to: folder("x.tmpl"))
        try TestFiles.write("{{ define \"open\" }}", to: folder("y.tmpl"))
        let (_, problems) = try read(
            mails("text: '{{ template \"missing\" . }}', html: '{{ template \"loop\" . }}', headers: {Subject: '{{ template \"bad\" . }}'}")
        )
        for (place, words) in [
            ("1: templates", "y.tmpl:1: {{ define \"open\" }} has no {{ end }}"),
            ("2: receivers[0].email_configs[0].text", "no template \"missing\""),
            ("2: receivers[0].email_configs[0].html", "stands in itself"),
            ("2: receivers[0].email_configs[0].headers.Subject", "x.tmpl:2: there is no .Nope"),
        ] {
            #expect(problems.contains { $0.hasPrefix("a.yaml:\(place): ") && $0.contains(words) }, "\(place)\n\(problems.joined(separator: "\n"))")
        }
        #expect(problems.count == 4)
    }
}
