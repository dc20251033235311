import Configuring
import Operating
import Telemetry
import Testing

@testable import Notifying

/// Escalation and acknowledgement with a clock of numbers: seconds after the start.
private struct Bench {
    var dispatcher: Dispatcher
    private var sequence: UInt64 = 0
    let config: NotifyingConfig

    init(_ config: NotifyingConfig) { (dispatcher, self.config) = (Dispatcher(config: config, at: Sample.at(0)), config) }

    mutating func take(_ alert: Alert, at second: Int) {
        sequence += 1
        dispatcher.accept(Sample.transition(sequence, alert), at: Sample.at(second))
    }

    /// Everything said from one second to another: `second receiver reason: alerts`.
    mutating func said(from first: Int, to last: Int) -> [String] {
        (first...last).flatMap { second in
            dispatcher.flush(at: Sample.at(second), pending: [:]).map { notification in
                let alerts = notification.alerts.map { "\($0.name)@\($0.labels["host"] ?? "")\($0.state == .resolved ? "-" : "+")" }
                return "\(second) \(notification.channel.receiver) \(notification.reason.rawValue): \(alerts.joined(separator: " "))"
            }
        }
    }

    mutating func acknowledge(_ alerts: Alert..., at second: Int) -> Int {
        let acknowledgement = AlertAcknowledgement(at: Sample.at(second), by: "ann", comment: "", via: "api")
        return dispatcher.acknowledge(alerts.map(\.fingerprint), acknowledgement, at: Sample.at(second))
    }

    mutating func kinds() -> [Decision.Kind] { dispatcher.takeChanges().decisions.map(\.kind) }

    /// As after a restart: only what the store would have (HistoryTests read it from the file).
    func restarted(at second: Int) -> Bench {
        var bench = self
        bench.dispatcher = Dispatcher(config: config, stored: dispatcher.snapshot, at: Sample.at(second))
        return bench
    }
}

@Suite struct EscalationTests {
    private static func receivers(_ names: String...) -> [Receiver] {
        names.map { Receiver(name: $0, webhooks: [WebhookConfig(url: Secret("http://127.0.0.1:1/\($0)"))]) }
    }

    private func config(_ steps: [EscalationStep], receiver: String = "ops", repeats: Int = 3600, onCall: [OnCallSchedule] = []) -> NotifyingConfig {
        var node = Sample.route(by: ["alertname"], wait: 0, interval: 60, repeats: repeats, receiver: receiver)
        node.escalation = steps
        var config = Sample.config(node, receivers: Self.receivers("ops", "second", "chief", "ann", "bob"))
        config.onCall = onCall
        return config
    }

    private let steps = [EscalationStep(after: .seconds(600), receiver: "second"), EscalationStep(after: .seconds(1200), receiver: "chief")]

