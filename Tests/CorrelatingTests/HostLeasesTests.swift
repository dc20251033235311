import Telemetry
import Testing

@testable import Correlating

@Suite struct HostLeasesTests {
    /// `after` is 90 s; judged every 10 s, as a running aggregator does at least.
    var leases = HostLeases(HostDownConfig(after: .seconds(90), forgetAfter: .seconds(86_400)))

    mutating func renew(_ host: String = "web-1", at seconds: Int, now: Int? = nil) -> HostVerdict? {
        leases.renew(Scene.contact(host, at: seconds), now: Scene.at(now ?? seconds))
    }

    mutating func judge(from: Int, to: Int) -> [(second: Int, verdict: HostVerdict)] {
        stride(from: from, through: to, by: 10).flatMap { second in leases.judge(now: Scene.at(second)).map { (second, $0) } }
    }

    func state(_ host: String = "web-1") -> HostRecord.State? { leases.leases[host]?.record.state }

    @Test mutating func `a silent host goes from up to late to down, and is told once`() {
        #expect(judge(from: -200, to: 0).isEmpty)
        _ = renew(at: 0)
        #expect(judge(from: 0, to: 40).isEmpty)
        #expect(state() == .up)
        #expect(judge(from: 50, to: 80).isEmpty)
        #expect(state() == .late)
        let told = judge(from: 90, to: 600)
        #expect(told.map(\.second) == [90])
        guard case .down(let lease, let startsAt)? = told.first?.verdict else {
            Issue.record("not told as down")
            return
        }
        #expect(startsAt == Scene.at(90))
        #expect(lease.record.lastContact == Scene.at(0))
        #expect(state() == .down)
    }

    @Test mutating func `a host that comes back is told once`() {
        _ = judge(from: -200, to: 0)
        _ = renew(at: 0)
        _ = judge(from: 0, to: 200)
        #expect(state() == .down)
        guard case .back? = renew(at: 205) else {
            Issue.record("not told as back")
            return
        }
        #expect(renew(at: 206) == nil)
        #expect(state() == .up)
    }

    @Test mutating func `old data delivered now says that the host is up`() {
        _ = judge(from: -200, to: 0)
        var contact = Scene.contact(at: 0)
        contact.dataAt = Scene.at(-9 * 86_400)
        _ = leases.renew(contact, now: Scene.at(1))
        #expect(state() == .up)
        #expect(judge(from: 10, to: 80).isEmpty)
    }

    @Test mutating func `after a start nobody is called down before a whole period`() {
        _ = renew("web-1", at: 0)
        _ = renew("web-2", at: 0)
        // Away for an hour.
        leases.resume(at: Scene.at(3600))
        #expect(state() == .unknown)
        #expect(judge(from: 3600, to: 3680).isEmpty)
        #expect(renew("web-2", at: 3685) == nil)
        #expect(state("web-2") == .up)
        // They come back one after the other: whoever is silent may be next.
        #expect(judge(from: 3690, to: 3690).isEmpty)
        let told = judge(from: 3700, to: 3760)
        #expect(told.map(\.second) == [3700])
        #expect(told.map(\.verdict.host) == ["web-1"])
        guard case .down(_, let startsAt)? = told.first?.verdict else { return }
        #expect(startsAt == Scene.at(3700))
    }

    @Test mutating func `the time for coming back goes on while hosts come back, and has an end`() {
        for number in 0..<200 { _ = renew("web-\(number)", at: 0) }
        leases.resume(at: Scene.at(3600))
        var told: [(second: Int, verdict: HostVerdict)] = []
        // One every 10 s; web-199 never.
        for number in 0..<199 {
            let second = 3600 + number * 10
            if second < 4190 { _ = renew("web-\(number)", at: second) }
            for other in 0..<min(number, 59) { _ = renew("web-\(other)", at: second) }
            told += judge(from: second, to: second)
        }
        #expect(told.first?.second == 4200)
        #expect(told.count == 200 - 59)
    }

