/// A rate limit: `rate` tokens a second flow in, at most `burst` are kept.
///
/// A request larger than the burst passes when the bucket is full, and leaves a debt that must flow in before the next one passes: otherwise
/// it could never pass. Pure: the caller says what time it is (``TimeSource/monotonic()``).
package struct TokenBucket: Sendable, Hashable {
    package enum Verdict: Sendable, Hashable {
        case admitted
        /// Nothing was taken; after this time the same request passes if no other comes between.
        case refused(retryAfter: Duration)
    }

    package let rate: Double
    package let burst: Double
    /// What is in the bucket; negative is debt.
    private(set) package var tokens: Double
    private var updatedAt: Duration

    /// A full bucket.
    /// - Parameters:
    ///   - rate: tokens a second, above 0.
    ///   - burst: the most that is kept, above 0.
    package init(rate: Double, burst: Double, at now: Duration) {
        precondition(rate > 0 && burst > 0, "a token bucket needs a rate and a burst above 0")
        (self.rate, self.burst, tokens, updatedAt) = (rate, burst, burst, now)
    }

    /// Takes `count` tokens or none.
    package mutating func take(_ count: Int, at now: Duration) -> Verdict {
        refill(at: now)
        let needed = min(Double(count), burst)
        // A millionth of slack: rounding must not refuse a client that waited exactly as long as it was told.
        guard tokens < needed - 1e-6 else {
            tokens -= Double(count)
            return .admitted
        }
        return .refused(retryAfter: .seconds((needed - tokens) / rate))
    }

    /// Whether it is full again: a bucket in this state can be forgotten and made anew.
    package mutating func isFull(at now: Duration) -> Bool {
        refill(at: now)
        return tokens >= burst
    }

    private mutating func refill(at now: Duration) {
        guard now > updatedAt else { return }
        tokens = min(burst, tokens + (now - updatedAt).asSeconds * rate)
        updatedAt = now
    }
}

extension Duration {
    fileprivate var asSeconds: Double { Double(components.seconds) + Double(components.attoseconds) / 1e18 }
}
