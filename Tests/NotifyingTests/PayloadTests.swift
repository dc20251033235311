import JSON
import Telemetry
import Testing
import Transferring

@testable import Notifying

@Suite struct PayloadTests {
    private func notification(_ alerts: [Alert], reason: NotifyReason = .first) -> Notification {
        Notification(
            channel: Channel(receiver: "ops", kind: .webhook, index: 0, sendsResolved: true),
            groupKey: "{}:{alertname=\"Disk\"}",
            groupLabels: ["alertname": "Disk"],
            reason: reason,
            alerts: alerts
        )
    }

    @Test func `the webhook's body is Alertmanager's version 4, field by field`() throws {
        let alerts = [Sample.alert("Disk", "a"), Sample.alert("Disk", "b", .resolved, since: 0, until: 60)]
        let body = WebhookPayload.encode(notification(alerts), externalURL: "http://tocsin:8640", maxAlerts: 0)
        let object = try JSON.parse(body)
        #expect(
            object.members?.map(\.key) == [
                "version", "groupKey", "truncatedAlerts", "status", "receiver", "groupLabels", "commonLabels", "commonAnnotations", "externalURL",
                "alerts",
            ]
        )
        #expect(object["version"]?.string == "4")
        #expect(object["status"]?.string == "firing")
        #expect(object["truncatedAlerts"]?.integer == 0)
        #expect(object["groupKey"]?.string == "{}:{alertname=\"Disk\"}")
        #expect(object["commonLabels"]?.text == "{\"alertname\":\"Disk\",\"severity\":\"warning\"}")
        #expect(object["commonAnnotations"]?.text == "{}")
        let first = try #require(object["alerts"]?[0])
        #expect(
            first.members?.map(\.key) == ["status", "labels", "annotations", "startsAt", "endsAt", "generatorURL", "fingerprint"]
        )
        #expect(first["startsAt"]?.string == "2026-01-01T00:00:00Z")
        #expect(first["endsAt"]?.string == "0001-01-01T00:00:00Z")
        #expect(first["generatorURL"]?.string == "http://tocsin:8640/api/v1/query?query=up%20%3D%3D%200")
        #expect(first["fingerprint"]?.string?.utf8.count == 16)
        #expect(object["alerts"]?[1]?["status"]?.string == "resolved")
        #expect(object["alerts"]?[1]?["endsAt"]?.string == "2026-01-01T00:01:00Z")
    }

    @Test func `more alerts than max_alerts are cut off and counted`() throws {
        let alerts = (1...10).map { Sample.alert("Disk", "h\($0)", .resolved) }
        let object = try JSON.parse(WebhookPayload.encode(notification(alerts), externalURL: "", maxAlerts: 4))
        #expect(object["truncatedAlerts"]?.integer == 6)
        #expect(object["alerts"]?.array?.count == 4)
        #expect(object["status"]?.string == "resolved")
    }

    @Test func `the subject says state, count, group and what all alerts share`() {
        let firing = [Sample.alert("Disk", "a"), Sample.alert("Disk", "b"), Sample.alert("Disk", "c", .resolved)]
        #expect(MailPayload.subject(of: notification(firing)) == "[FIRING:2] Disk (warning)")
        #expect(MailPayload.subject(of: notification([Sample.alert("Disk", "a", .resolved)])) == "[RESOLVED] Disk (a warning)")
        var bare = notification(firing)
        bare.groupLabels = .empty
        #expect(MailPayload.subject(of: bare) == "[FIRING:2] Disk (warning)")
    }

    @Test func `labels with markup, quotes and line ends are text in the mail, and the subject stays one line`() throws {
        var alert = Sample.alert("Disk", "a")
        alert.labels = alert.labels.setting("note", to: "<b>\"x\"</b>\nBcc: evil@example.org")
        let config = EmailConfig(
            to: "ops@example.org, b@example.org",
            from: "Tocsin <tocsin@example.org>",
            host: "mail",
            port: 25,
            headers: [("Reply-To", try NotificationTemplate("x@example.org"))]
        )
        let id = UUID(high: 1, low: 2)
        let mail = try MailPayload(notification([alert]), externalURL: "http://t").message(config: config, id: id, at: Sample.at(0)).0
        #expect(mail.messageID == "\(id)@example.org")
        #expect(!mail.subject.contains("\n"))
        #expect(mail.html?.contains("&lt;b&gt;&quot;x&quot;&lt;/b&gt;") == true)
        #expect(mail.to.count == 2)
        #expect(throws: Never.self) { try mail.encoded() }
    }

    @Test func `the signature is the HMAC of RFC 4231`() {
        // Test case 2: key "Jefe".
        let signature = Courier.signature(of: Array("what do ya want for nothing?".utf8), secret: Array("Jefe".utf8))
        #expect(signature == "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
    }

    @Test(arguments: [
        (200, "delivered"), (204, "delivered"), (301, "failed"), (400, "failed"), (404, "failed"), (408, "retry"), (410, "failed"), (429, "retry"),
        (500, "retry"), (503, "retry"),
    ])
    func `an answer means delivered, try again or failed for good`(status: Int, expected: String) {
        let meaning =
            switch Courier.meaning(of: HTTPResponse(status: status, headers: [HTTPHeader("retry-after", "7")])) {
            case .delivered: "delivered"
            case .retry(let failure): failure.after == .seconds(7) ? "retry" : "retry without Retry-After"
            case .failed: "failed"
            }
        #expect(meaning == expected)
    }

    @Test func `an alert in the store comes back as it was`() {
        var alert = Sample.alert("Disk", "ä\"\n", .resolved, since: -5, until: 9)
        alert.value = .nan
        let back = StoredAlert.decode(StoredAlert.encode(alert))
        #expect(back?.value.isNaN == true)
        alert.value = -.infinity
        #expect(StoredAlert.decode(StoredAlert.encode(alert)) == alert)
        #expect(StoredAlert.decode("{}") == nil)
        let told = ["ops/webhook/0": AlertGroup.Told(firing: [1, .max], at: Sample.at(3))]
        #expect(StoredAlert.decode(told: StoredAlert.encode(told: told)) == told)
    }
}
