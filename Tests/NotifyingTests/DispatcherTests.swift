import Configuring
import Telemetry
import Testing

@testable import Notifying

/// The dispatcher with a clock of numbers: seconds after the start.
private struct Bench {
    var dispatcher: Dispatcher
    private var sequence: UInt64 = 0
    var pending: [String: Int] = [:]

    init(_ config: NotifyingConfig) { dispatcher = Dispatcher(config: config, at: Sample.at(0)) }

    mutating func take(_ alert: Alert, at second: Int, historyOnly: Bool = false, reason: String? = nil) {
        sequence += 1
        var transition = Sample.transition(sequence, alert, historyOnly: historyOnly)
        if let reason { transition.reason = reason }
        dispatcher.accept(transition, at: Sample.at(second))
    }

    /// What is said at this second: `channel kind, reason: alerts`.
    mutating func said(at second: Int) -> [String] {
        dispatcher.flush(at: Sample.at(second), pending: pending).map { notification in
            let alerts = notification.alerts.map { "\($0.labels["alertname"] ?? "")@\($0.labels["host"] ?? "")\($0.state == .resolved ? "-" : "+")" }
            return "\(notification.channel.kind.rawValue) \(notification.reason.rawValue): \(alerts.joined(separator: " "))"
        }
    }

    /// Everything said from one second to another, each with its second.
    mutating func said(from first: Int, to last: Int) -> [String] {
        (first...last).flatMap { second in said(at: second).map { "\(second) \($0)" } }
    }

    /// As after a restart: only what the store would have.
    func restarted(_ config: NotifyingConfig, at second: Int) -> Bench {
        var stored = Dispatcher.Stored()
        stored.alerts = Array(dispatcher.alerts.values)
        stored.groups = dispatcher.groups.values.map {
            Dispatcher.Stored.Group(key: $0.key, nextFlush: $0.nextFlush, hasFlushed: $0.hasFlushed, isHeld: $0.isHeld, told: $0.told)
        }
        stored.limits = dispatcher.limits.map { Dispatcher.Stored.Limit(key: $0.key, tokens: $0.value.tokens, updatedAt: $0.value.updatedAt) }
        stored.silences = dispatcher.silences.all
        var bench = self
        bench.dispatcher = Dispatcher(config: config, stored: stored, at: Sample.at(second))
        return bench
    }
}

