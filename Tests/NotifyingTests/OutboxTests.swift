import Telemetry
import TestSupport
import Testing

@testable import Notifying

@Suite struct OutboxTests {
    private func item(_ number: Int64, channel: String = "ops/webhook/0", group: String? = nil, at second: Int = 0) -> Outbox.Item {
        Outbox.Item(
            id: UUID(high: 0, low: UInt64(number)),
            ordinal: number,
            channel: channel,
            group: group ?? "g\(number)",
            createdAt: Sample.at(second),
            attempts: 0,
            nextAttemptAt: Sample.at(second)
        )
    }

    private func ordinals(_ items: [Outbox.Item]) -> [Int64] { items.map(\.ordinal) }

    @Test func `notifications of one group go one after the other, in their order`() {
        var outbox = Outbox()
        for number in 1...3 { outbox.add(item(Int64(number), group: "g")) }
        let first = outbox.takeDue(at: Sample.at(0))
        #expect(ordinals(first) == [1])
        #expect(outbox.takeDue(at: Sample.at(0)).isEmpty)
        outbox.postpone(first[0], until: Sample.at(5), failure: "no", isUnreachable: true)
        #expect(outbox.takeDue(at: Sample.at(4)).isEmpty)
        #expect(outbox.nextAttempt == Sample.at(5))
        let again = outbox.takeDue(at: Sample.at(5))
        #expect(ordinals(again) == [1])
        #expect(again[0].attempts == 1)
        outbox.finish(again[0], failure: nil, at: Sample.at(5))
        #expect(ordinals(outbox.takeDue(at: Sample.at(5))) == [2])
    }

    @Test func `a slow channel keeps to its places and leaves the others theirs`() {
        var outbox = Outbox()
        for number in 1...50 { outbox.add(item(Int64(number))) }
        outbox.add(item(51, channel: "ops/email/0"))
        #expect(ordinals(outbox.takeDue(at: Sample.at(0))).sorted() == [1, 2, 51])
        #expect(outbox.takeDue(at: Sample.at(0)).isEmpty)
        #expect(outbox.nextAttempt == nil)
    }

    @Test func `fresh notifications go before retries`() {
        var outbox = Outbox()
        for number in 1...2 { outbox.add(item(Int64(number))) }
        for item in outbox.takeDue(at: Sample.at(0)) { outbox.postpone(item, until: Sample.at(1), failure: "no", isUnreachable: false) }
        for number in 3...4 { outbox.add(item(Int64(number), at: 1)) }
        #expect(ordinals(outbox.takeDue(at: Sample.at(1))) == [3, 4])
    }

    @Test func `when a channel answers again, what only waits for that need not wait longer`() {
        var outbox = Outbox()
        for number in 1...3 { outbox.add(item(Int64(number))) }
        let first = outbox.takeDue(at: Sample.at(0))
        outbox.postpone(first[0], until: Sample.at(300), failure: "nobody", isUnreachable: true)
        outbox.postpone(first[1], until: Sample.at(300), failure: "500", isUnreachable: false)
        #expect(outbox.failing.map(\.failures) == [2])
        let third = outbox.takeDue(at: Sample.at(0))
        outbox.finish(third[0], failure: nil, at: Sample.at(1))
        #expect(outbox.failing.isEmpty)
        #expect(ordinals(outbox.takeDue(at: Sample.at(1))) == [1])
        #expect(outbox.nextAttempt == Sample.at(300))
    }

    @Test func `no more deliveries are under way than allowed`() {
        var outbox = Outbox()
        for number in 1...100 { outbox.add(item(Int64(number), channel: "c\(number)")) }
        #expect(outbox.takeDue(at: Sample.at(0)).count == NotifyingLimits.deliveriesMax)
        #expect(outbox.nextAttempt == nil)
    }

    /// Ten thousand groups in one channel once cost ten milliseconds a notification: all of them were looked at, and copied, for each.
    @Test func `what goes next is what the queues themselves say, whatever happened before`() throws {
        var generator = SeededGenerator(seed: 11)
        var outbox = Outbox(settings: OutboxConfig(breakerFailures: 4))
        var (made, taken, now) = (Int64(0), [Outbox.Item](), 0)
        for _ in 0..<3000 {
            now += Int.random(in: 0...2, using: &generator)
            switch Int.random(in: 0..<10, using: &generator) {
            case 0...3:
                made += 1
                var new = item(made, group: "g\(Int.random(in: 0..<40, using: &generator))", at: now)
                new.isDigest = Int.random(in: 0..<30, using: &generator) == 0
                new.attempts = Int.random(in: 0..<5, using: &generator) == 0 ? 1 : 0
                new.isInDoubt = new.attempts > 0 && Bool.random(using: &generator)
                outbox.add(new)
            case 4...6:
                let before = outbox.lanes.values.first
                let more = outbox.takeDue(at: Sample.at(now))
                if let before { #expect(Set(ordinals(more)).isSubset(of: eligible(before, at: now))) }
                taken += more
            case 7: if let item = taken.popLast() { outbox.finish(item, failure: nil, at: Sample.at(now)) }
            case 8:
                guard let item = taken.popLast() else { continue }
                let until = Sample.at(now + Int.random(in: 0...20, using: &generator))
                let opens = outbox.wouldOpen(item, failure: "no", askedToWait: nil, at: Sample.at(now))
                let unreachable = Bool.random(using: &generator)
                #expect(outbox.postpone(item, until: until, failure: "no", isUnreachable: unreachable, at: Sample.at(now)) == opens)
            default: if let item = taken.popLast() { outbox.putBack(item, at: Sample.at(now)) }
            }
            guard let lane = outbox.lanes.values.first else { continue }
            let heads = lane.queues.values.compactMap(\.first).map { Outbox.Lane.Head($0, isUnderWay: lane.isUnderWay($0.id)) }
            #expect(lane.heads == heads.sorted { $0.goes(before: $1) })
            #expect(lane.count == lane.queues.values.reduce(0) { $0 + $1.count })
            #expect(lane.underWay == Set(taken.map(\.id)))
        }
        #expect(made > 1000)
    }

    /// By the rules, from the queues alone.
    private func eligible(_ lane: Outbox.Lane, at second: Int) -> Set<Int64> {
        let barrier = lane.queues.values.compactMap { $0.first(where: \.isDigest)?.ordinal }.min() ?? .max
        let heads = lane.queues.values.compactMap(\.first).filter { !lane.isUnderWay($0.id) && $0.ordinal <= barrier }
        return Set(heads.filter { $0.nextAttemptAt <= Sample.at(second) || !lane.breaker.isClosed }.map(\.ordinal))
    }
}
