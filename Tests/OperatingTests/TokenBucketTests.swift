import Operating
import Testing

struct TokenBucketTests {
    @Test func `a burst passes and the next request is told when to come back`() {
        var bucket = TokenBucket(rate: 10, burst: 20, at: .zero)
        #expect(bucket.take(20, at: .zero) == .admitted)
        #expect(bucket.take(5, at: .zero) == .refused(retryAfter: .seconds(0.5)))
        #expect(bucket.take(5, at: .milliseconds(500)) == .admitted)
    }

    @Test func `a request larger than the burst passes when the bucket is full and leaves a debt`() {
        var bucket = TokenBucket(rate: 10, burst: 20, at: .zero)
        #expect(bucket.take(1, at: .zero) == .admitted)
        #expect(bucket.take(100, at: .zero) == .refused(retryAfter: .milliseconds(100)))
        #expect(bucket.take(100, at: .milliseconds(100)) == .admitted)
        #expect(bucket.tokens == -80)
        #expect(bucket.take(1, at: .milliseconds(100)) == .refused(retryAfter: .seconds(8.1)))
        #expect(bucket.take(1, at: .seconds(8.2)) == .admitted)
    }

    @Test func `a refusal takes nothing and a clock that stands still refills nothing`() {
        var bucket = TokenBucket(rate: 1, burst: 2, at: .seconds(10))
        #expect(bucket.take(2, at: .seconds(10)) == .admitted)
        for _ in 0..<3 { #expect(bucket.take(1, at: .seconds(9)) == .refused(retryAfter: .seconds(1))) }
        let (early, late) = (bucket.isFull(at: .seconds(11)), bucket.isFull(at: .seconds(12)))
        #expect(!early)
        #expect(late)
    }
}
