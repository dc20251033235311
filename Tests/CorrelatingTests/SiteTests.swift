import Telemetry
import Testing

@testable import Correlating

/// Ten hosts of one site and one elsewhere; `after` is 90 s; all report every 10 s, host n at n seconds of it.
@Suite struct SiteTests {
    var correlation = Correlation(
        config: CorrelatingConfig(path: ":memory:"),
        restoring: StoredCorrelation(nextSequence: 1),
        makeID: Scene.counter()
    )
    var told: [AlertTransition] = []

    static let hosts = (0..<10).map { "fra-\($0)" }

    /// Plays the seconds; `speaks` says who sends then.
    mutating func play(from: Int, to: Int, _ speaks: (String, Int) -> Bool = { _, _ in true }) {
        for second in from..<to {
            let now = Scene.at(second)
            for (number, host) in (Self.hosts + ["ham-1"]).enumerated() where (second + 1000) % 10 == number % 10 && speaks(host, second) {
                let site = host.hasPrefix("fra") ? "site:fra" : "site:ham"
                let contact = Scene.contact(host, at: second, agent: UUID(high: 1, low: UInt64(number)), tags: ["linux", site])
                told += correlation.take(BlockFacts(contact: contact, origin: Scene.place(1), alerts: []), now: now)
            }
            if second % 5 == 0 { told += correlation.judge(now: now, mayBlameHosts: true) }
        }
    }

    var paged: [AlertTransition] { told.filter { !$0.isHistoryOnly } }

    func state(_ host: String) -> HostRecord.State? { correlation.leases.leases[host]?.record.state }

    @Test mutating func `a site that vanishes is one page, and its hosts are shown and explained`() {
        play(from: -200, to: 0)
        play(from: 0, to: 300) { host, _ in host == "ham-1" }
        #expect(paged.map(\.alert.name) == ["SiteUnreachable"])
        #expect(paged.first?.alert.labels["site"] == "site:fra")
        #expect(paged.first?.alert.annotations["summary"]?.contains("of 10 hosts") == true)
        #expect(told.count { $0.reason == "host_down_folded" } == 10)
        #expect(Self.hosts.allSatisfy { state($0) == .down })
        let lease = correlation.leases.leases["fra-3"]
        #expect(lease.map { correlation.leases.reason(of: $0, now: Scene.at(300)) }?.contains("SiteUnreachable") == true)
        // One incident for all of it.
        #expect(Set(told.map(\.incident)).count == 1)
        let alert = correlation.alerts.entries[AlertKey(host: "", fingerprint: SiteUnreachable.labels(of: "site:fra").fingerprint)]?.alert
        #expect(alert?.annotations["hosts"] == Self.hosts.joined(separator: ", "))
    }

    @Test mutating func `when the site is back, so are its hosts, and nobody hears of each`() {
        play(from: -200, to: 0)
        play(from: 0, to: 300) { host, _ in host == "ham-1" }
        play(from: 300, to: 600)
        #expect(paged.map(\.reason) == ["site_unreachable", "site_reachable"])
        #expect(told.count { $0.reason == "host_back" } == 10)
        #expect(Self.hosts.allSatisfy { state($0) == .up })
        #expect(correlation.leases.outages.isEmpty)
        #expect(correlation.incidents.entries.values.allSatisfy { !$0.isOpen })
    }

    @Test mutating func `a host that stays down when the site is back is told for itself, and its end too`() {
        play(from: -200, to: 0)
        play(from: 0, to: 300) { host, _ in host == "ham-1" }
        play(from: 300, to: 600) { host, _ in host != "fra-7" }
        #expect(paged.map(\.reason) == ["site_unreachable", "site_reachable", "host_down"])
        #expect(paged.last?.alert.labels["host"] == "fra-7")
        #expect(paged.last?.alert.foldedInto == nil)
        play(from: 600, to: 620)
        #expect(paged.last?.reason == "host_back")
        #expect(correlation.incidents.entries.values.allSatisfy { !$0.isOpen })
    }

