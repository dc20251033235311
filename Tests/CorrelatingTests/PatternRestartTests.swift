import Telemetry
import TestSupport
import Testing

@testable import Correlating

/// Two aggregators see the same events; one of them is started again at any moment and reads its file. They say the same.
@Suite struct PatternRestartTests {
    private static let patterns: [IncidentPattern] = [
        pattern("followed", .followed(by: EventMatch(type: "b")), within: 120), pattern("repeated", .repeated(3), within: 60),
        pattern("missing", .missing(EventMatch(type: "b")), within: 90),
    ]

    private static func pattern(_ name: String, _ shape: IncidentPattern.Shape, within seconds: Int) -> IncidentPattern {
        let alert = IncidentPattern.AlertSpec(name: name, labels: [:], annotations: [:], keepFiringFor: .seconds(100))
        return IncidentPattern(name: name, first: EventMatch(type: "a"), shape: shape, within: .seconds(seconds), by: ["host"], alert: alert)
    }

    private static let config = CorrelatingConfig(path: ":memory:", incidents: IncidentsConfig(patterns: patterns))

    private func word(_ transition: AlertTransition) -> String {
        "\(transition.sequence) \(transition.reason) \(transition.alert.name) \(transition.alert.labels["host"] ?? "") \(transition.alert.startsAt)"
    }

    @Test(arguments: 0..<30)
    func `an aggregator that is started again says what one says that was not`(_ seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        let empty = StoredCorrelation(nextSequence: 1)
        var steady = Correlation(config: Self.config, restoring: empty, makeID: Scene.counter())
        let makeID = Scene.counter()
        var unsteady = Correlation(config: Self.config, restoring: empty, makeID: makeID)
        let store = try CorrelationStore(path: ":memory:", now: Timestamp(milliseconds: 1))
        var (first, second): ([String], [String]) = ([], [])
        var now = 0
        for number in 0..<250 {
            now += Int.random(in: 1...40, using: &random)
            var event = PatternBookTests.event(Bool.random(using: &random) ? "a" : "b", at: now - Int.random(in: 0...50, using: &random))
            event.host = ["web-1", "web-2"].randomElement(using: &random) ?? "web-1"
            event.id = UUID(high: 1, low: UInt64(number))
            let block = Scene.block([event])
            let contact = Contact(host: "", agent: Scene.otherAgent, tags: [], kind: .events, dataAt: block.to, receivedAt: Scene.at(now))
            let facts = BlockFacts(contact: contact, origin: block.origin, alerts: [], hits: try steady.search.hits(in: block))
            first += steady.take(facts, now: Scene.at(now)).map(word)
            first += steady.judge(now: Scene.at(now), mayBlameHosts: true).map(word)
            var told = unsteady.take(facts, now: Scene.at(now))
            told += unsteady.judge(now: Scene.at(now), mayBlameHosts: true)
            second += told.map(word)
            try store.write(unsteady.takeChanges(), transitions: told, cursor: UInt64(number), now: Scene.at(now))
            if Int.random(in: 0..<4, using: &random) == 0 {
                unsteady = Correlation(config: Self.config, restoring: try store.load(), makeID: makeID)
            }
        }
        #expect(first == second)
        #expect(Set(first.map { $0.split(separator: " ")[2] }).count == 3, "each pattern has had something to say")
    }
}
