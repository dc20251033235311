import JSON
import Logging
import Operating
import SQLite
import ServiceLifecycle
import Synchronization
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Notifying

@Suite struct NotifierTests {
    private let folder: TemporaryFolder
    private let time = ManualTime(now: Sample.start)
    private let registry = MetricsRegistry()

    init() throws { folder = try TemporaryFolder() }

    private func notifier(_ config: NotifyingConfig, http: FakeHTTP) -> Notifier {
        Notifier(
            config: config,
            path: folder("notifications.db"),
            externalURL: "http://tocsin:8640",
            http: http,
            mail: NoMail(),
            time: time,
            metrics: registry,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() }),
            jitter: { $0 }
        )
    }

    /// Runs the notifier while `body` runs.
    private func running(_ notifier: Notifier, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await notifier.run() }
            try await body()
            group.cancelAll()
            while let _ = try? await group.next() {}
        }
    }

    @Test func `with group_wait 0 a transition is on the wire at once, signed with nothing and named by its key`() async throws {
        let http = FakeHTTP()
        let notifier = notifier(Sample.config(Sample.route(wait: 0)), http: http)
        try await running(notifier) {
            try await notifier.accept(Sample.transition(1, Sample.alert("Disk")))
            var requests = http.stream.makeAsyncIterator()
            let request = try #require(await requests.next())
            let body = try JSON.parse(request.body)
            #expect(body["alerts"]?.array?.count == 1)
            let key = try #require(request.headers.first { $0.name == "Idempotency-Key" }?.value)
            let record = try #require(await notifier.notifications(limit: 10).first)
            #expect("\(record.id)" == key)
        }
    }

    @Test func `a transition is on disk when accept returns, and a repeat changes nothing`() async throws {
        let http = FakeHTTP()
        let config = Sample.config(Sample.route(wait: 0))
        let first = notifier(config, http: http)
        let transition = Sample.transition(1, Sample.alert("Disk"))
        try await first.accept(transition)
        try await first.accept(transition)
        #expect(await first.notifications(limit: 10).count == 1)
        // Never run, as if killed here: the next process delivers it, and knows the transition too.
        let second = notifier(config, http: http)
        try await second.accept(transition)
        try await running(second) {
            var requests = http.stream.makeAsyncIterator()
            _ = await requests.next()
        }
        #expect(http.all.count == 1)
        #expect(await second.notifications(limit: 10).count == 1)
    }

    @Test func `a restart in the middle of group_wait tells at the time that was set`() async throws {
        let http = FakeHTTP()
        let config = Sample.config(Sample.route(wait: 10))
        try await notifier(config, http: http).accept(Sample.transition(1, Sample.alert("Disk")))
        time.advance(by: .seconds(4))
        let second = notifier(config, http: http)
        try await running(second) {
            await time.waitForSleepers()
            #expect(time.nextWakeUp == .seconds(6))
            #expect(http.all.isEmpty)
            time.advance(by: .seconds(6))
            var requests = http.stream.makeAsyncIterator()
            #expect(await requests.next() != nil)
        }
    }

    @Test func `a delivery that failed is tried again after a restart, with the same bytes and the same key`() async throws {
        let failing = FakeHTTP { _, _ in .failure(.unreachable("nobody")) }
        let config = Sample.config(Sample.route(wait: 0))
        let first = notifier(config, http: failing)
        try await running(first) {
            try await first.accept(Sample.transition(1, Sample.alert("Disk")))
            // The loop sleeps until the retry, in the first second.
            await time.waitForSleepers(2)
        }
        let record = try #require(await first.notifications(limit: 1).first)
        #expect(record.state == .pending)
        #expect(record.attempts == 1)
        #expect(record.lastReply == "nobody")
        #expect(record.nextAttemptAt == Sample.start.advanced(by: .seconds(1)))
        let working = FakeHTTP()
        let second = notifier(config, http: working)
        try await running(second) {
            await time.waitForSleepers()
            time.advance(by: .seconds(1))
            var requests = working.stream.makeAsyncIterator()
            let request = try #require(await requests.next())
            let before = try #require(failing.all.first)
            #expect(request.body == before.body)
            #expect(request.headers == before.headers)
            await settled(second) { $0.pending == 0 }
        }
        #expect(await second.notifications(limit: 1).first?.state == .delivered)
    }

    @Test func `Retry-After is honoured, a refusal is final, and both are on record`() async throws {
        let http = FakeHTTP { number, request in
            String(decoding: request.body, as: UTF8.self).contains("\"Load\"")
                ? .success(HTTPResponse(status: 404, body: Array("no such hook".utf8)))
                : .success(HTTPResponse(status: number == 1 ? 429 : 200, headers: [HTTPHeader("retry-after", "120")]))
        }
        let notifier = notifier(Sample.config(Sample.route(wait: 0)), http: http)
        try await running(notifier) {
            try await notifier.accept(Sample.transition(1, Sample.alert("Disk")))
            await settled(notifier) { !$0.failing.isEmpty }
            try await notifier.accept(Sample.transition(2, Sample.alert("Load")))
            await settled(notifier) { $0.failed == 1 }
            let records = await notifier.notifications(limit: 10)
            #expect(records.map(\.state) == [.failed, .pending])
            #expect(records[0].lastReply == "HTTP 404: no such hook")
            #expect(records[1].nextAttemptAt == Sample.start.advanced(by: .seconds(120)))
        }
    }

    @Test func `a count that begins anew is taken, and is not mistaken for repeats`() async throws {
        let notifier = notifier(Sample.config(Sample.route(wait: 0)), http: FakeHTTP())
        for number in 1...5 { try await notifier.accept(Sample.transition(UInt64(number), Sample.alert("Disk", "h\(number)"))) }
        try await notifier.accept(Sample.transition(3, Sample.alert("Disk", "h3")))
        #expect(await notifier.status().activeAlerts == 5)
        // Correlating's file was lost: it counts from 1.
        for number in 1...5 { try await notifier.accept(Sample.transition(UInt64(number), Sample.alert("Load", "h\(number)"))) }
        #expect(await notifier.status().activeAlerts == 10)
    }

    @Test func `silences live through a restart and end when they are expired`() async throws {
        let config = Sample.config(Sample.route(wait: 0))
        let first = notifier(config, http: FakeHTTP())
        let silence = Silence(
            id: UUID(high: 0, low: 7),
            matchers: ["alertname=\"Disk\""],
            startsAt: Sample.at(0),
            endsAt: Sample.at(1000),
            createdBy: "ops",
            comment: "repair"
        )
        try await first.add(silence)
        try await first.accept(Sample.transition(1, Sample.alert("Disk")))
        #expect(await first.notifications(limit: 1).isEmpty)
        let second = notifier(config, http: FakeHTTP())
        try await second.open()
        #expect(await second.silences() == [silence])
        #expect(await second.status().silenced == 1)
        #expect(try await second.expireSilence(id: silence.id, at: time.now()))
        #expect(try await !second.expireSilence(id: silence.id, at: time.now()))
        #expect(await second.status().silenced == 0)
        await #expect(throws: QueryError.self) {
            try await second.add(Silence(id: silence.id, matchers: ["x"], startsAt: Sample.at(0), endsAt: Sample.at(9), createdBy: "", comment: ""))
        }
    }

    @Test func `a damaged file is set aside, and a file of a newer version is refused`() async throws {
        try TestFiles.write([UInt8](repeating: 0x41, count: 8192), to: folder("notifications.db"))
        let notifier = notifier(Sample.config(Sample.route(wait: 0)), http: FakeHTTP())
        try await notifier.accept(Sample.transition(1, Sample.alert("Disk")))
        #expect(TestFiles.exists(folder("notifications.db.damaged-\(Sample.start.milliseconds)")))
        let newer = try Connection(path: folder("newer.db"))
        try newer.executeScript("PRAGMA application_id = \(NotificationStore.migrations.applicationID); PRAGMA user_version = 99")
        #expect(throws: SQLiteError.self) { try NotificationStore(path: folder("newer.db")) }
    }

    @Test func `when the store fails the transition is refused, and taken when it works again`() async throws {
        let path = folder("missing/notifications.db")
        let notifier = Notifier(
            config: Sample.config(Sample.route(wait: 0)),
            path: path,
            externalURL: "",
            http: FakeHTTP(),
            mail: NoMail(),
            time: time,
            metrics: registry,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        let transition = Sample.transition(1, Sample.alert("Disk"))
        await #expect(throws: SinkError.self) { try await notifier.accept(transition) }
        #expect(await notifier.status().problems.isEmpty == false)
        TestFiles.makeFolder(folder("missing"))
        time.advance(by: .seconds(60))
        try await notifier.accept(transition)
        #expect(await notifier.status().problems.isEmpty)
        #expect(await notifier.notifications(limit: 10).count == 1)
    }

    @Test func `a new configuration counts at once and keeps what was told`() async throws {
        let http = FakeHTTP()
        let notifier = notifier(Sample.config(Sample.route(wait: 0)), http: http)
        try await notifier.accept(Sample.transition(1, Sample.alert("Disk")))
        try await notifier.reload(Sample.config(Sample.route(wait: 0, repeats: 10)))
        #expect(await notifier.notifications(limit: 10).count == 1)
        try await notifier.accept(Sample.transition(2, Sample.alert("Load")))
        #expect(await notifier.notifications(limit: 10).count == 2)
    }

    @Test func `a shutdown lets a delivery under way end, and starts no other`() async throws {
        let answers = AsyncStream.makeStream(of: Void.self)
        let slow = SlowHTTP(answers: answers.stream)
        let notifier = Notifier(
            config: Sample.config(Sample.route(by: ["host"], wait: 0)),
            path: folder("notifications.db"),
            externalURL: "",
            http: slow,
            mail: NoMail(),
            time: time,
            metrics: registry,
            logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
        )
        let services = ServiceGroup(
            configuration: ServiceGroupConfiguration(
                services: [.init(service: notifier, successTerminationBehavior: .gracefullyShutdownGroup)],
                logger: Logger(label: "test", factory: { _ in SwiftLogNoOpLogHandler() })
            )
        )
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await services.run() }
            try await notifier.accept(Sample.transition(1, Sample.alert("Disk", "a")))
            var arrivals = slow.arrivals.stream.makeAsyncIterator()
            _ = await arrivals.next()
            await services.triggerGracefulShutdown()
            // The loop has seen it when it sleeps for the last deliveries.
            await time.waitForSleepers()
            try await notifier.accept(Sample.transition(2, Sample.alert("Disk", "b")))
            answers.continuation.yield()
            try await group.waitForAll()
        }
        #expect(await notifier.notifications(limit: 10).map(\.state) == [.pending, .delivered])
    }

    /// Waits, with every change of the notifier, until its status is as wanted.
    private func settled(_ notifier: Notifier, _ isSettled: (NotifyingStatus) -> Bool) async {
        while !isSettled(await notifier.status()) { await Task.yield() }
    }
}
