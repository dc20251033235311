import Telemetry

/// How fast old logs go out, so that a host that comes back neither fills its line nor the aggregator's: a token bucket over compressed bytes. What
/// is fresh is not held up. Pure.
struct BacklogBudget: Sendable, Equatable {
    /// A batch of logs that is older than this is backlog: live ones are sent within seconds.
    static let age = Duration.seconds(30)

    let bytesPerSecond: UInt64
    /// Bytes that may go now; below zero after a POST that was larger.
    private var level: Double
    private var lastFill: Duration

    init(bytesPerSecond: UInt64, at now: Duration) {
        self.bytesPerSecond = bytesPerSecond
        (level, lastFill) = (Double(bytesPerSecond), now)
    }

    /// What was sent. Only old logs cost something.
    mutating func spend(_ batches: [SealedBatch], at now: Duration, wall: Timestamp) {
        fill(at: now)
        for batch in batches where batch.lane == .logs && wall.duration(since: batch.createdAt) > Self.age {
            level -= Double(batch.bytes.count)
        }
    }

    /// How long logs wait; zero when they may go.
    mutating func wait(at now: Duration) -> Duration {
        fill(at: now)
        return level > 0 ? .zero : .seconds((1 - level) / Double(bytesPerSecond))
    }

    private mutating func fill(at now: Duration) {
        let passed = (now - lastFill).components
        lastFill = now
        // A second's worth at most gathers.
        level = min(Double(bytesPerSecond), level + (Double(passed.seconds) + Double(passed.attoseconds) / 1e18) * Double(bytesPerSecond))
    }
}
