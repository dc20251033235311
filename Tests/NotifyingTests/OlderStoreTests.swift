import JSON
import Logging
import Operating
import SQLite
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Notifying

/// A file of a version that wrote notifications out when they were made.
@Suite struct OlderStoreTests {
    @Test func `what an older version left in the outbox goes out as it was written, under its id, and never in a digest`() async throws {
        let folder = try TemporaryFolder()
        let path = folder("notifications.db")
        do {
            let connection = try Connection(path: path)
            let first = Migrations(applicationID: NotificationStore.migrations.applicationID, steps: [NotificationStore.migrations.steps[0]])
            try first.apply(to: connection)
            for number in 1...30 {
                try connection.execute(
                    """
                    INSERT INTO delivery (id, receiver, kind, place, group_key, status, reason, alert_count, state, attempts, created_at, next_attempt_at,
                        last_reply, payload) VALUES (?, 'ops', 'webhook', 0, ?, 'firing', 'first', 1, 'pending', 0, ?, ?, '', ?)
                    """,
                    [
                        .blob(UUID(high: 0, low: UInt64(number)).bytes), .text("g\(number)"), .integer(Sample.start.nanoseconds),
                        .integer(Sample.start.nanoseconds), .blob(Array("{\"number\":\(number)}".utf8)),
                    ]
                )
            }
        }
        let http = FakeHTTP()
        var config = Sample.config(Sample.route(wait: 0))
        config.outbox = OutboxConfig(digestAfter: .zero, digestAbove: 3)
        let notifier = Notifier(
            config: config,
            path: path,
            externalURL: "",
            http: http,
            mail: NoMail(),
            time: ManualTime(now: Sample.start),
            metrics: MetricsRegistry(),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        try await notifier.open()
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await notifier.run() }
            while await notifier.status().pending > 0 { await Task.yield() }
            group.cancelAll()
            while let _ = try? await group.next() {}
        }
        #expect(http.all.count == 30)
        let first = try #require(http.all.first { $0.body == Array("{\"number\":1}".utf8) })
        #expect(first.headers.contains { $0.name == "Idempotency-Key" && $0.value == "\(UUID(high: 0, low: 1))" })
    }
}
