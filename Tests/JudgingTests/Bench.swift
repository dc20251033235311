import Expressions
import Judging
import Logging
import Operating
import Rules
import Synchronization
import Telemetry
import TestSupport

/// Takes what the judge hands on; refuses when told so.
final class Store: Sink {
    private let state = Mutex<(taken: [Intake], refuses: Bool)>(([], false))

    var taken: [Intake] { state.withLock { $0.taken } }
    var alerts: [Alert] { taken.flatMap(\.alerts) }
    func refuse(_ refuses: Bool) { state.withLock { $0.refuses = refuses } }

    func accept(_ element: Intake) async throws(SinkError) {
        let refuses = state.withLock { state in
            if !state.refuses { state.taken.append(element) }
            return state.refuses
        }
        if refuses { throw .failed("no room") }
    }
}

/// A judge with its clock and its next room.
struct Bench {
    let time: ManualTime
    let store = Store()
    let metrics = MetricsRegistry()
    let judge: Judge

    /// - Parameter now: when judging begins; nil: at the first moment of 2026.
    init(
        _ rules: [Rule] = [],
        patterns: [(String, String)] = [],
        interval: Duration? = nil,
        checkpoint: Checkpoint = Checkpoint(),
        at now: Timestamp? = nil
    ) throws {
        time = now.map { ManualTime(now: $0) } ?? ManualTime()
        judge = Judge(
            try Bench.config(rules, patterns: patterns, interval: interval),
            next: store,
            checkpoint: checkpoint,
            identity: HostIdentity(agent: UUID(high: 1, low: 2), host: "web-1"),
            time: time,
            metrics: metrics,
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    static func config(_ rules: [Rule], patterns: [(String, String)] = [], interval: Duration? = nil) throws -> JudgeConfig {
        JudgeConfig(
            patterns: try patterns.map { try LogPattern(name: $0.0, match: $0.1) },
            groups: [RuleGroup(name: "g", interval: interval, rules: rules)]
        )
    }

    static func alert(_ name: String, _ expression: String, for hold: Int64 = 0) throws -> Rule {
        .alerting(AlertingRule(name: name, expression: try Expression(parsing: expression), holdDuration: .seconds(hold)))
    }

    func collect(_ values: [String: Double], after seconds: Int64 = 10) async throws {
        time.advance(by: .seconds(seconds))
        let now = time.now()
        try await judge.accept(Intake(samples: values.sorted { $0.key < $1.key }.map { Sample($0.key, at: now, $0.value) }))
    }

    /// - Parameter age: how long ago the lines say to have been written.
    func lines(_ lines: [String], after milliseconds: Int64 = 100, age: Duration = .zero) async throws {
        time.advance(by: .milliseconds(milliseconds))
        let now = time.now().advanced(by: .zero - age)
        try await judge.accept(
            Intake(events: lines.map { Event(timestamp: now, source: "syslog", type: Event.logLine, severity: .info, message: $0) })
        )
    }

    /// What a restart finds.
    var checkpoint: Checkpoint {
        let stored = store.taken.compactMap(\.judgement).last
        return Checkpoint(alerts: stored?.alerts ?? [], patternMatches: stored?.patternMatches ?? [:])
    }

    var states: [String] { store.alerts.map { "\($0.name) \($0.state.rawValue)" } }
}
