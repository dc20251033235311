import Telemetry
import Testing

@testable import Correlating

@Suite struct AlertBookTests {
    var book = AlertBook(expireAfter: .seconds(300))

    mutating func take(_ alert: Alert, _ sequence: UInt64, now: Int, agent: UUID = Scene.agent) -> AlertDecision? {
        book.take(alert, at: Scene.place(sequence, agent: agent), of: "web-1", now: Scene.at(now))
    }

    mutating func judge(_ now: Int, up: Bool = true, dataAt: Int? = nil, collections: UInt64 = 100) -> [AlertDecision] {
        book.judge(now: Scene.at(now)) { _ in
            HostCondition(isUp: up, dataAt: Scene.at(dataAt ?? now), collections: collections)
        }
    }

    @Test mutating func `a firing is told once, its repeats are not, its end is told once`() {
        #expect(take(Scene.firing(since: 0), 1, now: 1)?.reason == .fired)
        #expect(take(Scene.firing(since: 0, updated: 60), 2, now: 61) == nil)
        #expect(take(Scene.firing(since: 0, updated: 120), 3, now: 121) == nil)
        let end = take(Scene.resolved(since: 0, ended: 130), 4, now: 131)
        #expect(end?.reason == .resolved)
        #expect(end?.previous == .firing)
        #expect(end?.alert.endsAt == Scene.at(130))
        #expect(take(Scene.resolved(since: 0, ended: 130), 4, now: 132) == nil)
    }

    @Test mutating func `a block read twice changes nothing`() {
        #expect(take(Scene.firing(since: 0), 1, now: 1) != nil)
        #expect(take(Scene.resolved(since: 0, ended: 5), 2, now: 6) != nil)
        #expect(take(Scene.firing(since: 0), 1, now: 7) == nil)
        #expect(take(Scene.resolved(since: 0, ended: 5), 2, now: 7) == nil)
        #expect(book.ignoredLate == 2)
        #expect(book.live.isEmpty)
    }

    @Test mutating func `an end that overtakes its beginning leaves nothing firing`() {
        #expect(take(Scene.resolved(since: 0, ended: 5), 2, now: 6)?.isHistoryOnly == true)
        #expect(take(Scene.firing(since: 0), 1, now: 7) == nil)
        #expect(book.live.isEmpty)
    }

    @Test mutating func `fired and resolved while offline is history, and pages nobody`() {
        #expect(take(Scene.firing(since: 0), 1, now: 3600) == nil)
        let end = take(Scene.resolved(since: 0, ended: 60), 2, now: 3600)
        #expect(end?.isHistoryOnly == true)
        #expect(end?.alert.startsAt == Scene.at(0))
        #expect(end?.alert.endsAt == Scene.at(60))
        #expect(judge(3700).isEmpty)
    }

    @Test(arguments: [10, 30, 100])
    func `an outage of seconds is an outage: what fired and ended in it is history, what goes on is told at once`(_ outage: Int) {
        var book = AlertBook(expireAfter: .seconds(300))
        func take(_ alert: Alert, _ sequence: UInt64) -> AlertDecision? {
            book.take(alert, at: Scene.place(sequence), of: "web-1", now: Scene.at(outage))
        }
        #expect(take(Scene.firing("Over", since: 1), 1) == nil)
        #expect(take(Scene.firing("Open", since: 2), 2) == nil)
        #expect(take(Scene.resolved("Over", since: 1, ended: 4), 3)?.isHistoryOnly == true)
        let release = book.nextRelease ?? .distantFuture
        #expect(release > Scene.at(outage))
        #expect(release <= Scene.at(outage).advanced(by: .milliseconds(max(1_000, outage * 100))))
        let told = book.judge(now: release) { _ in nil }
        #expect(told.map(\.alert.name) == ["Open"])
        #expect(told.first?.alert.startsAt == Scene.at(2))
        #expect(book.nextRelease == nil)
    }

