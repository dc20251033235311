import Configuring
import JSON
import Logging
import Operating
import SQLite
import ServiceLifecycle
import Telemetry
import TestSupport
import Testing
import Transferring

@testable import Notifying

/// What is remembered, on disk: each test reads it with a notifier that was opened anew.
@Suite struct HistoryTests {
    private let folder: TemporaryFolder
    private let time = ManualTime(now: Sample.start)

    init() throws { folder = try TemporaryFolder() }

    private func notifier(_ config: NotifyingConfig, http: FakeHTTP = FakeHTTP()) -> Notifier {
        Notifier(
            config: config,
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

    private func running(_ notifier: Notifier, _ body: () async throws -> Void) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await notifier.run() }
            try await body()
            group.cancelAll()
            while let _ = try? await group.next() {}
        }
    }

    private func opened(_ config: NotifyingConfig) async throws -> Notifier {
        let notifier = notifier(config)
        try await notifier.open()
        return notifier
    }

    @Test func `each time that an alert fires is an episode with its notifications, newest first, page by page`() async throws {
        let config = Sample.config(Sample.route(wait: 0, interval: 1))
        let writing = notifier(config)
        try await writing.accept(Sample.transition(1, Sample.alert("Disk")))
        time.advance(by: .seconds(60))
        try await writing.accept(Sample.transition(2, Sample.alert("Disk", "web-1", .resolved, until: 60)))
        try await writing.accept(Sample.transition(3, Sample.alert("Load", "web-2", since: 30)))
        time.advance(by: .seconds(60))
        try await writing.accept(Sample.transition(4, Sample.alert("Disk", since: 120)))
        try await writing.accept(Sample.transition(5, Sample.alert("Past", "web-3", .resolved, since: 10, until: 20), historyOnly: true))

        let reading = try await opened(config)
        let all = try await reading.episodes(EpisodeQuery(limit: 10))
        #expect(all.map(\.alert.name) == ["Disk", "Load", "Past", "Disk"])
        #expect(all.map(\.isHistoryOnly) == [false, false, true, false])
        #expect(all.map(\.alert.endsAt) == [nil, nil, Sample.at(20), Sample.at(60)])
        #expect(all.map(\.pages) == [1, 1, 0, 1])
        #expect(all.map(\.notifications) == [1, 1, 0, 2])

        let first = try await reading.episodes(EpisodeQuery(limit: 2))
        let place = try #require(first.last.map { EpisodeQuery.Place(startsAt: $0.alert.startsAt, ordinal: $0.ordinal) })
        #expect(EpisodeQuery.Place(place.text) == place)
        #expect(try await reading.episodes(EpisodeQuery(limit: 10, after: place)).map(\.alert.name) == ["Past", "Disk"])
        #expect(try await reading.episodes(EpisodeQuery(host: "web-1", limit: 10)).count == 2)
        #expect(try await reading.episodes(EpisodeQuery(alertname: "Load", limit: 10)).count == 1)
        // What fired at some moment between the two.
        #expect(try await reading.episodes(EpisodeQuery(start: Sample.at(25), end: Sample.at(29), limit: 10)).map(\.alert.startsAt) == [Sample.at(0)])
        let fingerprint = Sample.alert("Disk").fingerprint
        #expect(try await reading.episodes(fingerprints: fingerprint...fingerprint, limit: 10).count == 2)
        #expect(try await reading.episodes(fingerprints: 0...UInt64.max, limit: 10).count == 4)
    }

    @Test func `an alert whose end was never told is closed when it fires anew`() async throws {
        let config = Sample.config(Sample.route(wait: 0))
        let writing = notifier(config)
        try await writing.accept(Sample.transition(1, Sample.alert("Disk")))
        try await writing.accept(Sample.transition(2, Sample.alert("Disk", since: 500)))
        let reading = try await opened(config)
        #expect(try await reading.episodes(EpisodeQuery(limit: 10)).map(\.alert.startsAt) == [Sample.at(500), Sample.at(0)])
        #expect(try await reading.episodes(EpisodeQuery(start: Sample.at(501), limit: 10)).count == 1)
    }

    @Test func `the way from the route to the provider's reply is on record, after a restart too`() async throws {
        let http = FakeHTTP { number, _ in
            .success(number == 1 ? HTTPResponse(status: 500, body: Array("down".utf8)) : HTTPResponse(status: 200, body: Array("ok".utf8)))
        }
        let config = Sample.config(Sample.route(wait: 0))
        let disk = Sample.alert("Disk")
        let first = notifier(config, http: http)
        try await running(first) {
            try await first.accept(Sample.transition(1, disk))
            await settled(first) { !$0.failing.isEmpty }
            await time.waitForSleepers()
            time.advance(by: .seconds(60))
            await settled(first) { $0.pending == 0 }
        }
        let reading = try await opened(config)
        let decisions = try await reading.decisions(of: disk.fingerprint, activeFrom: disk.activeAt, to: disk.activeAt)
        #expect(decisions.map(\.kind) == [.routed, .grouped, .queued, .attempted, .delivered])
        #expect(decisions[2].reason == "first")
        #expect(decisions[2].details["channel"] == "ops/webhook/0")
        #expect(decisions[3].details["reply"] == "HTTP 500: down")
        #expect(decisions[3].details["attempt"] == "1")
        #expect(decisions[4].details["reply"] == "HTTP 200: ok")
        #expect(decisions[4].details["attempt"] == "2")
    }

    @Test func `an acknowledgement is on disk when it is answered, and is over with the alert`() async throws {
        let config = Sample.config(Sample.route(wait: 0, interval: 1, repeats: 10))
        let disk = Sample.alert("Disk")
        let acknowledgement = AlertAcknowledgement(at: Sample.at(5), by: "ann", comment: "on it", via: "api")
        let writing = notifier(config)
        try await writing.accept(Sample.transition(1, disk))
        #expect(try await writing.acknowledge([disk.fingerprint, 17], acknowledgement) == 1)

        let reading = try await opened(config)
        #expect(await reading.acknowledgements() == [disk.fingerprint: acknowledgement])
        #expect(try await reading.episodes(EpisodeQuery(limit: 1)).first?.acknowledgement == acknowledgement)
        time.advance(by: .seconds(3600))
        try await reading.accept(Sample.transition(2, Sample.alert("Load", since: 3600)))
        // The repeat of Disk is not told: only Load is, and before it that somebody takes care of Disk.
        #expect(await reading.notifications(limit: 10).map(\.status) == ["firing", "acknowledged", "firing"])
        try await reading.accept(Sample.transition(3, Sample.alert("Disk", "web-1", .resolved, until: 3600)))
        #expect(await reading.acknowledgements().isEmpty)
        try await reading.accept(Sample.transition(4, Sample.alert("Disk", since: 3700)))
        let after = try await opened(config)
        #expect(await after.acknowledgements().isEmpty)
        // It stays in the history of its time.
        #expect(try await after.episodes(EpisodeQuery(limit: 10)).map { $0.acknowledgement?.by } == [nil, nil, "ann"])
        #expect(try await after.unacknowledge(disk.fingerprint, by: "bob") == false)
    }

    @Test func `an escalation goes on where it stood before a kill`() async throws {
        var node = Sample.route(wait: 0, interval: 60, receiver: "ops")
        node.escalation = [EscalationStep(after: .seconds(600), receiver: "second")]
        let receivers = ["ops", "second"].map { Receiver(name: $0, webhooks: [WebhookConfig(url: Secret("http://127.0.0.1:1/"))]) }
        let config = Sample.config(node, receivers: receivers)
        // Never run, as if killed after the first message was written.
        try await notifier(config).accept(Sample.transition(1, Sample.alert("Disk")))
        time.advance(by: .seconds(590))
        let http = FakeHTTP()
        let second = notifier(config, http: http)
        try await running(second) {
            await settled(second) { $0.pending == 0 && http.all.count == 1 }
            await time.waitForSleepers()
            time.advance(by: .seconds(10))
            await settled(second) { $0.pending == 0 && http.all.count == 2 }
        }
        let records = await second.notifications(limit: 10)
        #expect(records.map(\.receiver) == ["second", "ops"])
        // A second escalation would be a second page.
        let third = try await opened(config)
        time.advance(by: .seconds(600))
        try await third.accept(Sample.transition(2, Sample.alert("Load", since: 1200)))
        #expect(await third.notifications(limit: 10).map(\.receiver).filter { $0 == "second" }.count == 1)
    }

    @Test func `a link leads to the alerts of its message, and to those only`() async throws {
        let config = Sample.config(Sample.route(wait: 0))
        let writing = notifier(config)
        try await writing.accept(Sample.transition(1, Sample.alert("Disk")))
        try await writing.accept(Sample.transition(2, Sample.alert("Load")))
        let record = try #require(await writing.notifications(limit: 10).last)
        let token = writing.links.token(for: record.id, until: Sample.at(100))
        // The key is in the state folder.
        let reading = try await opened(config)
        let linked = try await reading.linked(by: token)
        #expect(linked.alerts.map(\.alert.name) == ["Disk"])
        #expect(linked.receiver == "ops")
        #expect(linked.expiresAt == Sample.at(100))
        time.advance(by: .seconds(100))
        await #expect(throws: QueryError.self) { try await reading.linked(by: token) }
        await #expect(throws: QueryError.self) { try await reading.linked(by: "nonsense") }
    }

    @Test func `a message that something fires holds its link, the same on each attempt, and one that it is over holds none`() async throws {
        let http = FakeHTTP { number, _ in .success(HTTPResponse(status: number == 1 ? 500 : 200)) }
        var config = Sample.config(Sample.route(wait: 0, interval: 1))
        let notifier = self.notifier(config, http: http)
        // Both are made before the first is tried: they go out one behind the other.
        try await notifier.accept(Sample.transition(1, Sample.alert("Disk")))
        time.advance(by: .seconds(5))
        try await notifier.accept(Sample.transition(2, Sample.alert("Disk", "web-1", .resolved, until: 5)))
        try await running(notifier) {
            await settled(notifier) { !$0.failing.isEmpty }
            await time.waitForSleepers()
            time.advance(by: .seconds(60))
            await settled(notifier) { $0.pending == 0 }
        }
        let links = try http.all.map { try JSON.parse($0.body)["acknowledgeURL"]?.string }
        let link = try #require(links[0])
        #expect(links == [link, link, nil])
        #expect(link.hasPrefix("http://tocsin:8640/acknowledge/"))
        let token = String(link.dropFirst("http://tocsin:8640/acknowledge/".count))
        #expect(try await notifier.linked(by: token).alerts.map(\.alert.name) == ["Disk"])
        #expect(try await notifier.linked(by: token).expiresAt == Sample.at(7 * 86_400))
        // Switched off: no link, and a mail's template that names it stays empty there.
        config.acknowledge.linkLifetime = .zero
        try await notifier.reload(config)
        try await notifier.accept(Sample.transition(3, Sample.alert("Load", since: 60)))
        let again = self.notifier(config, http: http)
        try await running(again) { await settled(again) { $0.pending == 0 && http.all.count == 4 } }
        #expect(try JSON.parse(http.all[3].body)["acknowledgeURL"] == nil)
    }

    @Test func `what rules cost is counted from the history`() async throws {
        let config = Sample.config(Sample.route(wait: 0, interval: 1))
        let writing = notifier(config)
        var sequence: UInt64 = 0
        for round in 0..<3 {
            let begin = round * 100
            sequence += 2
            try await writing.accept(Sample.transition(sequence - 1, Sample.alert("Disk", since: begin)))
            if round == 1 {
                let acknowledgement = AlertAcknowledgement(at: time.now(), by: "ann", comment: "", via: "api")
                #expect(try await writing.acknowledge([Sample.alert("Disk").fingerprint], acknowledgement) == 1)
            }
            time.advance(by: .seconds(50))
            try await writing.accept(Sample.transition(sequence, Sample.alert("Disk", "web-1", .resolved, since: begin, until: begin + 40 + round)))
            time.advance(by: .seconds(50))
        }
        try await writing.accept(Sample.transition(99, Sample.alert("Load", since: 300)))
        let reading = try await opened(config)
        let rules = try await reading.noise(from: Sample.at(0), to: Sample.at(1000))
        #expect(rules.map(\.alertname) == ["Disk", "Load"])
        let disk = try #require(rules.first)
        #expect((disk.episodes, disk.acknowledged, disk.flaps, disk.medianLength) == (3, 1, 2, .seconds(41)))
        // That somebody takes care is a message and no page.
        #expect(disk.pages == 3)
        #expect(disk.notifications == 7)
        #expect(try await reading.noise(from: Sample.at(1001), to: Sample.at(2000)).map(\.alertname) == ["Load"])
    }

    @Test func `history older than its retention goes, what fires or waits stays`() async throws {
        var config = Sample.config(Sample.route(wait: 0, interval: 1))
        config.history = HistoryConfig(retention: .seconds(86_400))
        let writing = notifier(config)
        try await running(writing) {
            try await writing.accept(Sample.transition(1, Sample.alert("Old")))
            try await writing.accept(Sample.transition(2, Sample.alert("Firing")))
            await settled(writing) { $0.pending == 0 }
        }
        time.advance(by: .seconds(10))
        try await writing.accept(Sample.transition(3, Sample.alert("Old", "web-1", .resolved, until: 10)))
        time.advance(by: .seconds(2 * 86_400))
        let later = notifier(config)
        try await later.accept(Sample.transition(4, Sample.alert("New", since: 172_810)))
        #expect(try await later.episodes(EpisodeQuery(limit: 10)).map(\.alert.name) == ["New", "Firing"])
        let old = Sample.alert("Old")
        let decisions = try await later.decisions(of: old.fingerprint, activeFrom: old.activeAt, to: old.activeAt)
        #expect(decisions == [])
        #expect(await later.notifications(limit: 10).filter { $0.state == .delivered }.isEmpty)
    }

    @Test func `a file over its size loses the oldest of its history, and not what fires`() throws {
        let store = try NotificationStore(path: folder("n.db"))
        let filler = String(repeating: "x", count: 900)
        try store.connection.transaction { () throws(SQLiteError) in
            for second in 0..<3000 {
                var alert = Sample.alert("Past", "web-\(second)", .resolved, since: second, until: second + 1)
                alert.annotations = ["summary": filler]
                try store.remember(Sample.transition(UInt64(second + 1), alert))
                try store.record(Decision(.resolved, of: alert, at: Sample.at(second + 1)))
            }
        }
        try store.remember(Sample.transition(1, Sample.alert("Firing", since: 1)))
        try store.prune(HistoryConfig(retention: .seconds(1 << 30), maxSize: 2 << 20), at: Sample.at(4000))
        let left = try HistoryTables(connection: store.connection).episodes(EpisodeQuery(limit: 10_000))
        #expect(left.last?.alert.name == "Firing")
        #expect(left.count > 500 && left.count < 2500)
        // The newest are there, without a hole.
        #expect(left.dropLast().map(\.alert.startsAt) == left.indices.dropLast().map { Sample.at(2999 - $0) })
    }

    private func settled(_ notifier: Notifier, _ isSettled: (NotifyingStatus) -> Bool) async {
        while !isSettled(await notifier.status()) { await Task.yield() }
    }
}
