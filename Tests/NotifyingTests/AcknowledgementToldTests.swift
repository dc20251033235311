import Configuring
import JSON
import Logging
import Operating
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Notifying

/// That somebody takes care is told to whoever was told that it fires.
@Suite struct AcknowledgementToldTests {
    private static func config(_ change: (inout NotifyingConfig) -> Void = { _ in }) -> NotifyingConfig {
        var node = Sample.route(by: ["alertname"], wait: 0, interval: 60)
        node.escalation = [EscalationStep(after: .seconds(600), receiver: "second")]
        let receivers = ["ops", "second", "third"].map { name in
            Receiver(name: name, webhooks: [WebhookConfig(url: Secret("http://127.0.0.1:1/\(name)"))])
        }
        var config = Sample.config(node, receivers: receivers)
        change(&config)
        return config
    }

    private static func acknowledgement(by: String = "ann", _ comment: String = "on it") -> AlertAcknowledgement {
        AlertAcknowledgement(at: Sample.at(700), by: by, comment: comment, via: "link")
    }

    private static func dispatcher(_ config: NotifyingConfig, _ alerts: [Alert]) -> Dispatcher {
        var dispatcher = Dispatcher(config: config, at: Sample.at(0))
        for (number, alert) in alerts.enumerated() { dispatcher.accept(Sample.transition(UInt64(number + 1), alert), at: Sample.at(0)) }
        for second in [0, 600] { _ = dispatcher.flush(at: Sample.at(second), pending: [:]) }
        return dispatcher
    }

    private static func said(_ dispatcher: inout Dispatcher, at second: Int = 700) -> [Notification] {
        dispatcher.flush(at: Sample.at(second), pending: [:]).filter { $0.reason == .acknowledged }
    }

    @Test func `everybody who was told hears it once, in the conversation in which he was told`() throws {
        let disk = Sample.alert("Disk")
        var dispatcher = Self.dispatcher(Self.config(), [disk, Sample.alert("Disk", "web-2"), Sample.alert("Load")])
        let opened = try #require(dispatcher.groups.values.first { $0.labels["alertname"] == "Disk" }?.openedAt)
        #expect(dispatcher.acknowledge([disk.fingerprint], Self.acknowledgement(), at: Sample.at(700)) == 1)
        let told = Self.said(&dispatcher)
        #expect(told.map(\.channel.receiver) == ["ops", "second"])
        #expect(told.allSatisfy { $0.alerts == [disk] && $0.openedAt == opened && $0.groupLabels == ["alertname": "Disk"] })
        #expect(told.first?.remark == "acknowledged by ann: on it")
        // Another alert of that conversation has nobody yet.
        #expect(told.first?.acknowledgement?.isWhole == false)
        // Once more is no news, and nothing was put off.
        _ = dispatcher.acknowledge([disk.fingerprint], Self.acknowledgement(by: "bob"), at: Sample.at(701))
        #expect(Self.said(&dispatcher, at: 701).isEmpty)
        _ = dispatcher.acknowledge([Sample.alert("Disk", "web-2").fingerprint], Self.acknowledgement(), at: Sample.at(702))
        #expect(Self.said(&dispatcher, at: 702).map { $0.acknowledgement?.isWhole } == [true, true])
    }

    @Test func `who was not told that it fires hears nothing, and nobody does where it is turned off`() {
        let disk = Sample.alert("Disk")
        var early = Dispatcher(config: Self.config(), at: Sample.at(0))
        early.accept(Sample.transition(1, disk), at: Sample.at(0))
        #expect(early.acknowledge([disk.fingerprint], Self.acknowledgement(), at: Sample.at(0)) == 1)
        #expect(Self.said(&early, at: 0).isEmpty)
        var quiet = Self.dispatcher(Self.config { $0.acknowledge.notify = false }, [disk])
        #expect(quiet.acknowledge([disk.fingerprint], Self.acknowledgement(), at: Sample.at(700)) == 1)
        #expect(Self.said(&quiet).isEmpty)
    }

    @Test func `a channel that is full is on record as held`() {
        let disk = Sample.alert("Disk")
        var dispatcher = Self.dispatcher(Self.config(), [disk])
        _ = dispatcher.takeChanges()
        _ = dispatcher.acknowledge([disk.fingerprint], Self.acknowledgement(), at: Sample.at(700))
        let told = dispatcher.flush(at: Sample.at(700), pending: ["ops/webhook/0": NotifyingLimits.pendingPerChannelMax])
        #expect(told.map(\.channel.receiver) == ["second"])
        #expect(dispatcher.takeChanges().decisions.map(\.kind) == [.acknowledged, .held])
    }

