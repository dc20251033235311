import JSON
import Telemetry
import Templating
import TestSupport
import Testing

@testable import Notifying

/// Templates and what Alertmanager's amtool makes of them: `Tests/Fixtures/templates`. The end-to-end tests ask amtool again.
@Suite struct TemplateTableTests {
    private let library: TemplateLibrary
    private let data: JSON

    init() throws {
        data = try TemplateTable.json("data.json")
        var library = TemplateLibrary.builtIn
        try library.add(try TemplateTable.text("library.tmpl"), path: "library.tmpl")
        self.library = library
    }

    @Test(arguments: try TemplateTable.rows())
    func `a template says what Alertmanager says`(row: TemplateTable.Row) throws {
        guard let expected = row.says else {
            // What does not fit these alerts only may be found when it is told.
            #expect(throws: (any Error).self) { try render(row) }
            return
        }
        #expect(try render(row) == expected)
    }

    /// Alertmanager's page for mails, which people copy and change: 300 lines with styles, comments and addresses.
    @Test func `Alertmanager's own page for mails reads as amtool reads it`() async throws {
        let folder = "/usr/share/prometheus/alertmanager/"
        guard let page = TestFiles.read(folder + "email.tmpl") else {
            Issue.record("Alertmanager's templates are not at \(folder): scripts/install-dependencies test installs prometheus-alertmanager")
            return
        }
        let text = "{{ define \"__alertmanagerURL\" }}{{ .ExternalURL }}/?a=b&c{{ end }}{{ template \"email.default.html\" . }}"
        var changed = library
        try changed.add(page, path: folder + "email.tmpl")
        let scratch = try TemporaryFolder()
        let amtool = try ChildProcess.start(
            "/usr/bin/amtool",
            ["template", "render", "--template.type=html", "--template.data=\(TemplateTable.folder)data.json", "--template.text=\(text)"]
                + ["default.tmpl", "email.tmpl"].map { "--template.glob=\(folder)\($0)" },
            outputFile: scratch("page.html")
        )
        #expect(await amtool.wait() == .code(0))
        let ours = try render(TemplateTable.Row(text: text, isHTML: true, says: nil), with: changed)
        #expect(ours.contains("Disk on &lt;a&gt; &amp; &#34;b&#34; is 91.5% full"))
        #expect(ours == TestFiles.read(scratch("page.html")))
    }

    private func render(_ row: TemplateTable.Row, with other: TemplateLibrary? = nil) throws -> String {
        try NotificationTemplate(row.text, library: other ?? library)
            .render(try notification, externalURL: data["externalURL"]?.string ?? "", at: Sample.at(0), escaping: row.isHTML ? .html : .none)
    }

    private var notification: Notification {
        get throws {
            func labels(_ json: JSON?) -> Labels { Labels((json?.members ?? []).map { Label($0.key, $0.value.string ?? "") }) }
            let alerts = try (data["alerts"]?.array ?? []).map { json in
                let isOver = json["status"]?.string == "resolved"
                let start = try #require(Timestamp(rfc3339: json["startsAt"]?.string ?? ""))
                let alert = Alert(
                    labels: labels(json["labels"]),
                    annotations: labels(json["annotations"]),
                    state: isOver ? .resolved : .firing,
                    activeAt: start,
                    startsAt: start,
                    endsAt: isOver ? Timestamp(rfc3339: json["endsAt"]?.string ?? "") : nil,
                    value: 1,
                    updatedAt: start,
                    expression: json["generatorURL"]?.string ?? ""
                )
                #expect(WebhookPayload.hexadecimal(alert.fingerprint) == json["fingerprint"]?.string)
                return alert
            }
            let whole = Notification(
                channel: Channel(receiver: data["receiver"]?.string ?? "", kind: .email, index: 0, sendsResolved: true),
                groupKey: "g",
                groupLabels: labels(data["groupLabels"]),
                reason: .first,
                alerts: alerts
            )
            #expect(whole.commonLabels == labels(data["commonLabels"]))
            #expect(whole.commonAnnotations == labels(data["commonAnnotations"]))
            return whole
        }
    }
}

/// The files of the table.
enum TemplateTable {
    struct Row: Sendable, CustomTestStringConvertible {
        let text: String
        let isHTML: Bool
        /// Nil: it is refused.
        let says: String?

        var testDescription: String { text }
    }

    static func rows() throws -> [Row] {
        try (json("table.json").array ?? []).map { row in
            Row(text: try #require(row["text"]?.string), isHTML: row["type"]?.string == "html", says: row["says"]?.string)
        }
    }

    static func json(_ name: String) throws -> JSON { try JSON.parse(try text(name)) }

    static let folder = #filePath.split(separator: "/").dropLast(2).reduce("") { $0 + "/" + $1 } + "/Fixtures/templates/"

    static func text(_ name: String) throws -> String { try #require(TestFiles.read(folder + name)) }
}
