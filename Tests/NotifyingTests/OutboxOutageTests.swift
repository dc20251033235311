import Telemetry
import Testing

@testable import Notifying

/// A channel that takes nothing for a while.
@Suite struct OutboxOutageTests {
    private func item(_ number: Int64, group: String? = nil, doubt: Bool = false, digest: Bool = false, fallback: Int? = nil) -> Outbox.Item {
        Outbox.Item(
            id: UUID(high: 0, low: UInt64(number)),
            ordinal: number,
            channel: "ops/webhook/0",
            group: group ?? "g\(number)",
            createdAt: Sample.at(0),
            attempts: doubt ? 1 : 0,
            nextAttemptAt: Sample.at(0),
            isInDoubt: doubt,
            isDigest: digest,
            fallbackAt: fallback.map { Sample.at($0) }
        )
    }

    private func ordinals(_ items: [Outbox.Item]) -> [Int64] { items.map(\.ordinal) }

    /// `count` wait, and the channel has failed until its breaker opened at 0 s.
    private func down(_ count: Int, settings: OutboxConfig = OutboxConfig(breakerFailures: 2, digestAfter: .zero, digestAbove: 3)) -> Outbox {
        var outbox = Outbox(settings: settings)
        for number in 1...Int64(count) { outbox.add(item(number)) }
        for item in outbox.takeDue(at: Sample.at(0)) {
            outbox.postpone(item, until: Sample.at(1), failure: "HTTP 500", isUnreachable: false, at: Sample.at(0))
        }
        return outbox
    }

    @Test func `nothing goes to a channel that is down but one probe when its time has come`() {
        var outbox = down(10)
        #expect(outbox.takeDue(at: Sample.at(4)).isEmpty)
        #expect(outbox.nextAttempt == Sample.at(5))
        let probe = outbox.takeDue(at: Sample.at(5))
        // A fresh one: it cannot be this one's fault.
        #expect(ordinals(probe) == [3])
        #expect(outbox.takeDue(at: Sample.at(60)).isEmpty)
        #expect(outbox.nextAttempt == nil)
        outbox.postpone(probe[0], until: Sample.at(6), failure: "HTTP 500", isUnreachable: false, at: Sample.at(5))
        #expect(outbox.nextAttempt == Sample.at(15))
    }

    @Test func `the probe that arrives folds what waits, and only what surely nobody has`() {
        var outbox = down(10)
        // Its second attempt broke off: it may be there.
        let probe = outbox.takeDue(at: Sample.at(5))[0]
        outbox.postpone(probe, until: Sample.at(6), failure: "cut", isUnreachable: false, isInDoubt: true, at: Sample.at(5))
        // Behind it in its group.
        outbox.add(item(11, group: "g3"))
        let second = outbox.takeDue(at: Sample.at(15))[0]
        #expect(second.ordinal == 4)
        #expect(ordinals(outbox.foldable(after: second, at: Sample.at(15))) == [1, 2, 5, 6, 7, 8, 9, 10])
    }

    @Test func `few that wait are told one by one, and at once`() {
        var outbox = down(4)
        let probe = outbox.takeDue(at: Sample.at(5))[0]
        #expect(outbox.foldable(after: probe, at: Sample.at(5)).isEmpty)
        outbox.finish(probe, failure: nil, at: Sample.at(5))
        #expect(ordinals(outbox.takeDue(at: Sample.at(5))) == [4, 1])
        #expect(outbox.failing.isEmpty)
    }

    @Test func `a channel that never was down folds nothing, however much waits`() {
        var outbox = Outbox(settings: OutboxConfig(digestAbove: 3))
        for number in 1...100 { outbox.add(item(Int64(number))) }
        let first = outbox.takeDue(at: Sample.at(0))[0]
        #expect(outbox.foldable(after: first, at: Sample.at(900)).isEmpty)
    }

    @Test func `a channel that was down for a moment only folds nothing`() {
        var outbox = down(10, settings: OutboxConfig(breakerFailures: 2, digestAfter: .seconds(10), digestAbove: 3))
        let probe = outbox.takeDue(at: Sample.at(5))[0]
        #expect(outbox.foldable(after: probe, at: Sample.at(9)).isEmpty)
        #expect(outbox.foldable(after: probe, at: Sample.at(10)).count == 9)
    }

    @Test func `what comes after a digest waits for it, for it tells of the same groups`() {
        var outbox = Outbox()
        outbox.add(item(1, doubt: true))
        outbox.add(item(2, group: "digest", digest: true))
        outbox.add(item(3, group: "g9"))
        #expect(ordinals(outbox.takeDue(at: Sample.at(0))).sorted() == [1, 2])
        outbox.finish(item(1), failure: nil, at: Sample.at(1))
        #expect(outbox.takeDue(at: Sample.at(1)).isEmpty)
        outbox.finish(item(2, group: "digest", digest: true), failure: nil, at: Sample.at(2))
        #expect(ordinals(outbox.takeDue(at: Sample.at(2))) == [3])
    }

    @Test func `with many in doubt the probe is one of them, so that no further one gets there`() {
        var outbox = Outbox(settings: OutboxConfig(breakerFailures: 1))
        outbox.restoreDown("ops/webhook/0", since: Sample.at(-60), reply: "no", at: Sample.at(0))
        for number in 1...3 { outbox.add(item(Int64(number), doubt: true)) }
        outbox.add(item(4))
        #expect(ordinals(outbox.takeDue(at: Sample.at(0))) == [1])
    }

    @Test func `a fallback is due when its time has come and the channel fails, once`() {
        var outbox = Outbox(settings: OutboxConfig(breakerFailures: 2))
        outbox.add(item(1, fallback: 300))
        outbox.add(item(2, fallback: 400))
        outbox.add(item(3))
        // A slow channel is not a failing one.
        #expect(outbox.nextFallback == nil)
        #expect(outbox.fallbackDue(at: Sample.at(1000)).isEmpty)
        for item in outbox.takeDue(at: Sample.at(0)) {
            outbox.postpone(item, until: Sample.at(1), failure: "no", isUnreachable: true, at: Sample.at(0))
        }
        #expect(outbox.nextFallback == Sample.at(300))
        #expect(ordinals(outbox.fallbackDue(at: Sample.at(300))) == [1])
        outbox.clearFallback(outbox.fallbackDue(at: Sample.at(300)))
        #expect(outbox.nextFallback == Sample.at(400))
        #expect(outbox.fallbackDue(at: Sample.at(399)).isEmpty)
    }
}