    @Test mutating func `fired while offline and still firing is told with its own start`() {
        #expect(take(Scene.firing(since: 0), 1, now: 3600) == nil)
        #expect(judge(3610).isEmpty)
        let decisions = judge(3621)
        #expect(decisions.map(\.reason) == [.firedLate])
        #expect(decisions.first?.alert.startsAt == Scene.at(0))
        #expect(judge(3700).isEmpty)
    }

    @Test mutating func `a repeat of this minute ends the wait of a held firing`() {
        #expect(take(Scene.firing(since: 0), 1, now: 3600) == nil)
        let decision = take(Scene.firing(since: 0, updated: 3599), 2, now: 3601)
        #expect(decision?.reason == .firedLate)
        #expect(decision?.alert.startsAt == Scene.at(0))
    }

    @Test mutating func `a host that is catching up is waited for, however long it takes`() {
        // Nine days of repeats, a day every five seconds; the end comes last.
        #expect(take(Scene.firing(since: 0), 1, now: 9 * 86_400) == nil)
        var now = 9 * 86_400
        for day in 1...8 {
            now += 15
            #expect(judge(now).isEmpty)
            #expect(take(Scene.firing(since: 0, updated: day * 86_400), UInt64(day + 1), now: now) == nil)
        }
        #expect(take(Scene.resolved(since: 0, ended: 9 * 86_400 - 600), 20, now: now + 15)?.isHistoryOnly == true)
    }

    @Test mutating func `a host whose clock is an hour slow is told a little later, and not never`() {
        #expect(take(Scene.firing("Other", since: -3600), 1, now: 0) == nil)
        #expect(judge(30).map(\.reason) == [.firedLate])
        for minute in 1...3 {
            #expect(take(Scene.firing("Other", since: -3600, updated: minute * 60 - 3600), UInt64(minute + 1), now: minute * 60) == nil)
        }
        #expect(take(Scene.firing(since: 200 - 3600), 9, now: 200) == nil)
        #expect(judge(221).map(\.alert.name) == ["DiskFull"])
    }

    @Test mutating func `an alert that its agent forgot expires when the host is up and sends newer data`() {
        #expect(take(Scene.firing(since: 0), 1, now: 1) != nil)
        #expect(judge(200).isEmpty)
        #expect(judge(400, collections: 40).isEmpty)
        #expect(judge(440, collections: 44).isEmpty)
        let decisions = judge(450, collections: 45)
        #expect(decisions.map(\.reason) == [.expired])
        #expect(decisions.first?.previous == .firing)
        #expect(decisions.first?.alert.state == .resolved)
        #expect(take(Scene.firing(since: 0, updated: 500), 2, now: 500)?.reason == .fired)
    }

    @Test(arguments: [(up: false, dataAt: 4000, each: UInt64(1)), (up: true, dataAt: 100, each: 1), (up: true, dataAt: 4000, each: 0)])
    func `an alert does not expire while its host is down, behind, or silent`(_ scene: (up: Bool, dataAt: Int, each: UInt64)) {
        var book = AlertBook(expireAfter: .seconds(300))
        _ = book.take(Scene.firing(since: 0), at: Scene.place(1), of: "web-1", now: Scene.at(1))
        for step in 0..<20 {
            let decisions = book.judge(now: Scene.at(4000 + step * 10)) { _ in
                HostCondition(isUp: scene.up, dataAt: Scene.at(scene.dataAt), collections: 100 + UInt64(step) * scene.each)
            }
            #expect(decisions.isEmpty)
        }
    }

    @Test mutating func `a host that slept has time to repeat what fires`() {
        #expect(take(Scene.firing(since: 0), 1, now: 1) != nil)
        #expect(judge(4000, collections: 50).isEmpty)
        #expect(take(Scene.firing(since: 0, updated: 4010), 2, now: 4011) == nil)
        #expect(judge(4060, collections: 56).isEmpty)
        #expect(judge(4200, collections: 70).isEmpty)
    }

