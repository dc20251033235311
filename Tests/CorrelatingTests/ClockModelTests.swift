import Telemetry
import TestSupport
import Testing

@testable import Correlating

/// A host whose clock is off, and is set now and then; whose agent loses its spool and begins anew under another id; that stays away for a while; an aggregator
/// that is started again at any moment. Whatever happens, nothing is told twice and nothing is stuck.
@Suite struct ClockModelTests {
    struct Model {
        var random: SeededGenerator
        let makeID = Scene.counter()
        let config = CorrelatingConfig(path: "", flapping: nil)
        var correlation: Correlation
        var stored: [AlertKey: AlertEntry] = [:]
        var leases: [String: HostLease] = [:]
        var nextSequence: UInt64 = 1
        var told: [AlertTransition] = []
        var now = 0
        /// The host's clock is so many seconds ahead of ours.
        var offset = 0
        var agent = UUID(high: 0xA, low: 1)
        var sequence: UInt64 = 0
        /// Name → start of what fires in truth, by the host's clock.
        var firing: [String: Int] = [:]
        var sentAt: [String: Int] = [:]
        var queue: [BlockFacts] = []
        var isOnline = true

        init(seed: UInt64) {
            random = SeededGenerator(seed: seed)
            correlation = Correlation(config: config, restoring: StoredCorrelation(nextSequence: 1), makeID: makeID)
            correlation.resume(at: Scene.at(0))
        }

        mutating func chance(_ percent: Int) -> Bool { Int.random(in: 0..<100, using: &random) < percent }

        mutating func send(_ alert: Alert) {
            sequence += 1
            sentAt[alert.name] = now
            var contact = Scene.contact(at: now, kind: .alerts, agent: agent)
            contact.dataAt = alert.updatedAt
            queue.append(BlockFacts(contact: contact, origin: Scene.place(sequence, agent: agent), alerts: [alert]))
        }

        /// Ten seconds of the host's life, or a calm minute.
        mutating func live(calm: Bool = false) {
            now += calm ? 60 : 10
            if !calm {
                if chance(2) { offset = [0, 3, -3, 3_600, -3_600, 9 * 86_400, -9 * 86_400].randomElement(using: &random) ?? 0 }
                if chance(1) { loseSpool() }
                if chance(3) { isOnline.toggle() }
            } else {
                isOnline = true
            }
            let clock = now + offset
            for name in ["A", "B", "C"] {
                if let start = firing[name] {
                    if !calm, chance(8) {
                        firing[name] = nil
                        send(Scene.resolved(name, since: start, ended: clock))
                    } else if now - sentAt[name, default: 0] >= 60 {
                        send(Scene.firing(name, since: start, updated: clock))
                    }
                } else if !calm, chance(5) {
                    firing[name] = clock
                    send(Scene.firing(name, since: clock))
                }
            }
            if isOnline { deliver() }
            told += correlation.judge(now: Scene.at(now), mayBlameHosts: true)
            commit()
            if chance(5) {
                let state = StoredCorrelation(nextSequence: nextSequence, alerts: Array(stored.values), leases: Array(leases.values))
                correlation = Correlation(config: config, restoring: state, makeID: makeID)
                correlation.resume(at: Scene.at(now))
            }
        }

        /// What was not sent yet is gone, and so is what the agent knew: it judges anew.
        mutating func loseSpool() {
            agent = UUID(high: random.next(), low: 1)
            (sequence, queue) = (0, [])
            for name in firing.keys {
                if chance(50) {
                    firing[name] = nil
                } else {
                    firing[name] = now + offset
                    send(Scene.firing(name, since: now + offset))
                }
            }
        }

        mutating func deliver() {
            for block in queue {
                var received = block
                received.contact.receivedAt = Scene.at(now)
                told += correlation.take(received, now: Scene.at(now))
                if chance(20) { told += correlation.take(received, now: Scene.at(now)) }
            }
            queue = []
            var contact = Scene.contact(at: now, agent: agent)
            contact.dataAt = Scene.at(now + offset)
            told += correlation.take(BlockFacts(contact: contact, origin: Scene.place(0, agent: agent), alerts: []), now: Scene.at(now))
        }

        mutating func commit() {
            let changes = correlation.takeChanges()
            for (key, entry) in changes.alerts { stored[key] = entry }
            for (host, lease) in changes.leases { leases[host] = lease }
            nextSequence = changes.nextSequence
        }
    }

    @Test(arguments: 0..<40)
    func `a clock that is off, an agent that begins anew and restarts page nobody twice, and leave nothing stuck`(_ seed: Int) {
        var model = Model(seed: UInt64(seed))
        for _ in 0..<500 { model.live() }
        // What a clock that was set back holds up is over after a day.
        for _ in 0..<1_500 { model.live(calm: true) }
        var known: [String: AlertState] = [:]
        for transition in model.told where transition.alert.name != "HostDown" && !transition.isHistoryOnly {
            let name = transition.alert.name
            #expect(known[name, default: .resolved] != transition.alert.state, "\(name) is told twice as \(transition.alert.state)")
            known[name] = transition.alert.state
        }
        for name in ["A", "B", "C"] {
            #expect((known[name] == .firing) == (model.firing[name] != nil), "\(name) is stuck: people know \(String(describing: known[name]))")
        }
    }
}