    @Test mutating func `few hosts of a site are told one by one, and at once`() {
        play(from: -200, to: 0)
        play(from: 0, to: 200) { host, _ in !["fra-1", "fra-2"].contains(host) }
        #expect(paged.map(\.alert.name) == ["HostDown", "HostDown"])
        #expect(paged.allSatisfy { $0.alert.startsAt <= Scene.at(90) })
    }

    @Test mutating func `a host that vanishes while others are late waits for their leases, not longer`() {
        play(from: -200, to: 0)
        // fra-0 falls silent; four more are late when its lease ends, and then come back.
        play(from: 0, to: 40) { host, _ in host != "fra-0" }
        play(from: 40, to: 105) { host, _ in !["fra-0", "fra-1", "fra-2", "fra-3", "fra-4"].contains(host) }
        #expect(paged.isEmpty)
        #expect(state("fra-0") == .late)
        play(from: 105, to: 125) { host, _ in host != "fra-0" }
        #expect(paged.map(\.alert.labels["host"]) == ["fra-0"])
    }

    @Test mutating func `a planned absence of a site's hosts is none of its outage`() {
        play(from: -200, to: 0)
        for host in Self.hosts.prefix(8) {
            correlation.leases.take(.stopped(.shutdown, at: Scene.at(0)), of: host, receivedAt: Scene.at(0), now: Scene.at(0))
        }
        play(from: 0, to: 400) { host, _ in ["ham-1", "fra-9"].contains(host) }
        #expect(paged.map(\.alert.labels["host"]) == ["fra-8"])
    }

    @Test mutating func `an outage goes on through a restart, told once`() throws {
        play(from: -200, to: 0)
        play(from: 0, to: 300) { host, _ in host == "ham-1" }
        let store = try CorrelationStore(path: ":memory:", now: Scene.noon)
        try store.write(correlation.takeChanges(), transitions: told, cursor: 7, now: Scene.at(300))
        var stored = try store.load()
        #expect(stored.outages.map(\.site) == ["site:fra"])
        #expect(stored.leases.count { $0.foldedInto == "site:fra" } == 10)
        stored.nextSequence = correlation.nextSequence
        correlation = Correlation(config: CorrelatingConfig(path: ":memory:"), restoring: stored, makeID: Scene.counter())
        correlation.resume(at: Scene.at(400))
        told = []
        play(from: 400, to: 700) { host, _ in host == "ham-1" }
        #expect(paged.isEmpty)
        play(from: 700, to: 900)
        #expect(paged.map(\.reason) == ["site_reachable"])
    }

    @Test mutating func `a forgotten host takes its alerts along`() {
        play(from: -200, to: 0)
        play(from: 0, to: 200) { host, _ in host != "ham-1" }
        #expect(paged.map(\.reason) == ["host_down"])
        let forgotten = correlation.forget(host: "ham-1", by: "eva", now: Scene.at(210))
        #expect(forgotten?.map(\.reason) == ["host_forgotten"])
        #expect(forgotten?.first?.alert.annotations["summary"] == "ham-1 is gone for good, says eva")
        #expect(correlation.forget(host: "ham-1", by: "eva", now: Scene.at(211)) == nil)
    }

    @Test mutating func `five hundred hosts of a site are one page, one incident, and five hundred rows to look at`() {
        _ = correlation.judge(now: Scene.at(-10), mayBlameHosts: true)
        for number in 0..<500 {
            let contact = Scene.contact("host-\(number)", at: 0, agent: UUID(high: 2, low: UInt64(number)), tags: ["site:fra"])
            _ = correlation.take(BlockFacts(contact: contact, origin: Scene.place(1), alerts: []), now: Scene.at(0))
        }
        for second in stride(from: 0, through: 120, by: 10) { told += correlation.judge(now: Scene.at(second), mayBlameHosts: true) }
        #expect(paged.map(\.alert.name) == ["SiteUnreachable"])
        #expect(paged.first?.alert.annotations["summary"] == "site:fra cannot be reached: 500 of 500 hosts are silent")
        #expect(paged.first?.alert.annotations["hosts"]?.hasSuffix("and 450 more") == true)
        #expect(told.count == 501)
        #expect(correlation.incidents.entries.count == 1)
        #expect(correlation.incidents.entries.values.first?.hosts.count == 500)
    }
}
