import Telemetry
import TestSupport
import Testing

@testable import Correlating

/// A host with three alerts that come and go, a network that fails, blocks that come twice or in another order, an aggregator that is
/// started again at any moment: whatever happens, the state people know ends as the truth, and no firing is told twice.
@Suite struct CorrelationModelTests {
    struct Model {
        var random: SeededGenerator
        let makeID = Scene.counter()
        /// Held changes are another model's: FlappingModelTests.
        let config = CorrelatingConfig(path: "", flapping: nil)
        var correlation: Correlation
        var stored = StoredCorrelation(nextSequence: 1000)
        var told: [AlertTransition] = []
        var now = 0
        /// Name → start of what fires in truth.
        var firing: [String: Int] = [:]
        var lastSent: [String: Int] = [:]
        var episodes: [(name: String, start: Int, end: Int?)] = []
        var sequence: UInt64 = 0
        var queue: [BlockFacts] = []
        var samples = 0
        var awayFor = 0
        var isOnline = true
        let reorders: Bool

        init(seed: UInt64, reorders: Bool) {
            random = SeededGenerator(seed: seed)
            self.reorders = reorders
            correlation = Correlation(config: config, restoring: stored, makeID: makeID)
            correlation.resume(at: Scene.at(0))
        }

        mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

        mutating func send(_ alert: Alert) {
            sequence += 1
            lastSent[alert.name] = now
            let contact = Scene.contact(at: now, kind: .alerts)
            queue.append(BlockFacts(contact: contact, origin: Scene.place(sequence), alerts: [alert]))
        }

        /// Ten seconds of the host's life.
        mutating func live(calm: Bool = false) {
            now += 10
            for name in ["A", "B", "C"] {
                if let start = firing[name] {
                    if !calm, chance(8) {
                        firing[name] = nil
                        if let index = episodes.lastIndex(where: { $0.name == name }) { episodes[index].end = now }
                        send(Scene.resolved(name, since: start, ended: now))
                    } else if now - lastSent[name, default: 0] >= 60 {
                        send(Scene.firing(name, since: start, updated: now))
                    }
                } else if !calm, chance(5) {
                    firing[name] = now
                    episodes.append((name, now, nil))
                    send(Scene.firing(name, since: now))
                }
            }
            samples += 1
            if !calm, chance(3) { isOnline.toggle() }
            if calm { isOnline = true }
            if awayFor > 0 {
                // The aggregator is away: the host lives on.
                awayFor -= 1
                return
            }
            if isOnline { deliver() }
            collect(correlation.judge(now: Scene.at(now), mayBlameHosts: true))
            commit()
            if chance(10) { restart() }
            if !calm, chance(1) { sleep() }
        }

        /// The alerts lane goes first; several blocks may arrive twice or exchanged.
        mutating func deliver() {
            var blocks = queue
            queue = []
            if reorders, blocks.count > 1 {
                for index in 1..<blocks.count where chance(30) { blocks.swapAt(index - 1, index) }
            }
            for block in blocks {
                var received = block
                received.contact.receivedAt = Scene.at(now)
                collect(correlation.take(received, now: Scene.at(now)))
                if chance(20) { collect(correlation.take(received, now: Scene.at(now))) }
                if reorders, chance(10), let earlier = blocks.randomElement(using: &random) {
                    collect(correlation.take(earlier, now: Scene.at(now)))
                }
            }
            for _ in 0..<samples {
                let facts = BlockFacts(contact: Scene.contact(at: now), origin: Scene.place(0), alerts: [])
                collect(correlation.take(facts, now: Scene.at(now)))
            }
            samples = 0
        }

        mutating func collect(_ transitions: [AlertTransition]) { told += transitions }

        mutating func commit() {
            let changes = correlation.takeChanges()
            var alerts = Dictionary(uniqueKeysWithValues: stored.alerts.map { ($0.key, $0) })
            for (key, entry) in changes.alerts { alerts[key] = entry }
            var leases = Dictionary(uniqueKeysWithValues: stored.leases.map { ($0.record.host, $0) })
            for (host, lease) in changes.leases { leases[host] = lease }
            var incidents = Dictionary(uniqueKeysWithValues: stored.incidents.map { ($0.id, $0) })
            for incident in changes.incidents { incidents[incident.id] = incident }
            stored.alerts = Array(alerts.values)
            stored.leases = Array(leases.values)
            stored.incidents = Array(incidents.values)
            stored.nextSequence = changes.nextSequence
        }

