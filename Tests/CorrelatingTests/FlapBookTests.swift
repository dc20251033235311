import Telemetry
import TestSupport
import Testing

@testable import Correlating

@Suite struct FlapBookTests {
    static let key = AlertKey(host: "web-1", fingerprint: 7)
    var book = FlapBook(FlappingConfig(changes: 4, window: .seconds(600), steady: .seconds(300)))

    mutating func take(_ seconds: Int) -> FlapVerdict { book.take(Self.key, now: Scene.at(seconds)) }

    @Test mutating func `the fourth change within the window is said, those behind it are held`() {
        #expect(take(0) == .tell)
        #expect(take(60) == .tell)
        #expect(take(120) == .tell)
        #expect(take(180) == .say(Flapping(since: Scene.at(0), changes: 4)))
        #expect(take(240) == .hold)
        #expect(take(300) == .hold)
        #expect(book.flapping(Self.key) == Flapping(since: Scene.at(0), changes: 6))
    }

    @Test mutating func `changes that are further apart are told for ever`() {
        for number in 0..<50 { #expect(take(number * 200) == .tell) }
        #expect(book.entries.count == 1)
    }

    @Test mutating func `steady for long enough, it is let go, and begins from nothing`() {
        for second in [0, 1, 2, 3, 4] { _ = take(second) }
        #expect(book.nextDeadline() == Scene.at(304))
        #expect(book.judge(now: Scene.at(303)).isEmpty)
        #expect(book.judge(now: Scene.at(304)) == [Self.key])
        #expect(book.entries.isEmpty)
        #expect(take(305) == .tell)
    }

    @Test mutating func `each change while it flaps begins the wait anew`() {
        for second in [0, 1, 2, 3, 200, 400, 600] { _ = take(second) }
        #expect(book.judge(now: Scene.at(899)).isEmpty)
        #expect(book.judge(now: Scene.at(900)) == [Self.key])
    }

    @Test mutating func `what changed once is forgotten behind the window`() {
        _ = take(0)
        #expect(book.judge(now: Scene.at(599)).isEmpty)
        #expect(book.entries.count == 1)
        #expect(book.judge(now: Scene.at(600)).isEmpty)
        #expect(book.entries.isEmpty)
    }

    @Test mutating func `a restart changes nothing`() {
        for second in [0, 1, 2, 3, 4] { _ = take(second) }
        book = FlapBook(FlappingConfig(changes: 4, window: .seconds(600), steady: .seconds(300)), restoring: book.entries)
        #expect(take(5) == .hold)
        #expect(book.judge(now: Scene.at(305)) == [Self.key])
    }

    @Test mutating func `switched off, nothing is held, and what flapped is let go`() {
        for second in [0, 1, 2, 3, 4] { _ = take(second) }
        book = FlapBook(nil, restoring: book.entries)
        #expect(book.nextDeadline() == .distantPast)
        #expect(book.judge(now: Scene.at(5)) == [Self.key])
        for second in 6..<50 { #expect(take(second) == .tell) }
        #expect(book.nextDeadline() == nil)
    }

    @Test mutating func `a clock that was set back holds nothing for ever`() {
        for second in [10_000, 10_001, 10_002, 10_003] { _ = take(second) }
        #expect(book.judge(now: Scene.at(0)).isEmpty)
        #expect(book.judge(now: Scene.at(299)).isEmpty)
        #expect(book.judge(now: Scene.at(300)) == [Self.key])
    }

    @Test(arguments: 0..<40)
    func `whatever happens, people end with the truth, and hear at most so much`(_ seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let config = FlappingConfig(changes: 4, window: .seconds(600), steady: .seconds(300))
        let makeID = Scene.counter()
        var stored: [AlertKey: FlapEntry] = [:]
        var (correlation, sequence, now, isFiring) = (
            Correlation(
                config: CorrelatingConfig(path: "", flapping: config),
                restoring: StoredCorrelation(nextSequence: 1),
                makeID: makeID
            ), UInt64(0), 0, false
        )
        var (told, changes): ([(at: Int, AlertTransition)], Int) = ([], 0)
        var state = StoredCorrelation(nextSequence: 1)
        func keep(_ transitions: [AlertTransition]) {
            told += transitions.map { (now, $0) }
            let written = correlation.takeChanges()
            for (key, entry) in written.flaps { stored[key] = entry }
            var alerts = Dictionary(uniqueKeysWithValues: state.alerts.map { ($0.key, $0) })
            for (key, entry) in written.alerts { alerts[key] = entry }
            var incidents = Dictionary(uniqueKeysWithValues: state.incidents.map { ($0.id, $0) })
            for incident in written.incidents { incidents[incident.id] = incident }
            state = StoredCorrelation(
                nextSequence: written.nextSequence,
                alerts: Array(alerts.values),
                incidents: Array(incidents.values),
                flaps: stored
            )
            if Int.random(in: 0..<10, using: &random) == 0 {
                correlation = Correlation(
                    config: CorrelatingConfig(path: "", flapping: config),
                    restoring: state,
                    makeID: makeID
                )
            }
        }
        func change() {
            isFiring.toggle()
            sequence += 1
            changes += 1
            let alert = isFiring ? Scene.firing(since: now) : Scene.resolved(since: now - 1, ended: now)
            let facts = BlockFacts(contact: Scene.contact(at: now, kind: .alerts), origin: Scene.place(sequence), alerts: [alert])
            keep(correlation.take(facts, now: Scene.at(now)))
        }
        for _ in 0..<400 {
            // Now quick, now slow.
            now += Int.random(in: 1...(Bool.random(using: &random) ? 60 : 400), using: &random)
            if Int.random(in: 0..<3, using: &random) > 0 { change() }
            keep(correlation.judge(now: Scene.at(now), mayBlameHosts: false))
        }
        now += 301
        keep(correlation.judge(now: Scene.at(now), mayBlameHosts: false))

        let heard = told.filter { !$0.1.isHistoryOnly }
        #expect(heard.last?.1.alert.state == (isFiring ? .firing : .resolved))
        #expect(correlation.alerts.entries.values.first?.phase == (isFiring ? .firing : .resolved))
        #expect(told.count { $0.1.reason != "steady" } == changes, "every change is in the history")
        // Between two that say the same there is one that says that it flaps, or that it is over.
        for (earlier, later) in zip(heard, heard.dropFirst()) where earlier.1.alert.state == later.1.alert.state {
            #expect([earlier.1.reason, later.1.reason].contains { $0 == "flapping" || $0 == "steady" })
        }
        for (index, (at, transition)) in heard.enumerated() where transition.reason == "flapping" {
            #expect(transition.alert.state == .firing)
            #expect(transition.alert.annotations["flapping"]?.contains("changes within") == true)
            guard index + 1 < heard.count else { continue }
            #expect(heard[index + 1].1.reason == "steady", "nothing is said while it flaps")
            #expect(heard[index + 1].at - at >= 300)
        }
    }
}
