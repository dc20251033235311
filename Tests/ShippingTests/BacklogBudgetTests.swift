import Telemetry
import Testing

@testable import Shipping

struct BacklogBudgetTests {
    private let now = Timestamp(milliseconds: 1_767_225_600_000)

    private func batch(_ lane: Lane, age: Duration, bytes: Int) -> SealedBatch {
        SealedBatch(lane: lane, sequence: 1, createdAt: now.advanced(by: .zero - age), bytes: [UInt8](repeating: 0, count: bytes), rows: 1)
    }

    @Test func `old logs wait until they are paid for, at the rate that was set`() {
        var budget = BacklogBudget(bytesPerSecond: 1000, at: .zero)
        #expect(budget.wait(at: .zero) == .zero)
        budget.spend([batch(.logs, age: .seconds(3600), bytes: 4000)], at: .zero, wall: now)
        let wait = budget.wait(at: .zero)
        #expect(wait > .seconds(3) && wait < .seconds(3.01))
        #expect(budget.wait(at: .seconds(3)) > .zero)
        #expect(budget.wait(at: .seconds(3.1)) == .zero)
    }

    @Test func `fresh logs, metrics and alerts cost nothing`() {
        var budget = BacklogBudget(bytesPerSecond: 1000, at: .zero)
        let fresh = [
            batch(.logs, age: .seconds(5), bytes: 50_000), batch(.metrics, age: .seconds(9999), bytes: 50_000),
            batch(.alerts, age: .seconds(9999), bytes: 50_000),
        ]
        budget.spend(fresh, at: .zero, wall: now)
        #expect(budget.wait(at: .zero) == .zero)
    }

    @Test func `a long quiet time does not gather more than a second's worth`() {
        var budget = BacklogBudget(bytesPerSecond: 1000, at: .zero)
        #expect(budget.wait(at: .seconds(3600)) == .zero)
        budget.spend([batch(.logs, age: .seconds(60), bytes: 1500)], at: .seconds(3600), wall: now)
        #expect(budget.wait(at: .seconds(3600)) > .milliseconds(500))
    }

    @Test func `the rate is of the last minute`() {
        var rate = ShippingRate()
        #expect(rate.bytesPerSecond(at: .zero) == 0)
        for second in 0..<30 { rate.add(1000, at: .seconds(second)) }
        #expect(rate.bytesPerSecond(at: .seconds(30)) == 1000)
        #expect(rate.bytesPerSecond(at: .seconds(60)) == 500)
        #expect(rate.bytesPerSecond(at: .seconds(200)) == 0)
    }
}