    @Test func `who does not acknowledge is followed by the next, and all hear of the end`() {
        var bench = Bench(config(steps))
        bench.take(Sample.alert("Disk"), at: 0)
        #expect(bench.said(from: 0, to: 599) == ["0 ops first: Disk@web-1+"])
        #expect(bench.said(from: 600, to: 1199) == ["600 second escalated: Disk@web-1+"])
        #expect(bench.said(from: 1200, to: 2999) == ["1200 chief escalated: Disk@web-1+"])
        bench.take(Sample.alert("Disk", "web-1", .resolved, until: 3000), at: 3000)
        #expect(
            bench.said(from: 3000, to: 3100) == [
                "3000 ops all_resolved: Disk@web-1-", "3000 second all_resolved: Disk@web-1-", "3000 chief all_resolved: Disk@web-1-",
            ]
        )
        #expect(bench.dispatcher.groups.isEmpty)
        #expect(bench.said(from: 3101, to: 6000) == [])
    }

    @Test func `an acknowledgement ends repeats and escalation until the alert ends, and holds for that time only`() {
        var bench = Bench(config(steps, repeats: 300))
        let disk = Sample.alert("Disk")
        bench.take(disk, at: 0)
        #expect(bench.said(from: 0, to: 310) == ["0 ops first: Disk@web-1+", "300 ops repeat_interval: Disk@web-1+"])
        #expect(bench.acknowledge(disk, at: 311) == 1)
        #expect(bench.said(from: 311, to: 5000) == ["311 ops acknowledged: Disk@web-1+"])
        bench.take(Sample.alert("Disk", "web-1", .resolved, until: 5001), at: 5001)
        #expect(bench.said(from: 5001, to: 5100) == ["5040 ops all_resolved: Disk@web-1-"])
        // It fires another time: nobody has said that he takes care of that.
        bench.take(Sample.alert("Disk", since: 6000), at: 6000)
        #expect(
            bench.said(from: 6000, to: 6600) == [
                "6000 ops first: Disk@web-1+", "6300 ops repeat_interval: Disk@web-1+", "6600 second escalated: Disk@web-1+",
                "6600 ops repeat_interval: Disk@web-1+",
            ]
        )
    }

    @Test func `what joins an acknowledged group is told, and escalates by a clock of its own`() {
        var bench = Bench(config(steps))
        let first = Sample.alert("Disk", "a")
        bench.take(first, at: 0)
        #expect(bench.said(from: 0, to: 100).count == 1)
        #expect(bench.acknowledge(first, at: 101) == 1)
        bench.take(Sample.alert("Disk", "b", since: 110), at: 110)
        #expect(
            bench.said(from: 110, to: 779) == [
                "110 ops acknowledged: Disk@a+", "120 ops new_alerts: Disk@a+ Disk@b+", "720 second escalated: Disk@a+ Disk@b+",
            ]
        )
    }

    @Test func `an acknowledgement that is taken back lets the escalation begin anew`() {
        var bench = Bench(config(steps))
        let disk = Sample.alert("Disk")
        bench.take(disk, at: 0)
        _ = bench.said(from: 0, to: 10)
        #expect(bench.acknowledge(disk, at: 10) == 1)
        #expect(bench.said(from: 11, to: 1000) == ["11 ops acknowledged: Disk@web-1+"])
        let answers = [1, 2].map { _ in bench.dispatcher.unacknowledge(disk.fingerprint, by: "ann", at: Sample.at(1000)) }
        #expect(answers == [true, false])
        // Seen at the next look at the group, at 1020.
        #expect(bench.said(from: 1001, to: 1700) == ["1620 second escalated: Disk@web-1+"])
    }

    @Test func `a restart neither begins an escalation anew nor forgets an acknowledgement`() {
        var bench = Bench(config(steps))
        let (disk, load) = (Sample.alert("Disk"), Sample.alert("Load"))
        bench.take(disk, at: 0)
        bench.take(load, at: 0)
        _ = bench.said(from: 0, to: 10)
        #expect(bench.acknowledge(load, at: 10) == 1)
        var restarted = bench.restarted(at: 300)
        #expect(restarted.said(from: 300, to: 700) == ["600 second escalated: Disk@web-1+"])
        // While the program was away the next step fell due: it is taken at once, and only once.
        var late = restarted.restarted(at: 1500)
        #expect(late.said(from: 1500, to: 3000) == ["1500 chief escalated: Disk@web-1+"])
        var again = late.restarted(at: 3001)
        #expect(again.said(from: 3001, to: 3500) == [])
    }

    @Test func `a silence ends the escalation, and nobody can acknowledge what does not fire`() throws {
        var bench = Bench(config(steps))
        let disk = Sample.alert("Disk")
        #expect(bench.acknowledge(disk, at: 0) == 0)
        bench.take(disk, at: 0)
        _ = bench.said(from: 0, to: 10)
        let silence = Silence(
            id: UUID(high: 1, low: 1),
            matchers: ["alertname=\"Disk\""],
            startsAt: Sample.at(10),
            endsAt: Sample.at(9000),
            createdBy: "ops",
            comment: "repair"
        )
        try bench.dispatcher.silences.add(silence, at: Sample.at(10))
        #expect(bench.said(from: 11, to: 2000) == [])
        let kinds = bench.kinds()
        #expect(kinds == [.routed, .grouped, .silenced])
    }

    /// Ann and Bob in turn, a day each, from ten minutes past midnight.
    private static let rota = OnCallSchedule(
        name: "primary",
        zone: .utc,
        days: 1,
        firstDay: CivilDate(daysSinceEpoch: Sample.start.nanoseconds / 86_400_000_000_000),
        handover: 10,
        people: ["ann", "bob"]
    )

    @Test func `a rota's person is told, and at the handover the next one while it still fires`() {
        var bench = Bench(config([], receiver: "oncall:primary", onCall: [Self.rota]))
        // The start is midnight: until 00:10 it is the turn of the day before.
        bench.take(Sample.alert("Disk"), at: 0)
        #expect(bench.said(from: 0, to: 599) == ["0 bob first: Disk@web-1+"])
        #expect(bench.said(from: 600, to: 660) == ["600 ann handed_over: Disk@web-1+"])
        bench.take(Sample.alert("Disk", "web-1", .resolved, until: 700), at: 700)
        #expect(bench.said(from: 661, to: 800) == ["720 ann all_resolved: Disk@web-1-", "720 bob all_resolved: Disk@web-1-"])
    }

    @Test func `a rota's notifications count against the limit of who has the duty`() {
        func bench(window: Duration) -> Bench {
            var config = self.config([], receiver: "oncall:primary", onCall: [Self.rota])
            config.route = RouteTree(root: Sample.route(by: ["host"], wait: 0, interval: 60, receiver: "oncall:primary"))
            config.receivers = config.receivers.map { receiver in
                var limited = receiver
                if receiver.name == "bob" { limited.rateLimit = .of(count: 1, window: window) }
                return limited
            }
            var bench = Bench(config)
            for host in ["a", "b", "c"] { bench.take(Sample.alert("Disk", host), at: 0) }
            return bench
        }
        var short = bench(window: .seconds(300))
        #expect(short.said(from: 0, to: 599) == ["0 bob first: Disk@a+", "300 bob digest: Disk@b+ Disk@c+"])
        // Who has no limit does not wait for that of the one before.
        var long = bench(window: .seconds(3_000))
        #expect(long.said(from: 0, to: 599) == ["0 bob first: Disk@a+"])
        #expect(long.said(from: 600, to: 700).sorted() == ["600 ann first: Disk@b+", "600 ann first: Disk@c+", "600 ann handed_over: Disk@a+"])
        #expect(long.said(from: 2_900, to: 3_100) == [])
    }

    @Test func `what somebody takes care of is not handed over`() {
        var bench = Bench(config([], receiver: "oncall:primary", onCall: [Self.rota]))
        let disk = Sample.alert("Disk")
        bench.take(disk, at: 0)
        _ = bench.said(from: 0, to: 10)
        #expect(bench.acknowledge(disk, at: 11) == 1)
        #expect(bench.said(from: 12, to: 1000) == ["12 bob acknowledged: Disk@web-1+"])
    }

    @Test func `each decision on the way is on record with its reason`() {
        var bench = Bench(config(steps))
        let disk = Sample.alert("Disk")
        bench.take(disk, at: 0)
        _ = bench.said(from: 0, to: 600)
        _ = bench.acknowledge(disk, at: 601)
        _ = bench.dispatcher.unacknowledge(disk.fingerprint, by: "bob", at: Sample.at(602))
        let decisions = bench.dispatcher.takeChanges().decisions
        #expect(decisions.map(\.kind) == [.routed, .grouped, .escalated, .acknowledged, .unacknowledged])
        #expect(decisions.allSatisfy { $0.subject == .alert(disk.episode) })
        #expect(decisions[0].details == ["route": "{}", "receiver": "ops"])
        #expect(decisions[2].details == ["step": "1", "after": "600s", "receiver": "second"])
        #expect(decisions[2].at == Sample.at(600))
        #expect(decisions[3].details["by"] == "ann")
    }
}
