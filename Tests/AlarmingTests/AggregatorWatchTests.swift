import JSON
import Telemetry
import Testing
import Transferring

@testable import Alarming

@Suite(.timeLimit(.minutes(1))) struct AggregatorWatchTests {
    private static let hook = AlarmConfig.Receiver.webhook(AlarmConfig.Webhook(url: "http://127.0.0.1:9/hook"))

    private func told(_ host: Host) -> [String] {
        host.web.bodies.map { "\($0["alerts"]?[0]?["labels"]?["alertname"]?.string ?? "") \($0["status"]?.string ?? "")" }
    }

    @Test func `an aggregator that is away or unwell for the set time is told here, though nothing fires, and so is its return`() async {
        let host = Host([Self.hook], watchAfter: .seconds(120))
        await host.pass(10)
        host.health.answer(503)
        for _ in 0..<12 { await host.pass(10) }
        #expect(told(host) == [])
        await host.pass(10)
        #expect(told(host) == ["AggregatorUnreachable firing"])
        #expect(host.web.bodies[0]["alerts"]?[0]?["annotations"]?["summary"]?.string?.contains("/health answers 503") == true)
        for _ in 0..<30 { await host.pass(10) }
        #expect(told(host).count == 1)
        host.health.answer(200)
        await host.pass(10)
        #expect(told(host) == ["AggregatorUnreachable firing", "AggregatorUnreachable resolved"])
        await host.pass(100)
        #expect(told(host).count == 2)
    }

    @Test func `the aggregator learns of it as of something that was told here`() async {
        let host = Host([Self.hook], watchAfter: .seconds(60))
        host.health.answer(503)
        for _ in 0..<20 { await host.pass(10) }
        host.health.answer(200)
        await host.pass(10)
        #expect(host.store.alerts.allSatisfy { $0.isToldLocally })
        #expect(host.store.alerts.first?.state == .firing)
        #expect(host.store.alerts.last?.state == .resolved)
        // Repeated each minute while it fired: the aggregator takes what is not repeated as over.
        #expect(host.store.alerts.count >= 3)
    }

    @Test func `one that answers and takes nothing is unwell too, a short absence is not`() async {
        let host = Host([Self.hook], watchAfter: .seconds(60))
        host.aggregator(.fails("401: no such token"), waits: true)
        for _ in 0..<5 { await host.pass(10) }
        host.aggregator(.takes, waits: false)
        for _ in 0..<20 { await host.pass(10) }
        #expect(told(host) == [])
        host.aggregator(.fails("401: no such token"), waits: true)
        for _ in 0..<8 { await host.pass(10) }
        #expect(told(host) == ["AggregatorUnreachable firing"])
    }

    @Test func `a restart meanwhile tells nobody a second time, and the end all the same`() async {
        let host = Host([Self.hook], watchAfter: .seconds(60))
        host.health.answer(503)
        for _ in 0..<8 { await host.pass(10) }
        #expect(told(host).count == 1)
        let second = Host([Self.hook], watchAfter: .seconds(60), checkpoint: host.checkpoint(firing: []))
        second.health.answer(503)
        for _ in 0..<20 { await second.pass(10) }
        #expect(told(second) == [])
        second.health.answer(200)
        await second.pass(10)
        #expect(told(second) == ["AggregatorUnreachable resolved"])
    }

    @Test func `who does not watch asks nobody`() async {
        let host = Host([Self.hook])
        host.health.answer(503)
        for _ in 0..<100 { await host.pass(10) }
        #expect(told(host) == [])
    }
}
