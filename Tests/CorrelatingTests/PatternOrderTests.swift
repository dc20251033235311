import Telemetry
import TestSupport
import Testing

@testable import Correlating

/// Hosts ship at different speeds: what patterns say depends on when things happened, not on the order in which they arrive.
@Suite struct PatternOrderTests {
    private static let lateness = 60

    // MARK: By example

    private static func playing(_ pattern: IncidentPattern, _ arrivals: [(event: Event, at: Int)]) throws -> (PatternBook, [PatternVerdict]) {
        var book = PatternBook([pattern])
        let search = PatternSearch(patterns: [pattern])
        var verdicts: [PatternVerdict] = []
        for (event, at) in arrivals {
            for hit in try search.hits(in: Scene.block([event])) { if let verdict = book.take(hit, now: Scene.at(at)) { verdicts.append(verdict) } }
            verdicts += book.judge(now: Scene.at(at)) { _ in true }
        }
        return (book, verdicts)
    }

    @Test func `a B that arrives before its A counts`() throws {
        let pattern = PatternBookTests.pattern(.followed(by: EventMatch(type: "b")), lateness: 60)
        let (_, verdicts) = try Self.playing(pattern, [(PatternBookTests.event("b", at: 20), 21), (PatternBookTests.event("a", at: 10), 70)])
        guard case .holds(_, let state, from: Scene.at(10), at: Scene.at(20), isOld: false)? = verdicts.first else {
            Issue.record("the B was forgotten: \(verdicts)")
            return
        }
        #expect(state.events.map(\.type) == ["a", "b"])
        // It ends by the events' own time.
        #expect(state.firingUntil == Scene.at(320))
    }

    @Test func `a B that was before its A counts in no order`() throws {
        let pattern = PatternBookTests.pattern(.followed(by: EventMatch(type: "b")), lateness: 60)
        for arrivals in [["b", "a"], ["a", "b"]] {
            let times = ["b": 10, "a": 20]
            let (_, verdicts) = try Self.playing(pattern, arrivals.map { (PatternBookTests.event($0, at: times[$0] ?? 0), 30) })
            #expect(verdicts.isEmpty)
        }
    }

    @Test func `A and no B waits for a B that is late, as long as is allowed`() throws {
        let pattern = PatternBookTests.pattern(.missing(EventMatch(type: "b")), within: 600, lateness: 60)
        let (a, b) = (PatternBookTests.event("a", at: 0), PatternBookTests.event("b", at: 599))
        #expect(try Self.playing(pattern, [(a, 0), (b, 659)]).1.isEmpty)
        #expect(try Self.playing(pattern, [(b, 600), (a, 601), (PatternBookTests.event("other", at: 700), 700)]).1.isEmpty)
        let (_, missed) = try Self.playing(pattern, [(a, 0), (PatternBookTests.event("other", at: 660), 660)])
        #expect(PatternBookTests.held(missed) == [Scene.at(600)])
    }

    @Test func `what came too late ends at once the alert that said it was missing`() throws {
        let pattern = PatternBookTests.pattern(.missing(EventMatch(type: "b")), within: 600, lateness: 60)
        let (a, b) = (PatternBookTests.event("a", at: 0), PatternBookTests.event("b", at: 630))
        for arrival in [631, 670] {
            let (book, verdicts) = try Self.playing(
                pattern,
                [(a, 0), (PatternBookTests.event("other", at: 1), 620), (b, arrival), (a, 700)].sorted { $0.1 < $1.1 }
            )
            #expect(verdicts.count == 2)
            guard case .holds? = verdicts.first, case .over(_, at: Scene.at(630))? = verdicts.last else {
                Issue.record("\(verdicts)")
                return
            }
            #expect(book.states.values.allSatisfy { $0.firingUntil == nil })
        }
    }

    @Test func `what is both A and B does not answer itself`() throws {
        let pattern = PatternBookTests.pattern(.followed(by: EventMatch(type: "a")), lateness: 60)
        #expect(try Self.playing(pattern, [(PatternBookTests.event("a", at: 0), 0)]).1.isEmpty)
        let late = try Self.playing(pattern, [(PatternBookTests.event("a", at: 9), 9), (PatternBookTests.event("a", at: 0), 10)]).1
        #expect(PatternBookTests.held(late) == [Scene.at(9)])
    }

    @Test func `Bs that wait for an A are few, go with the time, and never take an A's place`() throws {
        var book = PatternBook([PatternBookTests.pattern(.followed(by: EventMatch(type: "b")), lateness: 60)])
        for number in 0..<(CorrelatingLimits.patternEarlyMax + 10) {
            let event = PatternBookTests.event("b", at: 0)
            _ = book.take(PatternHit(pattern: 0, part: .second, values: ["host": "h\(number)"], event: event), now: Scene.at(0))
        }
        #expect(book.states.count == CorrelatingLimits.patternEarlyMax)
        #expect(book.refusedOverLimit == 10)
        _ = book.take(PatternHit(pattern: 0, part: .first, values: ["host": "a"], event: PatternBookTests.event("a", at: 0)), now: Scene.at(1))
        #expect(book.states.count == CorrelatingLimits.patternEarlyMax + 1)
        _ = book.judge(now: Scene.at(61)) { _ in true }
        #expect(book.states.keys.map(\.values) == [#"{host="a"}"#])
    }