        /// What was decided since the last commit is gone, with what it told; here everything was committed.
        mutating func restart() {
            if chance(50) { awayFor = Int.random(in: 1...60, using: &random) }
            correlation = Correlation(config: config, restoring: stored, makeID: makeID)
            correlation.resume(at: Scene.at(now))
        }

        /// Everybody sleeps, as a laptop does.
        mutating func sleep() { now += 10 * Int.random(in: 1...200, using: &random) }
    }

    @Test(arguments: 0..<60)
    func `whatever the network and restarts do, people know the truth in the end and hear each firing once`(_ seed: Int) {
        var model = Model(seed: UInt64(seed), reorders: seed % 2 == 1)
        for _ in 0..<400 { model.live() }
        for _ in 0..<90 { model.live(calm: true) }

        #expect(model.told.map(\.sequence) == Array(1000..<1000 + UInt64(model.told.count)))
        var known: [String: AlertState] = [:]
        var firedStarts: [String: Set<Timestamp>] = [:]
        for transition in model.told where transition.alert.name != "HostDown" {
            let name = transition.alert.name
            if transition.isHistoryOnly {
                #expect(known[name] != .firing, "history of \(name) while it fires")
                continue
            }
            #expect(known[name, default: .resolved] != transition.alert.state, "\(name) told twice as \(transition.alert.state)")
            known[name] = transition.alert.state
            if transition.alert.state == .firing {
                let isNew = firedStarts[name, default: []].insert(transition.alert.startsAt).inserted
                #expect(isNew, "the firing of \(name) at \(transition.alert.startsAt) was told twice")
            }
        }
        for name in ["A", "B", "C"] {
            #expect((known[name] == .firing) == (model.firing[name] != nil), "\(name) is stuck")
        }
        if !model.reorders {
            // In order, nothing may be missing: each episode was told or is history.
            for episode in model.episodes {
                let isKnown = model.told.contains { $0.alert.name == episode.name && $0.alert.startsAt == Scene.at(episode.start) }
                #expect(isKnown, "\(episode.name) at \(episode.start) was never told")
            }
        }
        let open = model.stored.incidents.filter(\.isOpen)
        #expect(open.count == (model.firing.isEmpty ? 0 : 1))
        #expect(Set(open.first?.firing ?? []) == Set(model.firing.keys.map { Scene.labels($0).fingerprint }))
    }

    @Test(arguments: 0..<20)
    func `a host may write any moment and any number: nothing traps, nothing grows without end`(_ seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        var correlation = Correlation(config: CorrelatingConfig(path: ""), restoring: StoredCorrelation(nextSequence: 1), makeID: Scene.counter())
        let moments: [Int64] = [.min, .min + 1, -1, 0, 1, Scene.noon.nanoseconds, .max - 1, .max]
        func moment() -> Timestamp {
            let value = moments.randomElement(using: &random) ?? 0
            return Timestamp(nanoseconds: value &+ Int64.random(in: -5_000_000_000...5_000_000_000, using: &random))
        }
        for number in 0..<500 {
            var alert = Scene.firing(["A", "B", "C"].randomElement(using: &random) ?? "A", since: 0)
            (alert.startsAt, alert.activeAt, alert.updatedAt) = (moment(), moment(), moment())
            alert.endsAt = Bool.random(using: &random) ? moment() : nil
            alert.state = AlertState.allCases.randomElement(using: &random) ?? .firing
            alert.value = [.nan, .infinity, -.infinity, 0].randomElement(using: &random) ?? 0
            var contact = Scene.contact(at: number, kind: .alerts)
            contact.dataAt = moment()
            let place = Scene.place(UInt64.random(in: 0...UInt64.max, using: &random), row: .max)
            let told = correlation.take(BlockFacts(contact: contact, origin: place, alerts: [alert]), now: Scene.at(number))
            _ = correlation.judge(now: Scene.at(number), mayBlameHosts: true)
            for transition in told { _ = OwnEvents.batch(for: transition, receivedAt: Scene.at(number)) }
            if let opened = told.first {
                let event = Event(timestamp: moment(), source: "app", type: "log.line", severity: .error, host: "web-1")
                correlation.incidents.add([event], of: opened.alert.labels["host"] ?? "")
            }
        }
        _ = correlation.takeChanges()
        #expect(correlation.alerts.entries.count <= 3)
        #expect(correlation.incidents.entries.count <= CorrelatingLimits.closedIncidentsInMemory + 1)
    }
}
