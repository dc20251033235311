import Operating
import Synchronization
import Telemetry

/// Threads that searches run on: reading a segment waits for the disk, and decoding takes milliseconds, so neither belongs on the cooperative pool. A search
/// goes to the thread with the fewest; a long one leaves the others to the rest.
final class SearchThreads: Sendable {
    private let threads: [SearchThread]
    private let loads: Mutex<[Int]>

    init(count: Int) {
        threads = (0..<count).map { SearchThread(number: $0) }
        loads = Mutex([Int](repeating: 0, count: count))
    }

    func run<Result: Sendable>(_ body: @Sendable () throws(QueryError) -> Result) async throws(QueryError) -> Result {
        let number = loads.withLock { loads in
            let least = loads.indices.min { loads[$0] < loads[$1] } ?? 0
            loads[least] += 1
            return least
        }
        defer { loads.withLock { $0[number] -= 1 } }
        return try await threads[number].run(body)
    }
}

private actor SearchThread {
    private let executor: BlockingExecutor
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    init(number: Int) { executor = BlockingExecutor(label: "log.search.\(number)") }

    func run<Result: Sendable>(_ body: @Sendable () throws(QueryError) -> Result) throws(QueryError) -> Result { try body() }
}