    @Test func `a flood of Bs does not hide one that answered an A of before`() throws {
        let pattern = PatternBookTests.pattern(.missing(EventMatch(type: "b")), within: 30, lateness: 60)
        let flood = (0..<2_000).map { number -> (Event, Int) in
            var event = PatternBookTests.event("b", at: 0)
            event.timestamp = Scene.noon.advanced(by: .milliseconds(number * 30))
            return (event, 60)
        }
        let (book, verdicts) = try Self.playing(
            pattern,
            flood + [(PatternBookTests.event("a", at: 3), 62), (PatternBookTests.event("other", at: 0), 200)]
        )
        #expect(verdicts.isEmpty)
        #expect(book.states.values.allSatisfy { $0.seconds.count <= CorrelatingLimits.patternTimesMax && $0.dueAt.isEmpty })
    }

    // MARK: In any order

    private static let shapes: [(name: String, shape: IncidentPattern.Shape)] = [
        ("followed", .followed(by: EventMatch(type: "b"))), ("repeated", .repeated(3)), ("missing", .missing(EventMatch(type: "b"))),
    ]

    /// What can be seen of an incident, without what it is called.
    private struct Seen: Hashable, Comparable, CustomStringConvertible {
        var openedAt: Timestamp
        var closedAt: Timestamp?
        var keys: [String]
        var hosts: [String]
        var evidence: [UUID]
        var alerts: [Labels]

        static func < (a: Seen, b: Seen) -> Bool { (a.openedAt, a.hosts.description) < (b.openedAt, b.hosts.description) }
        var description: String { "\(openedAt)–\(closedAt?.description ?? "") \(keys) \(evidence.count) \(alerts.count)" }
    }

    /// Bursts on two hosts, far enough apart to be incidents of their own.
    private static func events(_ random: inout SeededGenerator) -> [Event] {
        var events: [Event] = []
        for burst in 0..<8 {
            for host in ["web-1", "web-2"] {
                for _ in 0..<Int.random(in: 1...8, using: &random) {
                    var event = PatternBookTests.event(Bool.random(using: &random) ? "a" : "b", at: 0, host: host)
                    event.timestamp = Scene.noon.advanced(by: .milliseconds(burst * 2_000_000 + Int.random(in: 0..<100_000, using: &random)))
                    event.id = UUID(high: 7, low: UInt64(events.count))
                    events.append(event)
                }
            }
        }
        return events
    }

    /// - Parameter isKilled: asked after each step: then the aggregator begins again from its file.
    private func incidents(
        _ shape: IncidentPattern.Shape,
        _ arrivals: [(event: Event, at: Timestamp)],
        isKilled: () -> Bool = { false }
    ) throws -> [Seen] {
        let pattern = PatternBookTests.pattern(shape, within: 60, keep: 150, lateness: Self.lateness)
        let config = IncidentPatternsTests.config([pattern])
        let (makeID, store) = (Scene.counter(), try CorrelationStore(path: ":memory:", now: Timestamp(milliseconds: 1)))
        var correlation = Correlation(config: config, restoring: StoredCorrelation(nextSequence: 1), makeID: makeID)
        func judge(until end: Timestamp) {
            while let next = correlation.patterns.nextDeadline, next <= end { _ = correlation.judge(now: next, mayBlameHosts: true) }
        }
        for arrival in arrivals.sorted(by: { ($0.at, $0.event.timestamp) < ($1.at, $1.event.timestamp) }) {
            judge(until: arrival.at.advanced(by: .nanoseconds(-1)))
            let block = Scene.block([arrival.event])
            let contact = Contact(host: "", agent: Scene.otherAgent, tags: [], kind: .events, dataAt: block.to, receivedAt: arrival.at)
            let hits = try correlation.search.hits(in: block)
            _ = correlation.take(BlockFacts(contact: contact, origin: block.origin, alerts: [], hits: hits), now: arrival.at)
            guard isKilled() else { continue }
            try store.write(correlation.takeChanges(), transitions: [], cursor: 1, now: arrival.at)
            correlation = Correlation(config: config, restoring: try store.load(), makeID: makeID)
        }
        judge(until: .distantFuture)
        return correlation.incidents.entries.values.map { entry in
            // An alert that said that something is missing ends with the first of what came that we heard of.
            let closedAt: Timestamp? = if case .missing = shape { nil } else { entry.closedAt }
            return Seen(
                openedAt: entry.openedAt,
                closedAt: closedAt,
                keys: entry.keys.map(\.text).sorted(),
                hosts: entry.hosts.sorted(),
                evidence: entry.evidence.compactMap(\.id).sorted { $0.low < $1.low },
                alerts: entry.alerts.map(\.labels)
            )
        }.sorted()
    }

    @Test(arguments: 0..<24)
    func `events that arrive in any order make the incidents that they make in order`(_ seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let shape = Self.shapes[seed % Self.shapes.count]
        let events = Self.events(&random)
        let expected = try incidents(shape.shape, events.map { ($0, $0.timestamp) })
        #expect(expected.count > 1, "the pattern has something to say")
        for _ in 0..<3 {
            let arrivals = events.map { event in
                (event, event.timestamp.advanced(by: .milliseconds(Int.random(in: 0...Self.lateness * 1_000, using: &random))))
            }
            #expect(try incidents(shape.shape, arrivals) == expected)
            var kills = SeededGenerator(seed: UInt64(seed) &+ 1_000)
            #expect(try incidents(shape.shape, arrivals, isKilled: { Int.random(in: 0..<5, using: &kills) == 0 }) == expected)
        }
    }
}
