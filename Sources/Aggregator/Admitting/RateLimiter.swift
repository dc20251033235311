import Operating
import Synchronization

/// One token bucket for each key. A request takes from all of its keys or from none.
final class RateLimiter: Sendable {
    enum Verdict: Sendable, Hashable {
        case admitted
        /// Over the limit: which key, and when the request would pass.
        case refused(key: String, retryAfter: Duration)
    }

    let rate: Double
    let burst: Double
    private let bucketsMax: Int
    private let buckets = Mutex<[String: TokenBucket]>([:])

    init(rate: Double, burst: Double, bucketsMax: Int = AdmittingLimits.bucketsMax) {
        (self.rate, self.burst, self.bucketsMax) = (rate, burst, bucketsMax)
    }

    /// - Parameters:
    ///   - counts: how many rows of which key.
    ///   - now: a time that never goes back.
    func take(_ counts: [String: Int], at now: Duration) -> Verdict {
        buckets.withLock { buckets in
            // Most requests are of one source that is known: a look and a change.
            if counts.count == 1, let (key, count) = counts.first, var bucket = buckets[key] {
                if case .refused(let wait) = bucket.take(count, at: now) { return .refused(key: key, retryAfter: wait) }
                buckets[key] = bucket
                return .admitted
            }
            var taken: [String: TokenBucket] = [:]
            var longest: (key: String, wait: Duration)?
            for (key, count) in counts {
                let place = place(of: key, in: &buckets, at: now)
                var bucket = taken[place] ?? buckets[place] ?? TokenBucket(rate: rate, burst: burst, at: now)
                if case .refused(let wait) = bucket.take(count, at: now), wait > longest?.wait ?? .zero { longest = (key, wait) }
                taken[place] = bucket
            }
            if let longest { return .refused(key: longest.key, retryAfter: longest.wait) }
            for (place, bucket) in taken { buckets[place] = bucket }
            return .admitted
        }
    }

    /// The key itself while there is room; full buckets are forgotten to make room, since a new one is full too. Who comes when there is no
    /// room left shares one bucket with others like it: inventing names gains nothing.
    private func place(of key: String, in buckets: inout [String: TokenBucket], at now: Duration) -> String {
        if buckets[key] != nil || buckets.count < bucketsMax { return key }
        buckets = buckets.filter { entry in
            var bucket = entry.value
            return !bucket.isFull(at: now)
        }
        return buckets.count < bucketsMax ? key : ""
    }
}