    @Test mutating func `a new agent id that sends again what the old one sent tells nothing twice`() {
        #expect(take(Scene.firing(since: 0), 1, now: 1) != nil)
        #expect(take(Scene.resolved(since: 0, ended: 50), 2, now: 51) != nil)
        for now in [60, 4000] {
            #expect(take(Scene.firing(since: 0), 1, now: now, agent: Scene.otherAgent) == nil)
            #expect(take(Scene.resolved(since: 0, ended: 50), 2, now: now, agent: Scene.otherAgent) == nil)
        }
    }

    @Test mutating func `a new agent id on a host whose clock went back is heard after the old word expired`() {
        #expect(take(Scene.firing(since: 0), 100, now: 1) != nil)
        #expect(take(Scene.resolved(since: -7200, ended: -7000), 1, now: 20, agent: Scene.otherAgent) == nil)
        #expect(take(Scene.resolved(since: -7200, ended: -6600), 2, now: 400, agent: Scene.otherAgent)?.reason == .resolved)
    }

    @Test mutating func `a lost end merges two firings into one, told once`() {
        #expect(take(Scene.firing(since: 0), 1, now: 1) != nil)
        #expect(take(Scene.firing(since: 100), 7, now: 101) == nil)
        #expect(take(Scene.resolved(since: 100, ended: 150), 8, now: 151)?.alert.startsAt == Scene.at(0))
    }

    @Test mutating func `a second firing after an end is told again`() {
        #expect(take(Scene.firing(since: 0), 1, now: 1)?.previous == nil)
        #expect(take(Scene.resolved(since: 0, ended: 10), 2, now: 11) != nil)
        #expect(take(Scene.firing(since: 20), 3, now: 21)?.previous == .resolved)
    }

    @Test mutating func `an agent does not speak for the aggregator's own alert`() {
        let down = Scene.firing("HostDown", since: 0)
        #expect(book.setOwn(down, of: "web-1", reason: .hostDown, now: Scene.at(0)) != nil)
        #expect(book.setOwn(down, of: "web-1", reason: .hostDown, now: Scene.at(5)) == nil)
        #expect(take(Scene.resolved("HostDown", since: 0, ended: 10), 1, now: 11) == nil)
        #expect(judge(9000).isEmpty)
        #expect(book.live.count == 1)
    }

    @Test mutating func `a label out of control is bounded`() {
        for number in 0..<CorrelatingLimits.alertsPerHostMax + 10 { _ = take(Scene.firing("A\(number)", since: 0), UInt64(number + 1), now: 1) }
        #expect(book.entries.count == CorrelatingLimits.alertsPerHostMax)
        #expect(book.refusedOverLimit == 10)
    }

    @Test mutating func `texts without end are cut, and labels without end refused`() {
        var long = Scene.firing(since: 0)
        long.annotations = Labels((0..<100).map { Label("a\($0)", String(repeating: "x", count: 100_000)) })
        let told = take(long, 1, now: 1)
        #expect(told?.alert.annotations.pairs.count == CorrelatingLimits.annotationsMax)
        #expect(told?.alert.annotations.pairs.allSatisfy { $0.value.count == CorrelatingLimits.annotationTextMax + 1 } == true)
        var wide = Scene.firing(since: 0)
        wide.labels = Labels((0..<100).map { Label("l\($0)", "x") })
        #expect(take(wide, 2, now: 1) == nil)
        #expect(book.refusedOverLimit == 1)
    }

    @Test mutating func `what was resolved leaves the list after a day`() {
        _ = take(Scene.firing(since: 0), 1, now: 1)
        _ = take(Scene.resolved(since: 0, ended: 5), 2, now: 6)
        #expect(book.entries.count == 1)
        _ = judge(2 * 86_400)
        #expect(book.entries.isEmpty)
    }
}
