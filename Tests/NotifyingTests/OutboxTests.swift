import Telemetry
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
}
