import Expressions
import Judging
import Rules
import Telemetry
import TestSupport
import Testing

/// What a restart must neither forget nor invent.
struct RestartTests {
    @Test func `keep_firing_for goes on after a restart`() async throws {
        let rule = Rule.alerting(
            AlertingRule(name: "Load", expression: try Expression(parsing: "node_load1 > 4"), keepFiringFor: .seconds(60))
        )
        let first = try Bench([rule])
        try await first.collect(["node_load1": 5])
        try await first.collect(["node_load1": 1])
        #expect(first.states == ["Load firing"])

        // 30 of its 60 seconds pass before the restart and while nobody looked.
        let second = try Bench([rule], checkpoint: first.checkpoint, at: first.time.now().advanced(by: .seconds(20)))
        try await second.collect(["node_load1": 1])
        try await second.collect(["node_load1": 1], after: 29)
        #expect(second.states == ["Load firing"])
        try await second.collect(["node_load1": 1], after: 1)
        #expect(second.states == ["Load firing", "Load resolved"])
        // Sent again after the restart: the same episode, whose end is not announced before it comes.
        #expect(second.store.alerts[0].startsAt == first.store.alerts[0].startsAt)
        #expect(second.store.alerts[0].endsAt == nil)
        #expect(second.store.alerts[1].startsAt == first.store.alerts[0].startsAt)
    }

    @Test func `an expression that holds again ends the wait of keep_firing_for for a restart too`() async throws {
        let rule = Rule.alerting(
            AlertingRule(name: "Load", expression: try Expression(parsing: "node_load1 > 4"), keepFiringFor: .seconds(60))
        )
        let first = try Bench([rule])
        for value in [5.0, 1, 5] { try await first.collect(["node_load1": value]) }
        let second = try Bench([rule], checkpoint: first.checkpoint, at: first.time.now())
        try await second.collect(["node_load1": 1])
        for _ in 0..<5 { try await second.collect(["node_load1": 1]) }
        #expect(second.states == ["Load firing"])
        try await second.collect(["node_load1": 1])
        #expect(second.states == ["Load firing", "Load resolved"])
    }

    @Test func `an alert whose series is not back yet is neither resolved nor fired a second time`() async throws {
        let rules = [try Bench.alert("Full", "disk_free < 10")]
        let first = try Bench(rules)
        try await first.collect(["disk_free": 5])
        let second = try Bench(rules, checkpoint: first.checkpoint, at: first.time.now())
        // The collector of the disk is stuck at first.
        for _ in 0..<6 { try await second.collect(["node_load1": 1]) }
        try await second.collect(["disk_free": 5])
        #expect(second.states == ["Full firing", "Full firing"])
        #expect(Set(second.store.alerts.map(\.startsAt)) == [first.store.alerts[0].startsAt])
        try await second.collect(["disk_free": 50])
        #expect(second.states.last == "Full resolved")
    }

    @Test func `a series that never comes back resolves its alert after five minutes`() async throws {
        let rules = [try Bench.alert("Full", "disk_free < 10")]
        let first = try Bench(rules)
        try await first.collect(["disk_free": 5])
        let second = try Bench(rules, checkpoint: first.checkpoint, at: first.time.now())
        for _ in 0..<29 { try await second.collect(["node_load1": 1]) }
        #expect(!second.states.contains("Full resolved"))
        try await second.collect(["node_load1": 1])
        #expect(second.states.last == "Full resolved")
    }

    @Test func `a line that was written while the agent was away fires when it comes back`() async throws {
        let rule = try Bench.alert("OOM", "increase(log_pattern_matches_total{pattern=\"oom\"}[5m]) > 0")
        let first = try Bench([rule], patterns: [("oom", "Out of memory")])
        try await first.collect(["node_load1": 1])
        let second = try Bench(
            [rule],
            patterns: [("oom", "Out of memory")],
            checkpoint: first.checkpoint,
            at: first.time.now().advanced(by: .seconds(60))
        )
        try await second.lines(["Out of memory"], age: .seconds(30))
        #expect(second.states == ["OOM firing"])
    }
}
