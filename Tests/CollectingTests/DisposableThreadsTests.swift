import Dispatch
import Testing

@testable import Collecting

@Suite struct DisposableThreadsTests {
    /// Twice as many threads at each look overflowed at the 63rd: a collector that hung for three seconds took the agent with it.
    @Test func `a call that hangs for a hundred looks is withdrawn from, and nothing overflows`() {
        let threads = DisposableThreads(label: "test", threadsMax: 4, patience: .microseconds(500))
        let release = DispatchSemaphore(value: 0)
        let tickets = threads.run(
            [{ @Sendable in release.wait() }, { @Sendable in }],
            within: .milliseconds(100)
        )
        #expect(!tickets[0].isDone)
        #expect(tickets[1].isDone)
        release.signal()
    }
}