    private static func notification(isWhole: Bool) -> Notification {
        let config = config()
        let words = Notification.Acknowledged(acknowledgement: acknowledgement("on\r\nit"), isWhole: isWhole)
        return Notification(
            channel: config.receivers[0].channels[0],
            groupKey: "{}:{}",
            groupLabels: ["alertname": "Disk"],
            reason: .acknowledged,
            alerts: [Sample.alert("Disk")],
            openedAt: Sample.at(0),
            remark: words.words,
            acknowledgement: words
        )
    }

    @Test func `it is stored and read again, and is no page`() throws {
        let notification = Self.notification(isWhole: true)
        #expect(StoredNotification.decode(StoredNotification.encode(notification), for: notification.channel) == notification)
        #expect(Delivery(notification, id: UUID(high: 1, low: 1), at: Sample.at(0)).status == "acknowledged")
    }

    @Test func `a webhook and a mail say who, in the thread of the alert`() throws {
        let notification = Self.notification(isWhole: true)
        let body = try JSON.parse(WebhookPayload.encode(notification, externalURL: "http://t", maxAlerts: 0))
        #expect(body["status"]?.string == "firing")
        #expect(body["acknowledged"]?["by"]?.string == "ann" && body["acknowledged"]?["via"]?.string == "link")
        var firing = notification
        (firing.acknowledgement, firing.remark, firing.reason) = (nil, nil, .first)
        let mail = EmailConfig(to: "ops@example.org", from: "tocsin@example.org", host: "127.0.0.1", port: 25, requireTLS: false)
        let messages = try [notification, firing].map { notification in
            try MailPayload(notification, externalURL: "http://t").message(config: mail, id: UUID(high: 1, low: 1), at: Sample.at(0)).0
        }
        #expect(messages[0].subject == "[ACKNOWLEDGED:1] Disk (web-1 warning)")
        #expect(messages[0].text.hasPrefix("(acknowledged by ann: on  it)\n"))
        let threads = messages.map { $0.headers.first { $0.name == "References" }?.value }
        #expect(threads[0] == threads[1] && threads[0] != nil)
    }

    @Test(arguments: [true, false])
    func `providers that keep a state are told so only when nothing of their alert is left`(_ isWhole: Bool) throws {
        let notification = Self.notification(isWhole: isWhole)
        var notes: [String] = []
        let pager = PresetMessage(notification, preset: PresetConfig(.pagerduty), externalURL: "http://t", at: Sample.at(0), notes: &notes)
        #expect(try JSON.parse(pager.body)["event_action"]?.string == (isWhole ? "acknowledge" : "trigger"))
        let genie = PresetMessage(notification, preset: PresetConfig(.opsgenie), externalURL: "http://t", at: Sample.at(0), notes: &notes)
        #expect(genie.path.hasSuffix(isWhole ? "/acknowledge?identifierType=alias" : "/notes?identifierType=alias"))
        #expect(try JSON.parse(genie.body)["note"]?.string == "acknowledged by ann: on  it")
        #expect(notes.isEmpty)
    }

    @Test func `it lies in the outbox when the acknowledgement is answered: a kill between loses neither, and both have a key of their own`()
        async throws
    {
        let (folder, time, disk) = (try TemporaryFolder(), ManualTime(now: Sample.start), Sample.alert("Disk"))
        func notifier(_ http: FakeHTTP) -> Notifier {
            Notifier(
                config: Sample.config(Sample.route(wait: 0)),
                path: folder("notifications.db"),
                externalURL: "http://tocsin:8640",
                http: http,
                mail: NoMail(),
                time: time,
                metrics: MetricsRegistry(),
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
                jitter: { $0 }
            )
        }
        do {
            let killed = notifier(FakeHTTP())
            try await killed.accept(Sample.transition(1, disk))
            #expect(try await killed.acknowledge([disk.fingerprint], Self.acknowledgement()) == 1)
        }
        let http = FakeHTTP()
        let again = notifier(http)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { try? await again.run() }
            var requests = http.stream.makeAsyncIterator()
            _ = await requests.next()
            _ = await requests.next()
            group.cancelAll()
        }
        let told = try http.all.map { try JSON.parse($0.body)["acknowledged"]?["by"]?.string }
        #expect(told == [nil, "ann"])
        #expect(Set(http.all.compactMap { request in request.headers.first { $0.name == "Idempotency-Key" }?.value }).count == 2)
        #expect(await again.acknowledgements()[disk.fingerprint]?.by == "ann")
    }
}
