import Configuring
import JSON
import Logging
import Operating
import Synchronization
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Notifying

/// A channel that is down for a while, through the whole room: what waits, what is folded, who stands in, and what a restart in the middle does.
@Suite struct OutageTests {
    private let folder: TemporaryFolder
    private let time = ManualTime(now: Sample.start)

    init() throws { folder = try TemporaryFolder() }

    /// Answers 500 until it is told that all is well; remembers what it took.
    private final class Provider: HTTPTransferring {
        private struct State {
            var isDown = true
            var status = 500
            var taken: [HTTPRequest] = []
            var seen = 0
        }
        private let state = Mutex(State())
        private let isAlwaysWell: String?

        /// - Parameter well: addresses with this word in them always answer.
        init(well: String? = nil) { isAlwaysWell = well }

        var taken: [HTTPRequest] { state.withLock { $0.taken } }
        var seen: Int { state.withLock { $0.seen } }
        func recover() { state.withLock { $0.isDown = false } }
        func refuse() { state.withLock { $0.status = 404 } }

        func perform(_ request: HTTPRequest) async throws(TransferError) -> HTTPResponse {
            state.withLock { state in
                state.seen += 1
                let isWell = isAlwaysWell.map { request.url.contains($0) } ?? false
                guard isWell || !state.isDown else { return HTTPResponse(status: state.status) }
                state.taken.append(request)
                return HTTPResponse(status: 200)
            }
        }
    }

    private func config(fallback: Bool = false) -> NotifyingConfig {
        let ops = Receiver(
            name: "ops",
            webhooks: [WebhookConfig(url: Secret("http://ops/hook"))],
            fallback: fallback ? Fallback(receiver: "night", after: .seconds(300)) : nil
        )
        let night = Receiver(name: "night", webhooks: [WebhookConfig(url: Secret("http://night/hook"))])
        var config = Sample.config(Sample.route(by: ["host"], wait: 0), receivers: [ops, night])
        config.outbox = OutboxConfig(breakerFailures: 2, digestAfter: .zero, digestAbove: 5)
        return config
    }

