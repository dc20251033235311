import Testing

@testable import Spooling

struct FillRateTests {
    @Test func `the forecast is over the last minutes`() {
        var rate = FillRate()
        for second in stride(from: 0, through: 600, by: 5) {
            // Nothing for five minutes, then 1000 bytes a second.
            rate.record(bytes: UInt64(max(0, second - 300)) * 1000, at: .seconds(second))
        }
        #expect(rate.secondsToFull(bytes: 300_000, limit: 1_300_000, at: .seconds(600)) == 1000)
        #expect(rate.secondsToFull(bytes: 1_300_000, limit: 1_300_000, at: .seconds(600)) == 0)
    }

    @Test func `a spool that does not grow, or is not known for long, has no forecast`() {
        var rate = FillRate()
        rate.record(bytes: 1000, at: .zero)
        #expect(rate.secondsToFull(bytes: 900_000, limit: 1_000_000, at: .seconds(10)) == nil)
        #expect(rate.secondsToFull(bytes: 1000, limit: 1_000_000, at: .seconds(60)) == nil)
        #expect(rate.secondsToFull(bytes: 900, limit: 1_000_000, at: .seconds(60)) == nil)
    }
}
