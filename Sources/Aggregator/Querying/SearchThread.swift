import Operating
import Synchronization
import Telemetry

/// A thread that may wait for the disk and compute for long, as the cooperative pool's may not.
actor SearchThread {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    func run<Answer: Sendable>(_ body: @Sendable () throws(QueryError) -> Answer) throws(QueryError) -> Answer { try body() }
}

/// Some of them: a question goes to the one with the fewest, so that short ones do not wait behind long ones.
final class SearchThreads: Sendable {
    private let threads: [SearchThread]
    /// Questions each has.
    private let loads: Mutex<[Int]>

    init(_ count: Int) {
        threads = (0..<max(1, count)).map { _ in SearchThread() }
        loads = Mutex(Array(repeating: 0, count: max(1, count)))
    }

    func run<Answer: Sendable>(_ body: @Sendable () throws(QueryError) -> Answer) async throws(QueryError) -> Answer {
        let index = loads.withLock { loads in
            let least = loads.indices.min { loads[$0] < loads[$1] } ?? 0
            loads[least] += 1
            return least
        }
        defer { loads.withLock { $0[index] -= 1 } }
        return try await threads[index].run(body)
    }
}