@Suite struct DispatcherTests {
    @Test func `that an alert flaps is said though people know that it fires, once, and with the next message of its group`() {
        var bench = Bench(Sample.config(Sample.route()))
        bench.take(Sample.alert("Disk", "a"), at: 0)
        bench.take(Sample.alert("Disk", "b"), at: 0)
        #expect(bench.said(from: 0, to: 12) == ["10 webhook first: Disk@a+ Disk@b+"])
        bench.take(Sample.alert("Disk", "a"), at: 20, reason: "flapping")
        bench = bench.restarted(Sample.config(Sample.route()), at: 30)
        #expect(bench.said(from: 30, to: 200) == ["70 webhook new_alerts: Disk@a+ Disk@b+"])
        bench.take(Sample.alert("Disk", "a", .resolved, since: 0, until: 210), at: 210, reason: "steady")
        #expect(
            bench.said(from: 210, to: 300).map { String($0.split(separator: " ", maxSplits: 1)[1]) } == ["webhook some_resolved: Disk@b+ Disk@a-"]
        )
    }

    @Test func `a group is told after group_wait, additions after group_interval, the end at once with the interval`() {
        var bench = Bench(Sample.config(Sample.route()))
        bench.take(Sample.alert("Disk", "a"), at: 0)
        bench.take(Sample.alert("Disk", "b", since: 3), at: 3)
        #expect(bench.said(from: 0, to: 12) == ["10 webhook first: Disk@a+ Disk@b+"])
        bench.take(Sample.alert("Disk", "c", since: 20), at: 20)
        #expect(bench.said(from: 20, to: 69).isEmpty)
        #expect(bench.said(at: 70) == ["webhook new_alerts: Disk@a+ Disk@b+ Disk@c+"])
        bench.take(Sample.alert("Disk", "b", .resolved, since: 3, until: 80), at: 80)
        #expect(bench.said(from: 80, to: 130) == ["130 webhook some_resolved: Disk@a+ Disk@c+ Disk@b-"])
        bench.take(Sample.alert("Disk", "a", .resolved, since: 0, until: 140), at: 140)
        bench.take(Sample.alert("Disk", "c", .resolved, since: 20, until: 141), at: 141)
        #expect(bench.said(from: 140, to: 190) == ["190 webhook all_resolved: Disk@a- Disk@c-"])
        #expect(bench.dispatcher.groups.isEmpty)
        #expect(bench.dispatcher.alerts.isEmpty)
        #expect(bench.dispatcher.nextDeadline.map { $0 <= Sample.at(190) } != true)
    }

    @Test func `with group_wait 0 a transition is told in the same moment`() {
        var bench = Bench(Sample.config(Sample.route(wait: 0, interval: 1)))
        bench.take(Sample.alert("Disk"), at: 0)
        #expect(bench.said(at: 0) == ["webhook first: Disk@web-1+"])
    }

    @Test func `what still fires is repeated after repeat_interval, and not before`() {
        var bench = Bench(Sample.config(Sample.route(wait: 0, interval: 60, repeats: 150)))
        bench.take(Sample.alert("Disk"), at: 0)
        let said = bench.said(from: 0, to: 400)
        #expect(said == ["0 webhook first: Disk@web-1+", "180 webhook repeat_interval: Disk@web-1+", "360 webhook repeat_interval: Disk@web-1+"])
    }

    @Test func `an alert that is over before group_wait has passed is nobody's news`() {
        var bench = Bench(Sample.config(Sample.route()))
        bench.take(Sample.alert("Disk"), at: 0)
        bench.take(Sample.alert("Disk", "web-1", .resolved, until: 5), at: 5)
        #expect(bench.said(from: 0, to: 100).isEmpty)
        #expect(bench.dispatcher.groups.isEmpty)
    }

    @Test func `what fired and was over while its host was offline is for the history, what still fires is told at once`() {
        var bench = Bench(Sample.config(Sample.route(wait: 30)))
        bench.take(Sample.alert("Disk", "a", .resolved, since: -9000, until: -8000), at: 0, historyOnly: true)
        bench.take(Sample.alert("Disk", "b", since: -9000), at: 0)
        #expect(bench.said(at: 0) == ["webhook first: Disk@b+"])
    }

    @Test func `alerts are grouped by the labels of group_by, and each alone by three dots`() {
        var byHost = Bench(Sample.config(Sample.route(by: ["host"], wait: 0)))
        byHost.take(Sample.alert("Disk", "a"), at: 0)
        byHost.take(Sample.alert("Load", "a"), at: 0)
        byHost.take(Sample.alert("Disk", "b"), at: 0)
        #expect(byHost.said(at: 0) == ["webhook first: Disk@a+ Load@a+", "webhook first: Disk@b+"])
        var root = Sample.route(wait: 0)
        root.groupBy = .all
        var alone = Bench(Sample.config(root))
        alone.take(Sample.alert("Disk", "a"), at: 0)
        alone.take(Sample.alert("Load", "a"), at: 0)
        #expect(alone.said(at: 0).count == 2)
    }

    @Test func `the first matching route takes an alert, further ones when it continues, and none leaves it to the parent`() {
        let receivers = ["ops", "db", "night"].map { Receiver(name: $0, webhooks: [WebhookConfig(url: Secret("http://127.0.0.1:1/"))]) }
        let tree = Sample.route(
            wait: 0,
            routes: [
                Sample.route(wait: 0, matchers: "severity=\"critical\"", continues: true, receiver: "night"),
                Sample.route(wait: 0, matchers: "host=~\"db-.*\"", receiver: "db"),
                Sample.route(wait: 0, matchers: "host=~\"db-.*\"", receiver: "ops"),
            ]
        )
        let routes = RouteTree(root: tree)
        func takers(of alert: Alert) -> [String] { routes.routes(for: alert.labels).map(\.receiver) }
        #expect(takers(of: Sample.alert("Disk", "db-1", severity: "critical")) == ["night", "db"])
        #expect(takers(of: Sample.alert("Disk", "db-1")) == ["db"])
        #expect(takers(of: Sample.alert("Disk", "web-1", severity: "critical")) == ["night"])
        #expect(takers(of: Sample.alert("Disk", "web-1")) == ["ops"])
        #expect(Set(routes.all.map(\.key)).count == 4)
        var bench = Bench(Sample.config(tree, receivers: receivers))
        bench.take(Sample.alert("Disk", "db-1", severity: "critical"), at: 0)
        #expect(bench.said(at: 0).count == 2)
        #expect(bench.dispatcher.groups.keys.sorted().first == "{}/{host=~\"db-.*\"}:{alertname=\"Disk\"}")
    }

    @Test func `a child route inherits what it does not say`() {
        let child = RouteTree.Node(groupWait: .seconds(1), matchers: Sample.matchers("a=b"))
        let route = RouteTree(root: Sample.route(by: ["host"], wait: 7, interval: 8, repeats: 9, routes: [child])).root.children[0]
        #expect(route.receiver == "ops")
        #expect(route.groupBy == .labels(["host"]))
        #expect(route.groupWait == .seconds(1))
        #expect(route.groupInterval == .seconds(8))
        #expect(route.repeatInterval == .seconds(9))
        let defaults = RouteTree(root: RouteTree.Node(receiver: "ops")).root
        #expect((defaults.groupWait, defaults.groupInterval, defaults.repeatInterval) == (.seconds(30), .seconds(300), .seconds(14_400)))
    }

    @Test func `an inhibited alert is told when its inhibitor is over, and its own end is told when its firing was`() {
        let rule = InhibitRule(
            source: Sample.matchers("alertname=\"HostDown\""),
            target: Sample.matchers("severity=~\"warning|critical\""),
            equal: ["host"]
        )
        var bench = Bench(Sample.config(Sample.route(wait: 0), inhibit: [rule]))
        bench.take(Sample.alert("HostDown", "a", severity: "critical"), at: 0)
        bench.take(Sample.alert("Disk", "a"), at: 0)
        bench.take(Sample.alert("Disk", "b"), at: 0)
        // HostDown matches the target too, and does not silence itself.
        #expect(bench.said(at: 0) == ["webhook first: Disk@b+", "webhook first: HostDown@a+"])
        #expect(bench.dispatcher.muting(of: Sample.alert("Disk", "a"), at: Sample.at(1)) != nil)
        bench.take(Sample.alert("HostDown", "a", .resolved, until: 30, severity: "critical"), at: 30)
        #expect(bench.said(from: 30, to: 60) == ["60 webhook new_alerts: Disk@a+ Disk@b+", "60 webhook all_resolved: HostDown@a-"])
        bench.take(Sample.alert("HostDown", "a", since: 70, severity: "critical"), at: 70)
        bench.take(Sample.alert("Disk", "a", .resolved, until: 80), at: 80)
        #expect(bench.said(from: 70, to: 120) == ["70 webhook first: HostDown@a+", "120 webhook some_resolved: Disk@b+ Disk@a-"])
    }

    @Test func `a silenced alert is not told until the silence ends`() throws {
        var bench = Bench(Sample.config(Sample.route(wait: 0)))
        try bench.dispatcher.silences.add(
            Silence(
                id: UUID(high: 0, low: 1),
                matchers: ["alertname=\"Disk\""],
                startsAt: Sample.at(0),
                endsAt: Sample.at(100),
                createdBy: "ops",
                comment: "repair"
            ),
            at: Sample.at(0)
        )
        bench.take(Sample.alert("Disk"), at: 0)
        bench.take(Sample.alert("Load"), at: 0)
        #expect(bench.said(from: 0, to: 119) == ["0 webhook first: Load@web-1+"])
        #expect(bench.said(at: 120) == ["webhook first: Disk@web-1+"])
    }

    @Test func `each channel is told what it wants: resolved alerts only where send_resolved is on`() {
        var bench = Bench(Sample.config(Sample.route(wait: 0), mails: true))
        bench.take(Sample.alert("Disk"), at: 0)
        #expect(bench.said(at: 0) == ["webhook first: Disk@web-1+", "email first: Disk@web-1+"])
        bench.take(Sample.alert("Disk", "web-1", .resolved, until: 10), at: 10)
        #expect(bench.said(from: 10, to: 60) == ["60 webhook all_resolved: Disk@web-1-"])
        bench.take(Sample.alert("Disk", since: 70), at: 70)
        #expect(bench.said(at: 70) == ["webhook first: Disk@web-1+", "email first: Disk@web-1+"])
    }

    @Test func `a restart in the middle of group_wait changes nothing`() {
        let config = Sample.config(Sample.route())
        var bench = Bench(config)
        bench.take(Sample.alert("Disk", "a"), at: 0)
        bench = bench.restarted(config, at: 4)
        #expect(bench.said(from: 4, to: 9).isEmpty)
        #expect(bench.said(at: 10) == ["webhook first: Disk@a+"])
        bench = bench.restarted(config, at: 20)
        #expect(bench.said(from: 20, to: 200).isEmpty)
        bench.take(Sample.alert("Disk", "a", .resolved, until: 200), at: 200)
        bench = bench.restarted(config, at: 201)
        #expect(
            bench.said(from: 201, to: 400).map { $0.split(separator: " ").dropFirst().joined(separator: " ") } == ["webhook all_resolved: Disk@a-"]
        )
    }

    @Test func `a group that was due while the aggregator was away is told when it is back`() {
        let config = Sample.config(Sample.route())
        var bench = Bench(config)
        bench.take(Sample.alert("Disk", "a"), at: 0)
        bench = bench.restarted(config, at: 5000)
        #expect(bench.said(at: 5000) == ["webhook first: Disk@a+"])
    }

    @Test func `what is over the rate limit is folded into one digest when the next token is there`() {
        let limit = RouteTree.RateLimit.of(count: 2, window: .seconds(600))
        var bench = Bench(Sample.config(Sample.route(by: ["alertname", "host"], wait: 0, interval: 60, limit: limit)))
        for number in 1...5 { bench.take(Sample.alert("Disk", "h\(number)"), at: 0) }
        #expect(bench.said(at: 0) == ["webhook first: Disk@h1+", "webhook first: Disk@h2+"])
        bench.take(Sample.alert("Disk", "h5", .resolved, until: 10), at: 10)
        // One token in 300 s.
        #expect(bench.dispatcher.nextDeadline == Sample.at(60))
        #expect(bench.said(from: 1, to: 299).isEmpty)
        #expect(bench.said(at: 300) == ["webhook digest: Disk@h3+ Disk@h4+"])
        bench.take(Sample.alert("Disk", "h3", .resolved, until: 310), at: 310)
        let later = bench.said(from: 310, to: 700)
        #expect(later == ["600 webhook all_resolved: Disk@h3-"])
    }

    @Test func `a held group waits on through a restart`() {
        let config = Sample.config(
            Sample.route(by: ["host"], wait: 0, interval: 60, limit: .of(count: 1, window: .seconds(300)))
        )
        var bench = Bench(config)
        for host in ["a", "b", "c"] { bench.take(Sample.alert("Disk", host), at: 0) }
        #expect(bench.said(at: 0) == ["webhook first: Disk@a+"])
        bench = bench.restarted(config, at: 100)
        #expect(bench.said(from: 100, to: 299).isEmpty)
        #expect(bench.said(at: 300) == ["webhook digest: Disk@b+ Disk@c+"])
    }

    @Test func `a channel at its limit is told later, with the state of then, and nothing is lost`() {
        var bench = Bench(Sample.config(Sample.route(wait: 0), mails: true))
        bench.pending = ["ops/webhook/0": NotifyingLimits.pendingPerChannelMax]
        bench.take(Sample.alert("Disk", "a"), at: 0)
        #expect(bench.said(at: 0) == ["email first: Disk@a+"])
        bench.take(Sample.alert("Disk", "b", since: 10), at: 10)
        bench.pending = [:]
        #expect(bench.said(at: 60) == ["webhook first: Disk@a+ Disk@b+", "email new_alerts: Disk@a+ Disk@b+"])
        bench.take(Sample.alert("Disk", "a", .resolved, until: 70), at: 70)
        bench.take(Sample.alert("Disk", "b", .resolved, since: 10, until: 70), at: 70)
        bench.pending = ["ops/webhook/0": NotifyingLimits.pendingPerChannelMax]
        #expect(bench.said(at: 120).isEmpty)
        bench.pending = [:]
        #expect(bench.said(at: 180) == ["webhook all_resolved: Disk@a- Disk@b-"])
        #expect(bench.dispatcher.groups.isEmpty)
    }

    @Test func `a changed configuration routes what fires anew and forgets the groups that are no more`() {
        let before = Sample.config(Sample.route(by: ["alertname"], wait: 0))
        var bench = Bench(before)
        bench.take(Sample.alert("Disk"), at: 0)
        _ = bench.said(at: 0)
        bench = bench.restarted(before, at: 10)
        #expect(bench.said(from: 10, to: 100).isEmpty)
        bench = bench.restarted(Sample.config(Sample.route(by: ["host"], wait: 0)), at: 110)
        #expect(bench.said(at: 110) == ["webhook first: Disk@web-1+"])
        #expect(bench.dispatcher.takeChangesForTest().groups.contains("{}:{alertname=\"Disk\"}"))
    }
}

extension Dispatcher {
    fileprivate func takeChangesForTest() -> Changes {
        var copy = self
        return copy.takeChanges()
    }
}
