import Configuring
import Telemetry
import Testing

@testable import Notifying

/// Times in which routes tell nobody, and limits of receivers; the clock is one of numbers, from midnight UTC on.
@Suite struct MutingTests {
    /// From the 100th to the 199th minute of each day.
    private static let pause = [TimeInterval(times: [100..<200])]

    private func config(_ change: (inout RouteTree.Node) -> Void, receivers: [Receiver]? = nil) -> NotifyingConfig {
        var child = Sample.route(wait: 0, interval: 600, repeats: 36_000, matchers: "severity=\"warning\"")
        change(&child)
        var config = Sample.config(Sample.route(wait: 0, interval: 600, repeats: 36_000, routes: [child]), receivers: receivers)
        config.timeIntervals = ["pause": Self.pause]
        return config
    }

    private func minute(_ number: Int) -> Timestamp { Sample.at(number * 60) }

    private func said(_ dispatcher: inout Dispatcher, from first: Int, to last: Int) -> [String] {
        (first...last).flatMap { number in
            dispatcher.flush(at: minute(number), pending: [:]).map { notification in
                let alerts = notification.alerts.map { "\($0.name)@\($0.labels["host"] ?? "")\($0.state == .resolved ? "-" : "+")" }
                return "\(number) \(notification.channel.receiver) \(notification.reason.rawValue): \(alerts.joined(separator: " "))"
            }
        }
    }

    private func expect(
        _ dispatcher: inout Dispatcher,
        from first: Int,
        to last: Int,
        _ wanted: [String],
        at place: SourceLocation = #_sourceLocation
    ) {
        let heard = said(&dispatcher, from: first, to: last)
        #expect(heard == wanted, sourceLocation: place)
    }

    @Test func `a route that is muted tells nobody, and what still fires at the next interval behind it`() {
        let config = config { $0.mutedDuring = ["pause"] }
        var dispatcher = Dispatcher(config: config, at: minute(0))
        dispatcher.accept(Sample.transition(1, Sample.alert("Disk", "a", since: 105 * 60)), at: minute(105))
        dispatcher.accept(Sample.transition(2, Sample.alert("Load", "a", since: 105 * 60, severity: "critical")), at: minute(105))
        expect(&dispatcher, from: 105, to: 300, ["105 ops first: Load@a+", "205 ops first: Disk@a+"])
        let route = dispatcher.config.route.root.children[0]
        #expect(config.pause(of: route, at: minute(199)) == .muted(by: "pause"))
        #expect(config.pause(of: route, at: minute(200)) == nil)
        // A day later again.
        #expect(config.pause(of: route, at: minute(24 * 60 + 100)) == .muted(by: "pause"))
    }

    @Test func `a route with active times tells somebody then alone`() {
        let config = config { $0.activeDuring = ["pause"] }
        var dispatcher = Dispatcher(config: config, at: minute(0))
        dispatcher.accept(Sample.transition(1, Sample.alert("Disk", "a")), at: minute(0))
        expect(&dispatcher, from: 0, to: 150, ["100 ops first: Disk@a+"])
        #expect(config.pause(of: dispatcher.config.route.root.children[0], at: minute(50)) == .inactive)
    }

    @Test func `whoever was told before the pause is told of the end behind it, and nobody of what came and went in it`() {
        var dispatcher = Dispatcher(config: config { $0.mutedDuring = ["pause"] }, at: minute(0))
        dispatcher.accept(Sample.transition(1, Sample.alert("Disk", "a", since: 95 * 60)), at: minute(95))
        expect(&dispatcher, from: 95, to: 104, ["95 ops first: Disk@a+"])
        dispatcher.accept(Sample.transition(2, Sample.alert("Disk", "b", since: 110 * 60)), at: minute(110))
        dispatcher.accept(Sample.transition(3, Sample.alert("Disk", "a", .resolved, since: 95 * 60, until: 120 * 60)), at: minute(120))
        dispatcher.accept(Sample.transition(4, Sample.alert("Disk", "b", .resolved, since: 110 * 60, until: 130 * 60)), at: minute(130))
        expect(&dispatcher, from: 105, to: 300, ["205 ops all_resolved: Disk@a-"])
        #expect(dispatcher.groups.isEmpty && dispatcher.alerts.isEmpty)
        dispatcher.accept(Sample.transition(5, Sample.alert("Disk", "c", since: 1550 * 60)), at: minute(1550))
        dispatcher.accept(Sample.transition(6, Sample.alert("Disk", "c", .resolved, since: 1550 * 60, until: 1555 * 60)), at: minute(1555))
        expect(&dispatcher, from: 1550, to: 1700, [])
        #expect(dispatcher.groups.isEmpty && dispatcher.alerts.isEmpty)
    }

