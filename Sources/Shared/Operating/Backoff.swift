/// Waiting times that double and are spread over their whole range ("full jitter"), so that a thousand agents do not come back at once.
///
/// With base 1 s and cap 60 s the wait after n failures lies between 0 and
///
///     1: 1 s   2: 2 s   3: 4 s   4: 8 s   5: 16 s   6: 32 s   7 and more: 60 s
package struct Backoff: Sendable, Hashable {
    package let base: Duration
    package let cap: Duration

    package init(base: Duration, cap: Duration) {
        precondition(base > .zero && cap >= base, "a back-off needs 0 < base <= cap")
        (self.base, self.cap) = (base, cap)
    }

    /// The longest wait after so many failures in a row; zero after none.
    package func ceiling(afterFailures failures: Int) -> Duration {
        guard failures > 0 else { return .zero }
        var ceiling = base
        // The cap ends the loop after a few rounds, however many failures there were.
        for _ in 1..<max(1, failures) where ceiling < cap { ceiling *= 2 }
        return min(ceiling, cap)
    }

    /// A random wait between zero and the ceiling.
    package func delay(afterFailures failures: Int, using generator: inout some RandomNumberGenerator) -> Duration {
        ceiling(afterFailures: failures) * Double.random(in: 0...1, using: &generator)
    }
}
