import Telemetry
import TestSupport
import Testing

@testable import Correlating

/// Alerts that another system sends, as a Prometheus does: again and again while they fire, with an end that moves ahead.
@Suite struct OtherAlertsTests {
    private var book = AlertBook(expireAfter: .seconds(300))

    private func alert(_ name: String = "Up", since start: Int, until end: Int, sent: Int, _ labels: Labels = [:]) -> Alert {
        Alert(
            labels: labels.merged(over: ["alertname": name]),
            state: end <= sent ? .resolved : .firing,
            activeAt: Scene.at(start),
            startsAt: Scene.at(start),
            endsAt: Scene.at(end),
            value: 0,
            updatedAt: Scene.at(sent),
            expression: "http://prometheus:9090/graph"
        )
    }

    private mutating func take(_ alert: Alert, _ now: Int) -> AlertDecision? { book.takeOther(alert, at: Scene.place(1), now: Scene.at(now)) }
    private mutating func expire(_ now: Int) -> [AlertDecision] { book.expireOthers(now: Scene.at(now)) }

    @Test mutating func `it is told once, its repeats move its end ahead, and its end is told once`() {
        let first = take(alert(since: 0, until: 240, sent: 0), 0)
        #expect(first?.reason == .fired)
        #expect(first?.alert.endsAt == nil)
        #expect(take(alert(since: 0, until: 300, sent: 60), 60) == nil)
        #expect(expire(299).isEmpty)
        #expect(book.nextExpiry == Scene.at(300))
        let end = take(alert(since: 0, until: 280, sent: 285), 285)
        #expect(end?.reason == .resolved)
        #expect(end?.alert.endsAt == Scene.at(280))
        // Prometheus repeats an end for a quarter of an hour.
        #expect(take(alert(since: 0, until: 280, sent: 345), 345) == nil)
        #expect(expire(300).isEmpty)
        #expect(book.nextExpiry == nil)
        #expect(take(alert(since: 400, until: 640, sent: 400), 400)?.previous == .resolved)
    }

    @Test mutating func `the end that one sender tells is not the end of what another sends`() {
        let (first, second) = ("prom-a", "prom-b")
        #expect(take(alert(since: 0, until: 240, sent: 0).sent(by: first), 0)?.reason == .fired)
        let other = take(alert(since: 5, until: 245, sent: 5).sent(by: second), 5)
        #expect(other?.alert.annotations == .empty)
        #expect(book.entries.values.map(\.origin).sorted() == ["outside prom-a", "outside prom-b"])
        // Each for itself; that people hear of one alert is another matter.
        #expect(take(alert(since: 0, until: 10, sent: 20).sent(by: first), 20)?.key != other?.key)
        #expect(expire(244).isEmpty)
        #expect(expire(245).map(\.key) == [other?.key].compactMap { $0 })
        // All senders share the limit.
        #expect(book.otherCount == 2)
    }

    @Test mutating func `one that is not repeated is over at its end`() {
        _ = take(alert(since: 0, until: 240, sent: 0), 0)
        // A repeat with an earlier end does not take back what was promised.
        #expect(take(alert(since: 0, until: 100, sent: 10), 10) == nil)
        #expect(expire(239).isEmpty)
        let over = expire(240)
        #expect(over.map(\.reason) == [.expired])
        #expect(over.map(\.alert.endsAt) == [Scene.at(240)])
        #expect(expire(300).isEmpty)
    }

    @Test mutating func `an end of something that we never heard of is nobody's news`() {
        #expect(take(alert(since: 0, until: 50, sent: 60), 60) == nil)
        #expect(book.entries.isEmpty)
    }