    @Test mutating func `without anybody's return the time is over after one period`() {
        _ = renew("web-1", at: 0)
        leases.resume(at: Scene.at(3600))
        #expect(judge(from: 3600, to: 3760).map(\.second) == [3690])
    }

    @Test(arguments: [(away: 10, grace: 25), (away: 3600, grace: 75)])
    func `agents that wait before they try again are not down, however short the lease`(_ scene: (away: Int, grace: Int)) {
        var leases = HostLeases(HostDownConfig(after: .seconds(5), forgetAfter: .seconds(86_400)))
        _ = leases.renew(Scene.contact(at: 0), now: Scene.at(0))
        leases.resume(at: Scene.at(scene.away))
        for second in 1..<scene.grace { #expect(leases.judge(now: Scene.at(scene.away + second)).isEmpty) }
        #expect(leases.judge(now: Scene.at(scene.away + scene.grace)).count == 1)
    }

    @Test mutating func `a host that was down stays down through a restart, told once`() {
        _ = judge(from: -200, to: 0)
        _ = renew(at: 0)
        #expect(judge(from: 10, to: 200).count == 1)
        var restored = HostLeases(HostDownConfig(after: .seconds(90), forgetAfter: .seconds(86_400)), restoring: Array(leases.leases.values))
        restored.resume(at: Scene.at(300))
        for second in stride(from: 300, through: 900, by: 10) { #expect(restored.judge(now: Scene.at(second)).isEmpty) }
        #expect(restored.leases["web-1"]?.record.state == .down)
        guard case .back? = restored.renew(Scene.contact(at: 905), now: Scene.at(905)) else {
            Issue.record("not told as back")
            return
        }
    }

    @Test(arguments: [3600, -3600])
    func `a stall, or a jump of our clock, blames no host`(_ jump: Int) {
        var leases = HostLeases(HostDownConfig(after: .seconds(90), forgetAfter: .seconds(86_400)))
        for second in stride(from: -200, through: 0, by: 10) { _ = leases.judge(now: Scene.at(second)) }
        _ = leases.renew(Scene.contact(at: 0), now: Scene.at(0))
        var verdicts: [HostVerdict] = []
        for second in stride(from: jump, through: jump + 80, by: 10) { verdicts += leases.judge(now: Scene.at(second)) }
        #expect(verdicts.isEmpty)
        // And when it stays silent, the jump does not save it.
        for second in stride(from: jump + 90, through: jump + 300, by: 10) { verdicts += leases.judge(now: Scene.at(second)) }
        #expect(verdicts.count == 1)
    }

    @Test mutating func `a block received long ago and read only now brings nobody back`() {
        _ = judge(from: -200, to: 0)
        _ = renew(at: 0)
        _ = judge(from: 10, to: 200)
        #expect(renew(at: 50, now: 210) == nil)
        #expect(state() == .down)
    }

    @Test mutating func `a host that stays down is forgotten in the end`() {
        _ = judge(from: -200, to: 0)
        _ = renew(at: 0)
        let told = judge(from: 10, to: 86_500)
        #expect(told.count == 2)
        guard case .forgotten? = told.last?.verdict else {
            Issue.record("not forgotten")
            return
        }
        #expect(leases.leases.isEmpty)
        #expect(Array(leases.takeChanges().values) == [HostLease?.none])
    }

    @Test mutating func `the next look is never past the end of a lease`() {
        _ = judge(from: -200, to: 0)
        _ = renew(at: 0)
        var now = Scene.at(1)
        var looks = 0
        while state() != .down, looks < 100 {
            now = leases.nextDeadline(now: now)
            _ = leases.judge(now: now)
            looks += 1
        }
        #expect(now == Scene.at(90))
        #expect(looks < 20)
    }

    // MARK: Goodbyes

    mutating func goodbye(_ kind: AgentNotice.Absence = .reboot, at seconds: Int) {
        _ = leases.renew(Scene.contact(at: seconds, kind: .events), now: Scene.at(seconds))
        leases.take(.stopped(kind, at: Scene.at(seconds)), of: "web-1", receivedAt: Scene.at(seconds), now: Scene.at(seconds))
    }

    @Test mutating func `a host that said goodbye is planned, and down when it does not come back in time`() {
        _ = judge(from: -200, to: 0)
        _ = renew(at: 0)
        goodbye(at: 10)
        #expect(state() == .planned)
        #expect(judge(from: 10, to: 900).isEmpty)
        #expect(state() == .planned)
        let told = judge(from: 910, to: 1000)
        #expect(told.map(\.second) == [910])
        guard case .down(let lease, let startsAt)? = told.first?.verdict else {
            Issue.record("not told as down")
            return
        }
        #expect(startsAt == Scene.at(910))
        #expect(lease.goodbye?.kind == .reboot)
        #expect(leases.reason(of: lease, now: Scene.at(910)).contains("rebooting"))
    }

    @Test mutating func `what was collected before the goodbye and arrives behind it takes nothing back`() {
        _ = renew(at: 0)
        goodbye(at: 10)
        var contact = Scene.contact(at: 11)
        contact.dataAt = Scene.at(9)
        #expect(leases.renew(contact, now: Scene.at(11)) == nil)
        #expect(state() == .planned)
        #expect(renew(at: 40) == nil)
        #expect(state() == .up)
        #expect(leases.leases["web-1"]?.goodbye == nil)
    }

    @Test mutating func `an agent that begins again ends its absence, whatever its clock says`() {
        _ = renew(at: 0)
        goodbye(at: 10)
        var contact = Scene.contact(at: 60, kind: .events)
        contact.dataAt = Scene.at(-86_400)
        _ = leases.renew(contact, now: Scene.at(60))
        leases.take(.started(at: contact.dataAt), of: "web-1", receivedAt: Scene.at(60), now: Scene.at(60))
        #expect(state() == .up)
    }

    @Test mutating func `a planned absence goes on through a restart of the aggregator`() {
        _ = renew(at: 0)
        goodbye(.upgrade, at: 10)
        var restored = HostLeases(leases.config, restoring: Array(leases.leases.values))
        restored.resume(at: Scene.at(300))
        #expect(restored.leases["web-1"]?.record.state == .planned)
        for second in stride(from: 300, through: 900, by: 10) { #expect(restored.judge(now: Scene.at(second)).isEmpty) }
        #expect(restored.judge(now: Scene.at(910)).count == 1)
    }

    @Test mutating func `a host that is gone for good is forgotten at an operator's word, and comes back when it sends`() {
        _ = renew(at: 0)
        guard case .forgotten(_, by: "eva")? = leases.forget("web-1", by: "eva") else {
            Issue.record("not forgotten")
            return
        }
        #expect(leases.forget("web-1", by: "eva") == nil)
        #expect(leases.leases.isEmpty)
        #expect(renew(at: 100) == nil)
        #expect(state() == .up)
    }

    @Test(arguments: [
        ("agent.stopped", #"{"kind":"reboot"}"#, HostNotice.stopped(.reboot, at: Scene.noon)),
        ("agent.stopped", #"{"kind":"moved"}"#, .stopped(.stop, at: Scene.noon)), ("agent.started", "{}", .started(at: Scene.noon)),
        ("gap.recorded", "{}", nil),
    ])
    func `an agent's words about itself are known, also those of a newer one`(type: String, data: String, notice: HostNotice?) {
        let event = Event(timestamp: Scene.noon, source: "tocsin", type: type, severity: .info, host: "web-1", data: data)
        #expect(HostNotice(event) == notice)
        var foreign = event
        foreign.source = "app"
        #expect(HostNotice(foreign) == nil)
    }
}
