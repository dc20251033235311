import Expressions
import Rules
import Telemetry
import Testing

struct RuleStateTests {
    static let start = Timestamp(milliseconds: 1_767_225_600_000)
    static func at(_ seconds: Int64) -> Timestamp { start.advanced(by: .seconds(seconds)) }

    static func rule(for hold: Int64 = 0, keep: Int64 = 0) throws -> AlertingRule {
        AlertingRule(
            name: "High",
            expression: try Expression(parsing: "x > 1"),
            holdDuration: .seconds(hold),
            keepFiringFor: .seconds(keep),
            labels: [NamedTemplate("severity", try Template("warning"))]
        )
    }

    static func seen(_ value: Double = 2, _ host: String = "a") -> AlertingRule.Observation {
        AlertingRule.Observation(labels: ["alertname": "High", "severity": "warning", "host": host], value: value)
    }

    @Test func `without for an alert fires at once and is resolved when the expression holds no more`() throws {
        var state = RuleState(of: try Self.rule())
        let fired = state.advance(to: [Self.seen()], at: Self.at(0))
        #expect(fired.map(\.kind) == [.fired])
        #expect(fired[0].alert.startsAt == Self.at(0))
        #expect(state.advance(to: [Self.seen(3)], at: Self.at(10)).isEmpty)
        #expect(state.alerts[0].value == 3)
        let resolved = state.advance(to: [], at: Self.at(20))
        #expect(resolved.map(\.kind) == [.resolved])
        #expect(resolved[0].alert.endsAt == Self.at(20))
        #expect(resolved[0].alert.startsAt == Self.at(0))
    }

    @Test func `with for an alert waits, and its waiting is in vain when the expression stops to hold`() throws {
        var state = RuleState(of: try Self.rule(for: 60))
        #expect(state.advance(to: [Self.seen()], at: Self.at(0)).map(\.kind) == [.pending])
        #expect(state.advance(to: [Self.seen()], at: Self.at(59)).isEmpty)
        #expect(state.advance(to: [], at: Self.at(60)).map(\.kind) == [.cancelled])
        #expect(state.alerts.isEmpty)
        #expect(state.advance(to: [Self.seen()], at: Self.at(70)).map(\.kind) == [.pending])
        let fired = state.advance(to: [Self.seen()], at: Self.at(130))
        #expect(fired.map(\.kind) == [.fired])
        #expect(fired[0].alert.activeAt == Self.at(70))
        #expect(fired[0].alert.startsAt == Self.at(130))
    }

    @Test func `keep_firing_for bridges a gap`() throws {
        var state = RuleState(of: try Self.rule(keep: 60))
        _ = state.advance(to: [Self.seen()], at: Self.at(0))
        #expect(state.advance(to: [], at: Self.at(10)).isEmpty)
        #expect(state.advance(to: [], at: Self.at(60)).isEmpty)
        #expect(state.advance(to: [Self.seen()], at: Self.at(65)).isEmpty)
        #expect(state.advance(to: [], at: Self.at(70)).isEmpty)
        #expect(state.advance(to: [], at: Self.at(130)).map(\.kind) == [.resolved])
    }

    @Test func `a resolved alert is kept for 15 minutes and may fire again`() throws {
        var state = RuleState(of: try Self.rule())
        _ = state.advance(to: [Self.seen()], at: Self.at(0))
        _ = state.advance(to: [], at: Self.at(10))
        #expect(state.count(.resolved) == 1)
        #expect(state.advance(to: [Self.seen()], at: Self.at(20)).map(\.kind) == [.fired])
        _ = state.advance(to: [], at: Self.at(30))
        #expect(state.advance(to: [], at: Self.at(30 + 900)).isEmpty)
        #expect(state.count(.resolved) == 1)
        _ = state.advance(to: [], at: Self.at(30 + 901))
        #expect(state.alerts.isEmpty)
    }

    @Test func `each label set has its own life`() throws {
        var state = RuleState(of: try Self.rule(for: 30))
        _ = state.advance(to: [Self.seen(1, "a")], at: Self.at(0))
        _ = state.advance(to: [Self.seen(1, "a"), Self.seen(1, "b")], at: Self.at(20))
        #expect(state.advance(to: [Self.seen(1, "a"), Self.seen(1, "b")], at: Self.at(30)).map { $0.alert.labels["host"] } == ["a"])
        #expect(state.advance(to: [Self.seen(1, "b")], at: Self.at(50)).map(\.kind) == [.fired, .resolved])
    }