    @Test mutating func `after our own absence its sender gets time to say again that it fires`() {
        _ = take(alert("A", since: 0, until: 240, sent: 0), 0)
        _ = take(alert("B", since: 0, until: 240, sent: 0), 0)
        book.resumeOthers(at: Scene.at(1000))
        #expect(expire(1119).isEmpty)
        #expect(take(alert("A", since: 0, until: 1260, sent: 1020), 1020) == nil)
        let over = expire(1120)
        #expect(over.map(\.alert.name) == ["B"])
        #expect(over.map(\.alert.endsAt) == [Scene.at(240)])
        #expect(expire(1260).map(\.alert.name) == ["A"])
    }

    @Test mutating func `the same labels of an agent are another alert`() {
        let labels = Scene.labels("DiskFull")
        #expect(book.take(Scene.firing(since: 0), at: Scene.place(1), of: "web-1", now: Scene.at(1)) != nil)
        #expect(take(alert("DiskFull", since: 0, until: 240, sent: 1, labels), 1)?.reason == .fired)
        #expect(take(alert("DiskFull", since: 0, until: 2, sent: 3, labels), 3)?.reason == .resolved)
        #expect(book.live == [AlertKey(host: "web-1", fingerprint: labels.fingerprint)])
        #expect(book.forget(host: "web-1", now: Scene.at(9)).count == 1)
    }

    @Test mutating func `they have a limit of their own, and over it the rest goes on`() {
        for number in 0..<CorrelatingLimits.otherAlertsMax { _ = take(alert("A\(number)", since: 0, until: 240, sent: 0), 0) }
        #expect(take(alert("more", since: 0, until: 240, sent: 0), 0) == nil)
        #expect(book.refusedOverLimit == 1)
        #expect(take(alert("A7", since: 0, until: 5, sent: 6), 6)?.reason == .resolved)
        #expect(book.take(Scene.firing(since: 5), at: Scene.place(1), of: "web-1", now: Scene.at(6)) != nil)
    }

    @Test(
        arguments: [
            (["host": "web-1", "instance": "x:9"], "web-1"), (["instance": "db-1:9100"], "db-1"), (["instance": "db-1"], "db-1"),
            (["instance": "https://shop.example.org/x"], "https://shop.example.org/x"), (["team": "x"], ""),
        ] as [(Labels, String)]
    )
    func `its incident is that of the host it names`(labels: Labels, host: String) {
        let alert = alert(since: 0, until: 240, sent: 0, labels)
        let decision = AlertDecision(key: AlertKey(host: AlertBook.others, fingerprint: alert.fingerprint), alert: alert, reason: .fired)
        #expect(decision.incidentHost == host)
    }

    @Test func `they live on through restarts: no repeat is told, and the end is`() {
        var stored = StoredCorrelation(nextSequence: 1)
        let config = CorrelatingConfig(path: "")
        let makeID = Scene.counter()
        func facts(_ alerts: [Alert], _ now: Int) -> BlockFacts {
            let contact = Contact(host: "", agent: UUID(high: 0, low: 0), tags: [], kind: .alerts, dataAt: Scene.at(now), receivedAt: Scene.at(now))
            return BlockFacts(contact: contact, origin: Scene.place(1), alerts: alerts)
        }
        var told: [String] = []
        for (now, end) in [(0, 240), (60, 300), (120, 360), (1000, 1240), (1060, 1050), (1061, 1050)] {
            var correlation = Correlation(config: config, restoring: stored, makeID: makeID)
            correlation.resume(at: Scene.at(now))
            let transitions =
                correlation.judge(now: Scene.at(now), mayBlameHosts: true)
                + correlation.take(facts([alert(since: 0, until: end, sent: now)], now), now: Scene.at(now))
            told += transitions.map { "\(now) \($0.reason)" }
            let changes = correlation.takeChanges()
            stored.alerts = changes.alerts.values.compactMap { $0 } + stored.alerts.filter { changes.alerts[$0.key] == nil }
            stored.incidents = changes.incidents
            stored.nextSequence = changes.nextSequence
        }
        #expect(told == ["0 fired", "1060 resolved"])
    }
}
