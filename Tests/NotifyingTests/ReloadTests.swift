import JSON
import Logging
import Operating
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Notifying

/// A configuration that is read again, with a clock that the test turns: groups that both have go on as if nothing had happened.
@Suite(.timeLimit(.minutes(1))) struct ReloadTests {
    private let folder: TemporaryFolder
    private let time = ManualTime(now: Sample.start)

    init() throws { folder = try TemporaryFolder() }

    private func notifier(_ config: NotifyingConfig) -> Notifier {
        Notifier(
            config: config,
            path: folder("notifications.db"),
            externalURL: "http://tocsin:8640",
            http: FakeHTTP(),
            mail: NoMail(),
            time: time,
            metrics: MetricsRegistry(),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
    }

    /// Reasons of what was made since the start, in order, with their second.
    private func said(_ notifier: Notifier) async -> [String] {
        await notifier.notifications(limit: 100).reversed().map {
            "\(Int($0.createdAt.duration(since: Sample.start).inSeconds)) \($0.receiver) \($0.status) \($0.alertCount)"
        }
    }

    /// Each second from now on, as the loop would find it.
    private func pass(_ seconds: Int, _ notifier: Notifier) async {
        for _ in 0..<seconds {
            time.advance(by: .seconds(1))
            await notifier.flush()
        }
    }

    @Test func `group_wait goes on through a reload`() async throws {
        let config = Sample.config(Sample.route(wait: 30))
        let notifier = notifier(config)
        try await notifier.accept(Sample.transition(1, Sample.alert("Disk")))
        await pass(20, notifier)
        try await notifier.reload(config)
        await pass(9, notifier)
        #expect(await said(notifier) == [])
        await pass(1, notifier)
        #expect(await said(notifier) == ["30 ops firing 1"])
    }

    @Test func `group_interval and repeat_interval of a group go on, whatever else changes`() async throws {
        let notifier = notifier(Sample.config(Sample.route(wait: 0, interval: 60, repeats: 300)))
        try await notifier.accept(Sample.transition(1, Sample.alert("Disk", "a")))
        #expect(await said(notifier) == ["0 ops firing 1"])
        // Several intervals with nothing to say: their timer is in memory only.
        await pass(130, notifier)
        let other = Sample.route(wait: 5, interval: 7, repeats: 11, matchers: "team=\"db\"")
        try await notifier.reload(Sample.config(Sample.route(wait: 0, interval: 60, repeats: 300, routes: [other])))
        try await notifier.accept(Sample.transition(2, Sample.alert("Disk", "b", since: 130)))
        await pass(49, notifier)
        #expect(await said(notifier).count == 1)
        await pass(1, notifier)
        #expect(await said(notifier).last == "180 ops firing 2")
        try await notifier.reload(Sample.config(Sample.route(wait: 0, interval: 60, repeats: 300)))
        await pass(299, notifier)
        #expect(await said(notifier).count == 2)
        await pass(1, notifier)
        #expect(await said(notifier).last == "480 ops firing 2")
    }

    @Test func `a shorter interval counts from the reload on`() async throws {
        let notifier = notifier(Sample.config(Sample.route(wait: 0, interval: 3600, repeats: 36_000)))
        try await notifier.accept(Sample.transition(1, Sample.alert("Disk", "a")))
        await pass(100, notifier)
        try await notifier.reload(Sample.config(Sample.route(wait: 0, interval: 60, repeats: 36_000)))
        try await notifier.accept(Sample.transition(2, Sample.alert("Disk", "b", since: 100)))
        await pass(60, notifier)
        #expect(await said(notifier).last == "160 ops firing 2")
    }

    @Test func `what waits for a limit's token waits on, and tokens are not given anew`() async throws {
        let config = Sample.config(Sample.route(by: ["host"], wait: 0, interval: 60, limit: .of(count: 1, window: .seconds(300))))
        let notifier = notifier(config)
        for (index, host) in ["a", "b", "c"].enumerated() {
            try await notifier.accept(Sample.transition(UInt64(index + 1), Sample.alert("Disk", host)))
        }
        await pass(100, notifier)
        try await notifier.reload(config)
        await pass(199, notifier)
        #expect(await said(notifier) == ["0 ops firing 1"])
        await pass(1, notifier)
        #expect(await said(notifier) == ["0 ops firing 1", "300 ops firing 2"])
    }

    @Test func `silences go on, and so does the time until resolve_timeout is another`() async throws {
        let notifier = notifier(Sample.config(Sample.route(wait: 0)))
        let silence = Silence(
            id: UUID(high: 0, low: 1),
            matchers: ["alertname=\"Disk\""],
            startsAt: Sample.start,
            endsAt: Sample.at(1000),
            createdBy: "ops",
            comment: "repair"
        )
        #expect(try await notifier.set(silence, replacing: nil) == silence.id)
        var config = Sample.config(Sample.route(wait: 0))
        config.resolveTimeout = .seconds(77)
        try await notifier.reload(config)
        try await notifier.accept(Sample.transition(1, Sample.alert("Disk")))
        #expect(await said(notifier) == [])
        #expect(await notifier.resolveTimeout() == .seconds(77))
        #expect(try await notifier.alerts(AlertSelection()).map(\.silencedBy) == [[silence.id]])
        #expect(try await notifier.silences(matching: ["alertname=Disk"]).map(\.silence.updatedAt) == [Sample.start])
    }
}
