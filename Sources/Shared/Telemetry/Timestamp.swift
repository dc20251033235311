/// A moment: nanoseconds since 1970-01-01T00:00:00Z, leap seconds not counted. Range: years 1678 to 2262.
package struct Timestamp: Sendable, Hashable, Comparable, CustomStringConvertible {
    package var nanoseconds: Int64

    @inlinable
    package init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }

    /// Traps when the result leaves the range of Int64 nanoseconds; for trusted numbers only.
    package init(milliseconds: Int64) { nanoseconds = milliseconds * 1_000_000 }

    /// Nil for NaN and for what lies outside the range.
    package init?(seconds: Double) {
        let scaled = (seconds * 1e9).rounded()
        guard scaled > -9.2e18, scaled < 9.2e18 else { return nil }
        nanoseconds = Int64(scaled)
    }

    /// Whole milliseconds since the epoch, rounded toward the past. PromQL counts in these.
    package var milliseconds: Int64 {
        // Not by negation: the earliest timestamp has no positive counterpart, and a hostile batch may bring it.
        nanoseconds / 1_000_000 - (nanoseconds % 1_000_000 < 0 ? 1 : 0)
    }

    package var seconds: Double { Double(nanoseconds) / 1e9 }

    package static func < (a: Timestamp, b: Timestamp) -> Bool { a.nanoseconds < b.nanoseconds }

    package func advanced(by duration: Duration) -> Timestamp {
        Timestamp(nanoseconds: nanoseconds &+ duration.wholeNanoseconds)
    }

    package func duration(since earlier: Timestamp) -> Duration {
        .nanoseconds(nanoseconds &- earlier.nanoseconds)
    }

    package static let distantPast = Timestamp(nanoseconds: .min)
    package static let distantFuture = Timestamp(nanoseconds: .max)
}

extension Duration {
    /// Nanoseconds, clamped to Int64.
    package var wholeNanoseconds: Int64 {
        let (seconds, attoseconds) = components
        let (scaled, overflow) = seconds.multipliedReportingOverflow(by: 1_000_000_000)
        if overflow { return seconds < 0 ? .min : .max }
        let (sum, overflowed) = scaled.addingReportingOverflow(attoseconds / 1_000_000_000)
        return overflowed ? (seconds < 0 ? .min : .max) : sum
    }

    /// Seconds as a floating-point number.
    package var inSeconds: Double {
        let (seconds, attoseconds) = components
        return Double(seconds) + Double(attoseconds) / 1e18
    }
}
