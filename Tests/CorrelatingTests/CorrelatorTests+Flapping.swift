import Telemetry
import TestSupport
import Testing

@testable import Correlating

extension CorrelatorTests {
    private func say(_ correlator: Correlator, firing: Bool) async throws {
        var alert = Scene.firing("ManyErrors", since: 0)
        alert.labels = ["alertname": "ManyErrors", "source": "shop"]
        (alert.startsAt, alert.updatedAt) = (time.now(), time.now())
        try await correlator.accept(RuledAlerts(alerts: firing ? [alert] : [], isWhole: true))
    }

    @Test func `a rule's alert that comes and goes is held, through a restart, and let go when it is steady`() async throws {
        var correlator = makeCorrelator()
        try await whileRunning(correlator) {
            for number in 0..<6 { try await say(correlator, firing: number % 2 == 0) }
            await people.wait(for: 6)
        }
        #expect(people.taken.map(\.reason) == ["fired", "resolved", "fired", "flapping", "held_flapping", "held_flapping"])
        #expect(people.taken.map(\.isHistoryOnly) == [false, false, false, false, true, true])
        #expect(people.taken[3].alert.state == .firing)
        #expect(people.taken[3].alert.annotations["flapping"] == "4 changes within 0 s; held until it is steady for 600 s")
        correlator = makeCorrelator()
        try await whileRunning(correlator) {
            try await say(correlator, firing: false)
            let shown = await correlator.shownAlerts()
            #expect(shown.map(\.alert.state) == [.resolved])
            #expect(shown.first?.flapping == Flapping(since: Scene.noon, changes: 6))
            await time.waitForSleepers()
            time.advance(by: .seconds(601))
            await people.wait(for: 7)
            #expect(await correlator.shownAlerts().first?.flapping == nil)
        }
        #expect(people.taken[6].reason == "steady")
        #expect(people.taken[6].alert.state == .resolved)
        #expect(!people.taken[6].isHistoryOnly)
        let types = log.ownEvents.map(\.type)
        #expect(types.count { $0 == "alert.flapping" } == 1)
        #expect(types.count { $0 == "alert.steady" } == 1)
    }

    @Test func `what the rules say again, also after a restart, is told once`() async throws {
        var correlator = makeCorrelator()
        try await whileRunning(correlator) {
            for _ in 0..<3 { try await say(correlator, firing: true) }
            await people.wait(for: 1)
        }
        correlator = makeCorrelator()
        try await whileRunning(correlator) {
            try await say(correlator, firing: true)
            #expect(await correlator.alerts().map(\.state) == [.firing])
            let listed = try await correlator.incidents(IncidentQuery(limit: 10)).incidents
            #expect(listed.map(\.hosts) == [[]])
            try await say(correlator, firing: false)
            await people.wait(for: 2)
        }
        #expect(people.taken.map(\.reason) == ["fired", "resolved"])
    }
}
