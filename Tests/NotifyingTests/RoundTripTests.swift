import Configuring
import JSON
import Logging
import Operating
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Notifying

/// Real providers: an HTTP server that records requests, and Debian's aiosmtpd.
@Suite struct RoundTripTests {
    private let folder: TemporaryFolder

    init() throws { folder = try TemporaryFolder() }

    private func notifier(webhooks: [WebhookConfig] = [], emails: [EmailConfig] = []) -> Notifier {
        Notifier(
            config: Sample.config(
                Sample.route(wait: 0, interval: 1),
                receivers: [Receiver(name: "ops", webhooks: webhooks, emails: emails)]
            ),
            path: folder("notifications.db"),
            externalURL: "http://tocsin.example.org:8640",
            http: HTTPClient(concurrent: 8),
            mail: MailClient(concurrent: 8),
            time: SystemTime(),
            metrics: MetricsRegistry(),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            // Retries at once.
            jitter: { _ in .milliseconds(1) }
        )
    }

    private func running(_ notifier: Notifier, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await notifier.run() }
            try await body()
            group.cancelAll()
            while let _ = try? await group.next() {}
        }
    }

    private func alert(_ state: AlertState) -> Alert {
        let now = SystemTime().now()
        return Alert(
            labels: ["alertname": "DiskFull", "host": "web-1", "severity": "critical"],
            annotations: ["summary": "die Platte füllt sich"],
            state: state,
            activeAt: now,
            startsAt: now,
            endsAt: state == .resolved ? now : nil,
            value: 97,
            updatedAt: now
        )
    }

    @Test func `firing and resolved reach a webhook with a signature that verifies`() async throws {
        let server = try await TestServer.http(in: folder)
        try TestFiles.write("s3cret\n", to: folder("secret"))
        let webhook = WebhookConfig(url: Secret("http://127.0.0.1:\(server.port)/hook"), secretFile: folder("secret"))
        let notifier = notifier(webhooks: [webhook])
        try await running(notifier) {
            try await notifier.accept(Sample.transition(1, alert(.firing)))
            let first = try JSON.parse(Array(try await server.records(atLeast: 1)[0].utf8))
            try await notifier.accept(Sample.transition(2, alert(.resolved)))
            let second = try JSON.parse(Array(try await server.records(atLeast: 2)[1].utf8))
            for (record, status) in [(first, "firing"), (second, "resolved")] {
                let body = try #require(record["body"]?.string)
                let headers = try #require(record["headers"])
                #expect(try JSON.parse(body)["status"]?.string == status)
                #expect(headers["content-length"]?.string == "\(body.utf8.count)")
                #expect(headers["content-type"]?.string == "application/json")
                let signature = Courier.signature(of: Array(body.utf8), secret: Array("s3cret".utf8))
                #expect(headers["x-tocsin-signature"]?.string == signature)
            }
            #expect(first["headers"]?["idempotency-key"] != second["headers"]?["idempotency-key"])
        }
    }

    @Test func `a webhook that fails twice gets the same notification under the same key, and a slow one holds up no other`() async throws {
        let server = try await TestServer.http(in: folder)
        let address = "http://127.0.0.1:\(server.port)"
        let notifier = notifier(webhooks: [
            WebhookConfig(url: Secret("\(address)/slow/20")), WebhookConfig(url: Secret("\(address)/flaky/2")),
        ])
        try await running(notifier) {
            try await notifier.accept(Sample.transition(1, alert(.firing)))
            let records = try await server.records(atLeast: 4).map { try JSON.parse(Array($0.utf8)) }
            let flaky = records.filter { $0["path"]?.string == "/flaky/2" }
            #expect(flaky.count == 3)
            #expect(Set(flaky.map { $0["body"]?.string }).count == 1)
            #expect(Set(flaky.map { $0["headers"]?["idempotency-key"]?.string }).count == 1)
        }
    }

    @Test func `a mail arrives over STARTTLS with login, both parts and one Message-ID on every attempt`() async throws {
        let certificate = try await TestServer.certificate(in: folder)
        let server = try await TestServer.smtp(in: folder, certificate: certificate, options: ["--auth", "tocsin:pw", "--fail", "1"])
        try TestFiles.write("pw\n", to: folder("password"))
        let email = EmailConfig(
            to: "Ops <ops@example.org>, second@example.org",
            from: "Tocsin <tocsin@example.org>",
            host: "127.0.0.1",
            port: server.port,
            username: "tocsin",
            passwordFile: folder("password"),
            tls: TLSOptions(caFile: certificate.certificate),
            sendResolved: true,
            headers: [("X-Team", try NotificationTemplate("{{ .Receiver }}"))]
        )
        let notifier = notifier(emails: [email])
        try await running(notifier) {
            try await notifier.accept(Sample.transition(1, alert(.firing)))
            let mail = try JSON.parse(Array(try await server.records(atLeast: 1)[0].utf8))
            #expect(mail["tls"]?.bool == true)
            #expect(mail["user"]?.string == "tocsin")
            #expect(mail["to"]?.array?.compactMap(\.string) == ["ops@example.org", "second@example.org"])
            #expect(mail["subject"]?.string == "[FIRING:1] DiskFull (web-1 critical)")
            #expect(mail["text"]?.string?.contains("die Platte füllt sich") == true)
            #expect(mail["html"]?.string?.contains("die Platte füllt sich") == true)
            #expect(mail["headers"]?["x-team"]?.string == "ops")
            #expect(mail["defects"]?.array?.isEmpty == true)
            // The server refused the first attempt with 451; the id was made with the delivery.
            let record = try #require(await notifier.notifications(limit: 1).first)
            #expect(mail["message_id"]?.string == "<\(record.id)@example.org>")
            try await notifier.accept(Sample.transition(2, alert(.resolved)))
            let second = try JSON.parse(Array(try await server.records(atLeast: 2)[1].utf8))
            #expect(second["subject"]?.string == "[RESOLVED] DiskFull (web-1 critical)")
        }
        let records = await notifier.notifications(limit: 2)
        #expect(records.map(\.channel) == ["email", "email"])
    }

    @Test func `a plain mail server is spoken to plainly only when TLS is not required`() async throws {
        let server = try await TestServer.smtp(in: folder)
        func email(requireTLS: Bool) -> EmailConfig {
            EmailConfig(to: "ops@example.org", from: "t@example.org", host: "127.0.0.1", port: server.port, requireTLS: requireTLS)
        }
        let notifier = notifier(emails: [email(requireTLS: true), email(requireTLS: false)])
        try await running(notifier) {
            try await notifier.accept(Sample.transition(1, alert(.firing)))
            let records = try await server.records(atLeast: 1)
            #expect(records.count == 1)
            // The refusal may come later than the mail.
            while await notifier.status().failing.isEmpty { await Task.yield() }
        }
        #expect(await notifier.status().failing.map(\.channel) == ["ops/email/0"])
    }
}
