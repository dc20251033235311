import Telemetry
import Testing

@testable import Correlating

/// Another configuration while the aggregator runs: nothing begins anew.
@Suite struct CorrelatingReloadTests {
    private static func config(after seconds: Int = 120, _ patterns: [IncidentPattern] = [], flapping: FlappingConfig? = nil) -> CorrelatingConfig {
        CorrelatingConfig(
            path: ":memory:",
            hostDown: HostDownConfig(after: .seconds(seconds)),
            incidents: IncidentsConfig(patterns: patterns),
            flapping: flapping
        )
    }

    private static func correlation(_ config: CorrelatingConfig) -> Correlation {
        Correlation(config: config, restoring: StoredCorrelation(nextSequence: 1), makeID: Scene.counter())
    }

    private static func contact(at seconds: Int) -> BlockFacts {
        BlockFacts(contact: Scene.contact(at: seconds), origin: Scene.place(UInt64(seconds + 1)), alerts: [])
    }

    @Test func `a host's lease runs on from its last contact, by the new length`() {
        var correlation = Self.correlation(Self.config(after: 120))
        for second in stride(from: 0, through: 600, by: 10) {
            _ = correlation.take(Self.contact(at: second), now: Scene.at(second))
            #expect(correlation.judge(now: Scene.at(second), mayBlameHosts: true).isEmpty)
        }
        for second in [610, 620, 630] { #expect(correlation.judge(now: Scene.at(second), mayBlameHosts: true).isEmpty) }
        // 40 seconds of silence, and 35 are the limit now. What was arranged by the old configuration comes later than the new one would ask.
        correlation.adopt(Self.config(after: 35), now: Scene.at(630))
        let told = correlation.judge(now: Scene.at(650), mayBlameHosts: true)
        #expect(told.map(\.reason) == ["host_down"])
        #expect(told.first?.alert.startsAt == Scene.at(635))
        // Longer again: whoever is down stays down until it is heard.
        correlation.adopt(Self.config(after: 600), now: Scene.at(650))
        #expect(correlation.judge(now: Scene.at(655), mayBlameHosts: true).isEmpty)
        #expect(correlation.take(Self.contact(at: 660), now: Scene.at(660)).map(\.reason) == ["host_back"])
    }

    @Test func `an aggregator that was away itself blames nobody, whatever its configuration was`() {
        var correlation = Self.correlation(Self.config(after: 120))
        for second in stride(from: 0, through: 600, by: 10) {
            _ = correlation.take(Self.contact(at: second), now: Scene.at(second))
            _ = correlation.judge(now: Scene.at(second), mayBlameHosts: true)
        }
        correlation.adopt(Self.config(after: 20), now: Scene.at(601))
        #expect(correlation.judge(now: Scene.at(700), mayBlameHosts: true).isEmpty)
    }

    @Test func `what a pattern has seen goes on, and one that is gone ends its alert`() throws {
        let burst = IncidentPatternsTests.burst
        var correlation = Self.correlation(Self.config([burst]))
        func take(_ events: [Event], now: Int) throws -> [String] {
            let block = Scene.block(events)
            let contact = Contact(host: "", agent: Scene.otherAgent, tags: [], kind: .events, dataAt: block.to, receivedAt: Scene.at(now))
            let hits = try correlation.search.hits(in: block)
            return correlation.take(BlockFacts(contact: contact, origin: block.origin, alerts: [], hits: hits), now: Scene.at(now)).map(\.reason)
        }
        #expect(try take(IncidentPatternsTests.logins(0..<2), now: 2) == [])
        let other = PatternBookTests.pattern(.repeated(2))
        correlation.adopt(Self.config([other, burst]), now: Scene.at(3))
        #expect(try take(IncidentPatternsTests.logins(4..<5), now: 5) == ["pattern_matched"])
        correlation.adopt(Self.config([other]), now: Scene.at(6))
        #expect(correlation.judge(now: Scene.at(7), mayBlameHosts: true).map(\.reason) == ["pattern_ended"])
    }

    @Test func `a pattern that became another under its old name stops nothing, by reload or by restart`() throws {
        let (a, b) = (PatternBookTests.event("a", at: 0), PatternBookTests.event("b", at: 10))
        let missing = PatternBookTests.pattern(.missing(EventMatch(type: "b")))
        for shape: IncidentPattern.Shape in [.followed(by: EventMatch(type: "b")), .repeated(2)] {
            let before = PatternBookTests.pattern(shape)
            for (old, new) in [(before, missing), (missing, before)] {
                var book = PatternBook([old])
                for hit in try PatternSearch(patterns: [old]).hits(in: Scene.block([a])) { _ = book.take(hit, now: Scene.at(0)) }
                var restarted = PatternBook([new], restoring: Array(book.states.values))
                book.adopt([new])
                for hit in try PatternSearch(patterns: [new]).hits(in: Scene.block([b])) {
                    #expect(book.take(hit, now: Scene.at(10)) == nil)
                    #expect(restarted.take(hit, now: Scene.at(10)) == nil)
                }
                #expect(book.judge(now: Scene.at(9_000)) { _ in true }.isEmpty)
                #expect(book.states.isEmpty)
            }
        }
    }

    @Test func `an alert that flaps rests from its last change, by the new length`() {
        let flapping = FlappingConfig(changes: 3, window: .seconds(600), steady: .seconds(600))
        var correlation = Self.correlation(Self.config(after: 100_000, flapping: flapping))
        var reasons: [String] = []
        for number in 0..<4 {
            let second = number * 10
            let alert = number.isMultiple(of: 2) ? Scene.firing(since: second) : Scene.resolved(since: second - 10, ended: second)
            let contact = Scene.contact(at: second, kind: .alerts)
            let facts = BlockFacts(contact: contact, origin: Scene.place(UInt64(number + 1)), alerts: [alert])
            reasons += correlation.take(facts, now: Scene.at(second)).map(\.reason)
        }
        #expect(reasons == ["fired", "resolved", "flapping", "held_flapping"])
        #expect(correlation.judge(now: Scene.at(100), mayBlameHosts: true).isEmpty)
        correlation.adopt(
            Self.config(after: 100_000, flapping: FlappingConfig(changes: 3, window: .seconds(60), steady: .seconds(60))),
            now: Scene.at(100)
        )
        // It was steady since 30.
        #expect(correlation.judge(now: Scene.at(101), mayBlameHosts: true).map(\.reason) == ["steady"])
    }
}