    // MARK: Limits of receivers

    private func receivers(_ limit: RouteTree.RateLimit) -> [Receiver] {
        ["ops", "db"].map { Receiver(name: $0, webhooks: [WebhookConfig(url: Secret("http://127.0.0.1:1/"))], rateLimit: $0 == "db" ? limit : nil) }
    }

    @Test func `a receiver's limit holds for all routes that lead to it, and folds what is over it into one digest`() {
        var root = Sample.route(by: ["host"], wait: 0, interval: 600, repeats: 360_000)
        for severity in ["warning", "critical"] {
            root.routes.append(
                Sample.route(by: ["host"], wait: 0, interval: 600, repeats: 360_000, matchers: "severity=\"\(severity)\"", receiver: "db")
            )
        }
        let config = Sample.config(root, receivers: receivers(.of(count: 2, window: .seconds(6000))))
        var dispatcher = Dispatcher(config: config, at: minute(0))
        for (index, severity) in ["warning", "critical", "warning", "critical"].enumerated() {
            dispatcher.accept(Sample.transition(UInt64(index), Sample.alert("Disk", "h\(index)", severity: severity)), at: minute(0))
        }
        dispatcher.accept(Sample.transition(9, Sample.alert("Disk", "h9", severity: "info")), at: minute(0))
        expect(
            &dispatcher,
            from: 0,
            to: 60,
            [
                "0 db first: Disk@h1+", "0 db first: Disk@h3+", "0 ops first: Disk@h9+", "50 db digest: Disk@h0+ Disk@h2+",
            ]
        )
        #expect(dispatcher.limits["receiver:db"]?.held.isEmpty == true)
        // The same after a restart: no token but what time has brought.
        var again = Dispatcher(config: config, stored: dispatcher.snapshot, at: minute(60))
        again.accept(Sample.transition(20, Sample.alert("Disk", "h20")), at: minute(60))
        expect(&again, from: 60, to: 120, ["100 db first: Disk@h20+"])
    }

    @Test func `where the route and its receiver both have a limit, a notification needs a token of each`() {
        var root = Sample.route(by: ["host"], wait: 0, interval: 6000, repeats: 360_000)
        root.routes = [
            Sample.route(
                by: ["host"],
                wait: 0,
                interval: 6000,
                repeats: 360_000,
                limit: .of(count: 1, window: .seconds(1200)),
                matchers: "severity=\"warning\"",
                receiver: "db"
            ),
            Sample.route(by: ["host"], wait: 0, interval: 6000, repeats: 360_000, matchers: "severity=\"critical\"", receiver: "db"),
        ]
        var dispatcher = Dispatcher(config: Sample.config(root, receivers: receivers(.of(count: 2, window: .seconds(6000)))), at: minute(0))
        dispatcher.accept(Sample.transition(1, Sample.alert("Disk", "a")), at: minute(0))
        dispatcher.accept(Sample.transition(2, Sample.alert("Disk", "b")), at: minute(0))
        dispatcher.accept(Sample.transition(3, Sample.alert("Disk", "c", severity: "critical")), at: minute(0))
        // c and a use the receiver's two tokens; b waits for the route's (20 min), and then for the receiver's (50 min).
        expect(&dispatcher, from: 0, to: 99, ["0 db first: Disk@c+", "0 db first: Disk@a+", "50 db first: Disk@b+"])
        #expect(dispatcher.limits.values.allSatisfy { $0.held.isEmpty })
    }
}
