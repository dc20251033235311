import Telemetry
import TestSupport
import Testing

@testable import Correlating

/// The same labels from an agent, from the aggregator's rules and from another system: one alert for people.
@Suite struct OneAlertOfSeveralTests {
    private enum Origin: Int, CaseIterable { case agent, otherAgent, rules, outside }

    /// Everybody who can say it, with a clock of seconds.
    private struct Stage {
        var correlation: Correlation
        private var rows: UInt64 = 0
        let store: CorrelationStore
        private let config: CorrelatingConfig
        private let makeID = Scene.counter()

        init() throws {
            config = CorrelatingConfig(path: ":memory:", flapping: nil)
            correlation = Correlation(config: config, restoring: StoredCorrelation(nextSequence: 1), makeID: makeID)
            store = try CorrelationStore(path: ":memory:", now: Timestamp(milliseconds: 1))
        }

        static func alert(_ isFiring: Bool, since start: Int, at second: Int) -> Alert {
            Alert(
                labels: ["alertname": "Slow", "service": "shop"],
                state: isFiring ? .firing : .resolved,
                activeAt: Scene.at(start),
                startsAt: Scene.at(start),
                endsAt: isFiring ? nil : Scene.at(second),
                value: 1,
                updatedAt: Scene.at(second)
            )
        }

        mutating func say(_ origin: Origin, _ isFiring: Bool, since start: Int, at second: Int) -> [AlertTransition] {
            var alert = Self.alert(isFiring, since: start, at: second)
            rows += 1
            let place = RowOrigin(agent: Scene.agent, lane: .alerts, sequence: rows, block: 0, row: 0)
            switch origin {
            case .agent, .otherAgent:
                let contact = Scene.contact(origin == .agent ? "web-1" : "web-2", at: second, kind: .alerts)
                return correlation.take(BlockFacts(contact: contact, origin: place, alerts: [alert]), now: Scene.at(second))
            case .rules: return correlation.take(RuledAlerts(alerts: [alert], isWhole: false), now: Scene.at(second))
            case .outside:
                if isFiring { alert.endsAt = Scene.at(second + 100_000) }
                let contact = Contact(
                    host: "",
                    agent: Scene.otherAgent,
                    tags: [],
                    kind: .alerts,
                    dataAt: Scene.at(second),
                    receivedAt: Scene.at(second)
                )
                return correlation.take(BlockFacts(contact: contact, origin: place, alerts: [alert]), now: Scene.at(second))
            }
        }

        /// `kill -9` after what was decided is on disk.
        mutating func kill(_ transitions: [AlertTransition], at second: Int) throws {
            try store.write(correlation.takeChanges(), transitions: transitions, cursor: rows, now: Scene.at(second))
            correlation = Correlation(config: config, restoring: try store.load(), makeID: makeID)
        }
    }

    private static func words(_ transitions: [AlertTransition]) -> [String] {
        transitions.map { "\($0.alert.state.rawValue) since \(Int($0.alert.startsAt.duration(since: Scene.noon).inSeconds))" }
    }

    @Test(arguments: Origin.allCases, Origin.allCases)
    private func `the end that one tells does not end what another says`(_ first: Origin, _ second: Origin) throws {
        guard first != second else { return }
        for isFirstOver in [true, false] {
            for isKilled in [true, false] {
                var stage = try Stage()
                var told = stage.say(first, true, since: 0, at: 0)
                #expect(Self.words(told) == ["firing since 0"])
                let incident = told.first?.incident
                if isKilled { try stage.kill(told, at: 0) }
                told = stage.say(second, true, since: 10, at: 10)
                #expect(told.isEmpty, "people know it")
                if isKilled { try stage.kill(told, at: 10) }
                // Both repeat it, as they do.
                #expect(stage.say(second, true, since: 10, at: 12).isEmpty && stage.say(first, true, since: 0, at: 14).isEmpty)
                told = stage.say(isFirstOver ? first : second, false, since: isFirstOver ? 0 : 10, at: 20)
                #expect(told.isEmpty, "the other goes on")
                if isKilled { try stage.kill(told, at: 20) }
                #expect(incident.flatMap { stage.correlation.incidents.entries[$0]?.isOpen } == true)
                told = stage.say(isFirstOver ? second : first, false, since: isFirstOver ? 10 : 0, at: 30)
                // As people know it: it began when the first of them said so.
                #expect(Self.words(told) == ["resolved since 0"])
                #expect(told.map(\.incident) == [incident].compactMap { $0 })
                #expect(incident.flatMap { stage.correlation.incidents.entries[$0]?.isOpen } == false)
                // It begins anew.
                if isKilled { try stage.kill(told, at: 30) }
                #expect(Self.words(stage.say(second, true, since: 40, at: 40)) == ["firing since 40"])
            }
        }
    }