    private func notifier(_ provider: Provider, fallback: Bool = false) -> Notifier {
        Notifier(
            config: config(fallback: fallback),
            path: folder("notifications.db"),
            externalURL: "http://tocsin:8640",
            http: provider,
            mail: NoMail(),
            time: time,
            metrics: MetricsRegistry(),
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            jitter: { $0 }
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

    private func until(_ condition: () async -> Bool) async { while await !condition() { await Task.yield() } }

    /// Turns the clock until the condition holds.
    private func passing(_ condition: () async -> Bool) async {
        while await !condition() {
            time.advance(by: .seconds(1))
            for _ in 0..<50 { await Task.yield() }
        }
    }

    /// The channel is down, and no attempt is under way.
    private func untilDown(_ notifier: Notifier, _ provider: Provider) async {
        await until {
            let attempts = await notifier.notifications(limit: 1000).reduce(0) { $0 + $1.attempts }
            let channel = await notifier.channels().first
            return channel?.state == .open && attempts == provider.seen
        }
    }

    private func alerts(_ request: HTTPRequest) -> [JSON] { (try? JSON.parse(request.body))?["alerts"]?.array ?? [] }

    private func key(_ request: HTTPRequest) -> String { request.headers.first { $0.name == "Idempotency-Key" }?.value ?? "" }

    @Test func `after an outage one digest tells what a hundred would have, and each row names it`() async throws {
        let provider = Provider()
        let notifier = notifier(provider)
        try await running(notifier) {
            for number in 1...100 { try await notifier.accept(Sample.transition(UInt64(number), Sample.alert("Disk", "h\(number)"))) }
            await untilDown(notifier, provider)
            let status = await notifier.channels()[0]
            #expect(status.downSince == Sample.start)
            #expect(status.lastReply == "HTTP 500")
            let tried = provider.seen
            provider.recover()
            await passing { await notifier.status().pending == 0 }
            // The probe and the digest; before, no more than it took to see that it is down.
            #expect(provider.taken.count == 2)
            #expect(tried <= 3)
        }
        let digest = try #require(provider.taken.last)
        #expect(alerts(digest).count == 99)
        let told = Set(provider.taken.flatMap { alerts($0) }.compactMap { $0["labels"]?["host"]?.string })
        #expect(told.count == 100)
        let records = await notifier.notifications(.digested, limit: 1000)
        #expect(records.count == 99)
        #expect(Set(records.compactMap(\.digest)).map { "\($0)" } == [key(digest)])
        #expect(try JSON.parse(digest.body)["digest"]?.array?.count == 99)
        let detail = try #require(await notifier.notification(records[0].digest ?? records[0].id))
        #expect(detail.record.reason == "outage_digest")
        #expect(detail.digested.count == 99)
        #expect(await notifier.channels()[0].state == .closed)
    }

    @Test func `a restart in the middle of an outage changes nothing of that`() async throws {
        let provider = Provider()
        let first = notifier(provider)
        try await running(first) {
            for number in 1...20 { try await first.accept(Sample.transition(UInt64(number), Sample.alert("Disk", "h\(number)"))) }
            await untilDown(first, provider)
        }
        provider.recover()
        let second = notifier(provider)
        try await second.open()
        try await running(second) { await passing { await second.status().pending == 0 } }
        #expect(provider.taken.count == 2)
        #expect(Set(provider.taken.flatMap { alerts($0) }.compactMap { $0["labels"]?["host"]?.string }).count == 20)
        #expect(await second.notifications(.digested, limit: 1000).count == 19)
    }

    @Test func `whoever was killed in the middle of an attempt tells it again under its key, and not in a digest`() async throws {
        let path = folder("notifications.db")
        let store = try NotificationStore(path: path)
        let channel = config().receivers[0].channels[0]
        var items: [Outbox.Item] = []
        for number in 1...10 {
            var notification = ChannelRig.notification([Sample.alert("Disk", "h\(number)")])
            (notification.channel, notification.groupKey) = (channel, "g\(number)")
            items.append(try store.insert(Delivery(notification, id: UUID(high: 0, low: UInt64(number)), at: Sample.start)))
        }
        // Killed here: the second one is on the wire.
        try store.begin([items[1]])
        try store.setDown(channel.key, since: Sample.start, reply: "HTTP 500")
        let provider = Provider()
        provider.recover()
        let notifier = notifier(provider)
        try await notifier.open()
        try await running(notifier) { await passing { await notifier.status().pending == 0 } }
        let own = provider.taken.filter { key($0) == "\(UUID(high: 0, low: 2))" }
        #expect(own.count == 1)
        #expect(provider.taken.flatMap { alerts($0) }.count { $0["labels"]?["host"]?.string == "h2" } == 1)
        #expect(await notifier.notifications(.digested, limit: 100).count == 8)
    }

    @Test func `a fallback is told when the time is up, with the reason, and the channel itself goes on trying`() async throws {
        let provider = Provider(well: "night")
        let notifier = notifier(provider, fallback: true)
        try await running(notifier) {
            try await notifier.accept(Sample.transition(1, Sample.alert("Disk", "a")))
            await passing { !provider.taken.isEmpty }
            #expect(time.now() >= Sample.at(300))
            let night = try #require(provider.taken.first)
            #expect(night.url == "http://night/hook")
            let record = try #require(await notifier.notifications(limit: 10).first { $0.receiver == "night" })
            let original = try #require(await notifier.notifications(limit: 10).first { $0.receiver == "ops" })
            #expect(record.fallbackOf == original.id)
            #expect(record.reason == "fallback")
            #expect(original.state == .pending)
            provider.recover()
            await passing { await notifier.status().pending == 0 }
            #expect(provider.taken.count == 2)
            #expect(key(provider.taken[0]) != key(provider.taken[1]))
        }
        // And not told again by whoever comes after.
        let next = self.notifier(provider, fallback: true)
        try await next.open()
        #expect(await next.status().pending == 0)
    }

    @Test func `many that need the fallback at once are one digest for it`() async throws {
        let provider = Provider(well: "night")
        let notifier = notifier(provider, fallback: true)
        try await running(notifier) {
            for number in 1...50 { try await notifier.accept(Sample.transition(UInt64(number), Sample.alert("Disk", "h\(number)"))) }
            await passing { !provider.taken.isEmpty }
            #expect(provider.taken.count == 1)
            #expect(alerts(provider.taken[0]).count == 50)
        }
    }

    @Test func `what is refused for good goes to the fallback at once, stays among the failed, and can be sent again under its key`() async throws {
        let provider = Provider(well: "night")
        provider.refuse()
        let notifier = notifier(provider, fallback: true)
        try await running(notifier) {
            try await notifier.accept(Sample.transition(1, Sample.alert("Disk", "a")))
            await until { provider.taken.count == 1 }
            await until { await notifier.status().pending == 0 }
            let failed = try #require(await notifier.notifications(.failed, limit: 10).first)
            #expect(failed.canBeSentAgain)
            #expect(failed.lastReply == "HTTP 404")
            #expect(await notifier.notification(failed.id)?.alerts.count == 1)
            provider.recover()
            #expect(try await notifier.resend(failed.id))
            await until { provider.taken.count == 2 }
            await until { await notifier.status().pending == 0 }
            #expect(provider.taken[1].url == "http://ops/hook")
            #expect(key(provider.taken[1]) == "\(failed.id)")
            #expect(await notifier.notification(failed.id)?.record.state == .delivered)
            await #expect(throws: QueryError.self) { try await notifier.resend(failed.id) }
            #expect(try await !notifier.resend(UUID(high: 9, low: 9)))
        }
    }

    @Test func `a test goes through each channel of a receiver at once and shows what each answered`() async throws {
        let provider = Provider(well: "night")
        let notifier = notifier(provider)
        try await notifier.open()
        let well = try #require(try await notifier.test(receiver: "night"))
        #expect(well.map(\.channel) == ["night/webhook/0"])
        #expect(well[0].isDelivered)
        #expect(well[0].reply == "HTTP 200")
        #expect(alerts(provider.taken[0])[0]["labels"]?["alertname"]?.string == "TocsinTest")
        let ill = try #require(try await notifier.test(receiver: "ops"))
        #expect(!ill[0].isDelivered)
        #expect(ill[0].reply.contains("HTTP 500"))
        #expect(try await notifier.test(receiver: "nobody") == nil)
        // It is no notification.
        #expect(await notifier.notifications(limit: 10).isEmpty)
    }
}
