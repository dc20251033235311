import Blocks
import Configuring
import Logging
import Operating
import Rules
import Storing
import Synchronization
import Telemetry
import TestSupport
import Testing
import Wire

@testable import Ruling

/// Answers as a test wants, and remembers what it was asked.
final class FakeQueries: MetricQuerying {
    private struct State {
        var answers: [String: Result<MetricAnswer, QueryError>] = [:]
        var asked: [(String, Timestamp)] = []
    }

    private let state = Mutex(State())

    var asked: [(String, Timestamp)] { state.withLock(\.asked) }

    func set(_ expression: String, to answer: Result<MetricAnswer, QueryError>) { state.withLock { $0.answers[expression] = answer } }

    func query(_ expression: String, at time: Timestamp) async throws(QueryError) -> MetricAnswer {
        let answer = state.withLock { state in
            state.asked.append((expression, time))
            return state.answers[expression] ?? .success(.vector([]))
        }
        return try answer.get()
    }

    func query(_ expression: String, from start: Timestamp, to end: Timestamp, step: Duration) async throws(QueryError) -> MetricAnswer {
        .matrix([])
    }
}

/// The next room: keeps what it is told, and can fail.
final class FakeCorrelator: Sink {
    private let state = Mutex<(told: [RuledAlerts], failures: Int)>(([], 0))
    private let bell = Bell()

    var told: [RuledAlerts] { state.withLock(\.told) }

    func fail(times: Int) { state.withLock { $0.failures = times } }

    func accept(_ element: RuledAlerts) async throws(SinkError) {
        let fails = state.withLock { state in
            guard state.failures == 0 else {
                state.failures -= 1
                return true
            }
            state.told.append(element)
            return false
        }
        bell.ring()
        if fails { throw .failed("the disk is full") }
    }

    /// Until what was told last is as wanted.
    func wait(until holds: (RuledAlerts) -> Bool) async {
        while true {
            let rings = bell.rings
            if let last = told.last, holds(last) { return }
            await bell.wait(after: rings)
        }
    }
}

@Suite struct RulerTests {
    static let rules = """
        groups:
          - name: g
            rules:
              - {alert: Broken, expr: broken > 0}
              - {alert: Waits, expr: waits > 0, for: 30s}
              - {record: 'job:waits:sum', expr: sum(waits)}
        """

    let folder: TemporaryFolder
    let time = ManualTime()
    let metrics = MetricsRegistry()
    let queries = FakeQueries()
    let next = FakeCorrelator()
    let log: Log
    let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    init() async throws {
        folder = try TemporaryFolder()
        log = try await Log.open(
            StorageConfig(path: ":memory:"),
            newID: UUID(high: 0xA, low: 0xB),
            time: time,
            metrics: MetricsRegistry(),
            logger: Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
        )
    }

    func ruler(_ text: String = rules, delay: Duration = .zero) -> Ruler {
        Ruler(
            config: RulingConfig(path: folder("rules.db"), groups: Play.groups(text), interval: .seconds(15), delay: delay),
            queries: queries,
            samples: OwnSamples(into: log, as: .ruling),
            next: next,
            time: time,
            metrics: metrics,
            logger: logger
        )
    }

    /// Evaluates what is due, without the loop.
    func turn(_ ruler: Ruler) async {
        for turn in await ruler.begin() { await ruler.evaluate(turn) }
    }

    func value(_ name: String) -> Double? { metrics.samples(at: time.now()).filter { $0.series.name == name }.map(\.value).reduce(0, +) }

    static func firing(_ value: Double = 1) -> Result<MetricAnswer, QueryError> {
        .success(.vector([Sample(series: ["job": "a"], timestamp: Play.noon, value: value)]))
    }

