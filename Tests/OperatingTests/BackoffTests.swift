import Operating
import TestSupport
import Testing

struct BackoffTests {
    let backoff = Backoff(base: .seconds(1), cap: .seconds(60))

    @Test(arguments: [(0, 0), (1, 1), (2, 2), (3, 4), (6, 32), (7, 60), (8, 60), (1_000_000, 60)])
    func `the ceiling doubles up to the cap`(failures: Int, seconds: Int) {
        #expect(backoff.ceiling(afterFailures: failures) == .seconds(seconds))
    }

    @Test func `waits are spread over the whole range`() {
        var generator = SeededGenerator(seed: 1)
        let waits = (0..<1000).map { _ in backoff.delay(afterFailures: 7, using: &generator) }
        #expect(waits.allSatisfy { $0 >= .zero && $0 <= .seconds(60) })
        #expect(waits.contains { $0 < .seconds(5) })
        #expect(waits.contains { $0 > .seconds(55) })
    }
}
