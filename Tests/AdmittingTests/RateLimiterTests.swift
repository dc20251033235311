import Testing

@testable import Admitting

struct RateLimiterTests {
    @Test func `when there is no room for more keys the late ones share one bucket`() {
        let limiter = RateLimiter(rate: 1, burst: 10, bucketsMax: 2)
        #expect(limiter.take(["a": 1], at: .zero) == .admitted)
        #expect(limiter.take(["b": 1], at: .zero) == .admitted)
        #expect(limiter.take(["c": 10], at: .zero) == .admitted)
        #expect(limiter.take(["d": 1], at: .zero) == .refused(key: "d", retryAfter: .seconds(1)))
    }

    @Test func `a full bucket makes room`() {
        let limiter = RateLimiter(rate: 1, burst: 10, bucketsMax: 1)
        #expect(limiter.take(["a": 5], at: .zero) == .admitted)
        #expect(limiter.take(["b": 5], at: .seconds(5)) == .admitted)
        #expect(limiter.take(["c": 10], at: .seconds(5)) == .admitted)
        #expect(limiter.take(["b": 6], at: .seconds(5)) == .refused(key: "b", retryAfter: .seconds(1)))
    }

    @Test func `a request takes from all of its keys or from none`() {
        let limiter = RateLimiter(rate: 1, burst: 10)
        #expect(limiter.take(["a": 10], at: .zero) == .admitted)
        #expect(limiter.take(["a": 1, "b": 10], at: .zero) == .refused(key: "a", retryAfter: .seconds(1)))
        #expect(limiter.take(["b": 10], at: .zero) == .admitted)
    }
}