    @Test func `a rule that fails is counted and shown, the others go on, and what fires goes on firing`() async throws {
        let ruler = ruler()
        try await ruler.open()
        queries.set("broken > 0", to: Self.firing())
        queries.set("sum(waits)", to: Self.firing(3))
        await turn(ruler)
        time.advance(by: .seconds(15))
        queries.set("broken > 0", to: .failure(.limit("more than 1000 series")))
        await turn(ruler)
        let group = try #require(await ruler.ruleGroups().first)
        #expect(group.rules[0].state == .firing)
        #expect(group.rules[0].health == .err)
        #expect(group.rules[0].lastError == "more than 1000 series")
        #expect(group.rules[1].health == .ok)
        #expect(value("tocsin_rule_evaluation_failures_total") == 1)
        #expect(value("tocsin_rule_evaluations_total") == 6)
        let problems = await ruler.problems()
        #expect(problems == ["rule Broken (rules.yaml:4, group g) has no result: more than 1000 series"])
    }

    @Test func `rules look at the moment that lies the delay before their evaluation`() async throws {
        let ruler = ruler(delay: .seconds(60))
        try await ruler.open()
        await turn(ruler)
        #expect(queries.asked.map(\.1) == Array(repeating: time.now().advanced(by: .seconds(-60)), count: 3))
    }

    @Test func `recorded series lie in the log`() async throws {
        let ruler = ruler()
        try await ruler.open()
        queries.set("sum(waits)", to: Self.firing(3))
        await turn(ruler)
        let page = try await log.page(after: 0, kinds: [.samples], limit: 10)
        let samples = try page.blocks.flatMap { try SampleBlock(decoding: $0.bytes).samples() }
        #expect(samples == [Sample(series: ["__name__": "job:waits:sum", "job": "a"], timestamp: time.now(), value: 3)])
    }

    @Test func `killed while an alert waits, its time goes on; killed while it fires, the state is as before`() async throws {
        queries.set("waits > 0", to: Self.firing())
        var ruler = ruler()
        try await ruler.open()
        await turn(ruler)
        time.advance(by: .seconds(15))
        ruler = self.ruler()
        try await ruler.open()
        await turn(ruler)
        #expect(await ruler.book.ruled.alerts.map(\.state) == [.pending])
        for _ in 0..<2 {
            time.advance(by: .seconds(15))
            await turn(ruler)
        }
        let fired = await ruler.book.ruled
        #expect(fired.alerts.map(\.state) == [.firing])
        ruler = self.ruler()
        try await ruler.open()
        let restored = await ruler.book.ruled
        #expect(restored.isWhole)
        #expect(restored.alerts.map(\.labels) == fired.alerts.map(\.labels))
        #expect(restored.alerts.map(\.startsAt) == fired.alerts.map(\.startsAt))
    }

    @Test func `it runs on its own clock, tells what changes, and keeps telling until it is taken`() async throws {
        let ruler = ruler()
        next.fail(times: 2)
        let (time, next) = (time, next)
        await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await ruler.run() }
            group.addTask {
                // Time passes whenever somebody waits for it.
                while !Task.isCancelled {
                    if time.nextWakeUp != nil { time.advance(by: .milliseconds(250)) }
                    await Task.yield()
                }
            }
            await next.wait { $0.alerts.isEmpty }
            queries.set("broken > 0", to: Self.firing())
            await next.wait { $0.alerts.map(\.state) == [.firing] }
            queries.set("broken > 0", to: .success(.vector([])))
            await next.wait { $0.alerts.map(\.state) == [.resolved] }
            await ruler.reload(RulingConfig(path: "", groups: []))
            await next.wait { $0.alerts.isEmpty && $0.isWhole }
            group.cancelAll()
        }
        #expect(value("tocsin_ruling_failures_total") == 2)
    }

    @Test func `a damaged file is set aside, and rules are evaluated all the same`() async throws {
        try TestFiles.write("no database, and longer than a header of one, so that it is looked at", to: folder("rules.db"))
        queries.set("broken > 0", to: Self.firing())
        let ruler = ruler()
        try await ruler.open()
        await turn(ruler)
        let ruled = await ruler.book.ruled
        #expect(ruled.alerts.map(\.state) == [.firing])
        #expect(ruled.isWhole)
    }
}
