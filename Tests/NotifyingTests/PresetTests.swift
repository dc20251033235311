import Configuring
import JSON
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Notifying

/// Each preset against a receiver that takes what the provider's documentation says it takes.
@Suite struct PresetTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    /// As a person would write it, with the address of the stand-in.
    private func receiver(_ preset: WebhookPreset, port: Int) throws -> Receiver {
        try TestFiles.write("T0KEN\n", to: folder("secret"))
        let base = "http://127.0.0.1:\(port)"
        let keys =
            switch preset {
            case .slack: "url: \"\(base)/services/T0/B0/x\""
            case .discord: "url: \"\(base)/api/webhooks/1/x\""
            case .teams: "url: \"\(base)/workflows/x\""
            case .telegram: "url: \"\(base)\", bot_token_file: \(folder("secret")), chat_id: \"-100123\""
            case .ntfy: "url: \"\(base)/\", topic: alerts"
            case .pagerduty: "url: \"\(base)/v2/enqueue\", routing_key: 0123456789abcdef0123456789abcdef"
            case .opsgenie: "url: \"\(base)/v2/alerts\", api_key_file: \(folder("secret"))"
            }
        let problems = ConfigProblems()
        let yaml = "receivers: [{name: ops, webhook_configs: [{preset: \(preset.rawValue), \(keys)}]}]\nroute: {receiver: ops}\n"
        let root = ConfigReader(try YAML.parse(yaml), file: "a.yaml", problems: problems)
        let config = NotifyingConfig(reading: root)
        root.finish()
        #expect(problems.all.map(\.description) == [])
        return try #require(config.receiver("ops"))
    }

    @Test(arguments: WebhookPreset.allCases)
    func `the provider takes a beginning, an end, a digest and the worst of labels`(preset: WebhookPreset) async throws {
        let server = try await TestServer.providers(in: folder)
        let rig = ChannelRig(receiver: try receiver(preset, port: server.port))
        let part = Notification.Part(groupKey: "{}:x", groupLabels: ["alertname": "Disk"], status: "firing", alertCount: 1, createdAt: Sample.at(0))
        let notifications = [
            ChannelRig.notification([Sample.alert("Disk", "a", severity: "critical")]),
            ChannelRig.notification([Sample.alert("Disk", "a", .resolved, until: 30)]),
            ChannelRig.notification([Sample.alert("Disk", "a"), Sample.alert("Load", "b")], parts: Array(repeating: part, count: 500)),
            ChannelRig.hostile,
        ]
        for notification in notifications {
            let report = await rig.attempt(notification)
            guard case .delivered = report.outcome else {
                Issue.record("\(preset): \(text(report.outcome))")
                continue
            }
            #expect(report.note == nil)
        }
        let records = try server.records.map { try JSON.parse($0) }
        #expect(records.count == notifications.count)
        #expect(records.allSatisfy { $0["headers"]?["idempotency-key"]?.string?.isEmpty == false })
        // It names what it is about.
        if preset != .opsgenie { #expect(records[0]["body"]?.string?.contains("Disk") == true) }
        if preset.keepsState {
            // Beginning and end are of one conversation.
            let (first, second) = (try JSON.parse(records[0]["body"]?.string ?? ""), try JSON.parse(records[1]["body"]?.string ?? ""))
            let key = (first["dedup_key"] ?? first["alias"])?.string ?? "none"
            #expect(second["dedup_key"]?.string == key || records[1]["path"]?.string == "/v2/alerts/\(key)/close?identifierType=alias")
        }
    }

    @Test func `a secret of a provider stands in no row and no record, only in the request`() async throws {
        let receiver = try receiver(.pagerduty, port: 1)
        let composed = try await Composer(externalURL: "http://t").compose(
            Delivery(
                {
                    var one = ChannelRig.notification([Sample.alert("Disk")])
                    one.channel = receiver.channels[0]
                    return one
                }(),
                id: UUID(high: 0, low: 1),
                at: Sample.at(0)
            ),
            for: receiver
        )
        guard case .webhook(let body, _, _) = composed.written else { return issue("no webhook") }
        #expect(!String(decoding: body, as: UTF8.self).contains("0123456789abcdef0123456789abcdef"))
        #expect(try JSON.parse(Courier.adding("routing_key", "k\"", to: body))["routing_key"]?.string == "k\"")
        #expect(String(decoding: Courier.adding("a", "b", to: Array("{}".utf8)), as: UTF8.self) == "{\"a\":\"b\"}")
    }

    @Test func `title and text of our own are used, and cut where the provider would refuse them`() async throws {
        let server = try await TestServer.providers(in: folder)
        var receiver = try receiver(.discord, port: server.port)
        receiver.webhooks[0].preset?.title = try NotificationTemplate("{{ .Status | toUpper }} \(String(repeating: "t", count: 500))")
        receiver.webhooks[0].preset?.text = try NotificationTemplate(
            "{{ range .Alerts }}{{ .Labels.host }} {{ .Annotations.summary }}\(String(repeating: "x", count: 5_000)){{ end }}"
        )
        let report = await ChannelRig(receiver: receiver).attempt(ChannelRig.notification([Sample.alert("Disk", "a")]))
        #expect(text(report.outcome) == "delivered HTTP 204")
        let embed = try JSON.parse(try JSON.parse(server.records[0])["body"]?.string ?? "")["embeds"]?[0]
        #expect(embed?["title"]?.string?.hasPrefix("FIRING ttt") == true)
        #expect(embed?["description"]?.string?.hasPrefix("a Disk on ax") == true)
    }

    @Test(
        arguments: [
            ("{\"retry_after\": 1.5, \"global\": false}", 1_500), ("{\"ok\":false,\"parameters\":{\"retry_after\":7}}", 7_000), ("slow down", nil),
            ("{\"retry_after\": -1}", nil),
        ] as [(String, Int?)]
    )
    func `Discord and Telegram say in the body how long to wait`(body: String, milliseconds: Int?) {
        guard case .retry(let failure) = Courier.meaning(of: HTTPResponse(status: 429, body: Array(body.utf8))) else {
            return issue("429 is no reason to give up")
        }
        #expect(failure.after == milliseconds.map { .milliseconds($0) })
    }
}