    @Test func `it is shown once, with all that say so, and the explanation has their words`() throws {
        var stage = try Stage()
        _ = stage.say(.rules, true, since: 0, at: 0)
        _ = stage.say(.outside, true, since: 10, at: 10)
        _ = stage.say(.agent, true, since: 15, at: 15)
        #expect(stage.correlation.shown.map(\.saidBy) == [["agent web-1", "outside", "rules"]])
        #expect(stage.correlation.shown.first?.alert.startsAt == Scene.at(0))
        _ = stage.say(.rules, false, since: 0, at: 20)
        #expect(stage.correlation.shown.map(\.saidBy) == [["agent web-1", "outside"]])
        #expect(stage.correlation.shown.first?.alert.state == .firing)
        let decisions = stage.correlation.takeChanges().decisions
        #expect(decisions.map(\.kind) == [.firing, .seconded, .seconded, .stillSaid])
        // Of the one time that people know.
        #expect(Set(decisions.map(\.subject)).count == 1)
        #expect(decisions.last?.details["by"] == "outside, agent web-1")
    }

    @Test func `what two say in the same moment is told, once`() throws {
        var stage = try Stage()
        // Both arrive late, and are let go by the same look at the clock.
        for (number, host) in ["web-1", "web-2"].enumerated() {
            let contact = Scene.contact(host, at: 60, kind: .alerts)
            let late = Stage.alert(true, since: 0, at: 0)
            let facts = BlockFacts(contact: contact, origin: Scene.place(UInt64(number + 1)), alerts: [late])
            #expect(stage.correlation.take(facts, now: Scene.at(60)).isEmpty)
        }
        let told = stage.correlation.judge(now: Scene.at(85), mayBlameHosts: true)
        #expect(told.map(\.reason) == ["fired_late"])
    }

    @Test func `what fired and ended before it arrived does not end what another says`() throws {
        var stage = try Stage()
        #expect(stage.say(.rules, true, since: 0, at: 0).count == 1)
        #expect(stage.say(.agent, false, since: 5, at: 10).isEmpty)
        #expect(stage.correlation.shown.map(\.alert.state) == [.firing])
        #expect(stage.correlation.takeChanges().decisions.map(\.kind) == [.firing, .stillSaid])
    }

    @Test(arguments: 0..<40)
    func `people know it as firing exactly as long as somebody says so, whoever dies between`(_ seed: Int) throws {
        var random = SeededGenerator(seed: UInt64(seed))
        var stage = try Stage()
        var firing: [Origin: Int] = [:]
        var known = false
        for second in 1...200 {
            let origin = Origin.allCases.randomElement(using: &random) ?? .rules
            let begins = firing[origin] == nil
            let since = firing[origin] ?? second
            firing[origin] = begins ? second : nil
            let told = stage.say(origin, begins, since: since, at: second)
            for transition in told {
                #expect(!transition.isHistoryOnly)
                #expect((transition.alert.state == .firing) != known, "told twice")
                known = transition.alert.state == .firing
            }
            #expect(known == !firing.isEmpty)
            #expect(stage.correlation.shown.map(\.alert.state) == [known ? .firing : .resolved])
            if Int.random(in: 0..<4, using: &random) == 0 { try stage.kill(told, at: second) }
        }
    }
}