    @Test func `for goes on after a restart`() throws {
        let rule = try Self.rule(for: 60)
        var before = RuleState(of: rule)
        _ = before.advance(to: [Self.seen()], at: Self.at(0))
        var after = RuleState(of: rule, restoring: before.alerts, at: Self.at(30), heldFor: .zero)
        #expect(after.advance(to: [Self.seen()], at: Self.at(60)).map(\.kind) == [.fired])
    }

    @Test func `for begins anew when nobody looked for long`() throws {
        let rule = try Self.rule(for: 3600)
        var before = RuleState(of: rule)
        _ = before.advance(to: [Self.seen()], at: Self.at(0))
        var after = RuleState(of: rule, restoring: before.alerts, at: Self.at(7200), heldFor: .zero)
        #expect(after.advance(to: [Self.seen()], at: Self.at(7200)).isEmpty)
        #expect(after.count(.pending) == 1)
    }

    @Test func `a restored alert is not resolved before its ranges are full again`() throws {
        let rule = try Self.rule()
        var before = RuleState(of: rule)
        _ = before.advance(to: [Self.seen()], at: Self.at(0))
        var after = RuleState(of: rule, restoring: before.alerts, at: Self.at(10), heldFor: .seconds(300))
        #expect(after.advance(to: [], at: Self.at(20)).isEmpty)
        #expect(after.advance(to: [], at: Self.at(309)).isEmpty)
        #expect(after.advance(to: [], at: Self.at(310)).map(\.kind) == [.resolved])
    }

    @Test func `once seen again a restored alert is resolved like any other`() throws {
        let rule = try Self.rule()
        var before = RuleState(of: rule)
        _ = before.advance(to: [Self.seen()], at: Self.at(0))
        var after = RuleState(of: rule, restoring: before.alerts, at: Self.at(10), heldFor: .seconds(300))
        _ = after.advance(to: [Self.seen()], at: Self.at(20))
        #expect(after.advance(to: [], at: Self.at(30)).map(\.kind) == [.resolved])
    }

    @Test func `a clock set forward does not let for pass`() throws {
        var state = RuleState(of: try Self.rule(for: 60))
        _ = state.advance(to: [Self.seen()], at: Self.at(0))
        state.shiftClock(by: .seconds(3600))
        #expect(state.advance(to: [Self.seen()], at: Self.at(3610)).isEmpty)
        #expect(state.advance(to: [Self.seen()], at: Self.at(3660)).map(\.kind) == [.fired])
    }

    @Test func `labels of the rule win over those of the series, the host's are added, templates see the value`() throws {
        let rule = AlertingRule(
            name: "Full",
            expression: try Expression(parsing: "x"),
            labels: [NamedTemplate("severity", try Template("critical")), NamedTemplate("disk", try Template("{{ $labels.device }}"))],
            annotations: [NamedTemplate("summary", try Template("{{ $labels.device }} at {{ $value }}"))]
        )
        let sample = Sample("x", [Label("device", "sda"), Label("severity", "low")], at: Self.start, 97.5)
        let found = try rule.observations(from: .vector([sample]), at: Self.start, outer: ["host": "web-1", "device": "no"], limit: nil)
        #expect(found.map(\.labels) == [["alertname": "Full", "severity": "critical", "disk": "sda", "device": "sda", "host": "web-1"]])
        #expect(found[0].annotations["summary"] == "sda at 97.5")
    }

    @Test func `two alerts with the same labels, and more than the limit, are errors of the rule`() throws {
        let rule = AlertingRule(name: "A", expression: try Expression(parsing: "x"), labels: [NamedTemplate("d", try Template("same"))])
        let samples = ["a", "b"].map { Sample("x", [Label("d", $0)], at: Self.start, 1) }
        #expect(throws: EvaluationError.self) { try rule.observations(from: .vector(samples), at: Self.start, outer: .empty, limit: nil) }
        let other = AlertingRule(name: "A", expression: try Expression(parsing: "x"))
        #expect(throws: EvaluationError.self) { try other.observations(from: .vector(samples), at: Self.start, outer: .empty, limit: 1) }
    }
}
