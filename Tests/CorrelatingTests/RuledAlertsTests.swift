import Telemetry
import TestSupport
import Testing

@testable import Correlating

/// Alerts of the aggregator's own rules, which are told as a whole state.
@Suite struct RuledAlertsTests {
    var book = AlertBook(expireAfter: .seconds(300))

    static func alert(_ source: String, _ state: AlertState, since: Int = 0, now: Int = 0) -> Alert {
        Alert(
            labels: ["alertname": "ManyErrors", "source": source],
            state: state,
            activeAt: Scene.at(since),
            startsAt: Scene.at(since),
            endsAt: state == .resolved ? Scene.at(now) : nil,
            value: Double(now),
            updatedAt: Scene.at(now)
        )
    }

    mutating func say(_ now: Int, whole: Bool = true, _ alerts: Alert...) -> [AlertDecision] {
        book.setRuled(RuledAlerts(alerts: alerts, isWhole: whole), now: Scene.at(now))
    }

    @Test mutating func `fired and resolved are told once each, however often they are heard`() {
        #expect(say(0, Self.alert("shop", .pending)).isEmpty)
        #expect(book.entries.values.map(\.phase) == [.pending])
        let fired = say(30, Self.alert("shop", .firing, since: 30, now: 30))
        #expect(fired.map(\.reason) == [.fired])
        #expect(fired.map(\.previous) == [.pending])
        #expect(say(60, Self.alert("shop", .firing, since: 30, now: 60)).isEmpty)
        #expect(book.entries.values.first?.alert.value == 60)
        let resolved = say(90, Self.alert("shop", .resolved, since: 30, now: 90))
        #expect(resolved.map(\.reason) == [.resolved])
        #expect(say(120, Self.alert("shop", .resolved, since: 30, now: 90)).isEmpty)
    }

    @Test mutating func `what is heard again is not written again`() {
        _ = say(0, Self.alert("shop", .firing))
        _ = book.takeChanges()
        #expect(say(1, Self.alert("shop", .firing)).isEmpty)
        #expect(!book.hasChanges)
    }

    @Test mutating func `a rule that is gone ends what it said, unless not all is known yet`() {
        _ = say(0, Self.alert("shop", .firing), Self.alert("mail", .pending))
        #expect(say(10, whole: false).isEmpty)
        #expect(book.live.count == 2)
        let ended = say(20)
        #expect(ended.map(\.alert.state) == [.resolved])
        #expect(ended.first?.alert.endsAt == Scene.at(20))
        #expect(book.live.isEmpty)
    }

    @Test mutating func `rules that lost their state and begin to wait anew end nothing`() {
        _ = say(0, Self.alert("shop", .firing))
        #expect(say(10, Self.alert("shop", .pending, since: 10, now: 10)).isEmpty)
        #expect(book.entries.values.first?.phase == .firing)
        #expect(say(20, Self.alert("shop", .firing, since: 20, now: 20)).isEmpty)
        #expect(book.entries.values.first?.alert.startsAt == Scene.at(0))
    }

    @Test mutating func `neither expire nor do agents speak for them, nor they for agents`() {
        _ = say(0, Self.alert("shop", .firing))
        let same = Self.alert("shop", .firing)
        #expect(book.take(same, at: Scene.place(1), of: "web-1", now: Scene.at(0))?.reason == .fired)
        for second in [3_000, 6_000, 9_000] {
            let up = HostCondition(isUp: true, dataAt: Scene.at(second), collections: UInt64(second))
            _ = book.judge(now: Scene.at(second)) { _ in up }
        }
        #expect(book.live.map(\.host) == [AlertBook.ruledHost])
        _ = say(9_001)
        #expect(book.live.isEmpty)
    }

    @Test(arguments: 0..<40)
    func `whatever is lost or repeated between the rooms, each firing is told once and none is stuck`(_ seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var book = AlertBook(expireAfter: .seconds(300))
        var stored: [AlertKey: AlertEntry] = [:]
        var truth: [String: (state: AlertState, since: Int)] = [:]
        var known: [String: AlertState] = [:]
        var (now, isLost) = (0, false)
        func hear(_ ruled: RuledAlerts) {
            for decision in book.setRuled(ruled, now: Scene.at(now)) {
                let source = decision.alert.labels["source"] ?? ""
                #expect(known[source, default: .resolved] != decision.alert.state, "\(source) is told twice as \(decision.alert.state)")
                known[source] = decision.alert.state
            }
            for (key, entry) in book.takeChanges() { stored[key] = entry }
        }
        for _ in 0..<300 {
            now += Int.random(in: 1...60, using: &random)
            for source in ["a", "b", "c"] where Int.random(in: 0..<4, using: &random) == 0 {
                switch truth[source]?.state {
                case nil, .resolved: truth[source] = (.pending, now)
                case .pending: truth[source] = Bool.random(using: &random) ? (.firing, now) : nil
                case .firing: truth[source] = (.resolved, now)
                }
            }
            // The rules' own state is lost: what fires waits again, and not all is known.
            if Int.random(in: 0..<40, using: &random) == 0 {
                for source in truth.keys where truth[source]?.state == .firing { truth[source] = (.pending, now) }
                isLost = true
            } else if Int.random(in: 0..<5, using: &random) == 0 {
                isLost = false
            }
            if Int.random(in: 0..<10, using: &random) == 0 { book = AlertBook(expireAfter: .seconds(300), restoring: Array(stored.values)) }
            let alerts = truth.map { source, entry in Self.alert(source, entry.state, since: entry.since, now: now) }
            // Not handed over, once, or twice.
            for _ in 0..<Int.random(in: 0...2, using: &random) { hear(RuledAlerts(alerts: alerts, isWhole: !isLost)) }
        }
        truth = truth.filter { $0.value.state == .firing }
        hear(RuledAlerts(alerts: truth.map { Self.alert($0, $1.state, since: $1.since, now: now) }, isWhole: true))
        #expect(Set(known.filter { $0.value == .firing }.keys) == Set(truth.keys))
        #expect(book.live.count == truth.count)
    }
}
