import Dispatch

/// A serial executor for an actor whose calls block (SQLite, curl): its jobs run one after the other on a thread of Dispatch's, never on
/// the cooperative pool, where a waiting thread would be missed by everybody.
///
/// ```swift
/// actor Spool {
///     private let executor = BlockingExecutor(label: "spool")
///     nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
/// }
/// ```
package final class BlockingExecutor: SerialExecutor {
    private let queue: DispatchQueue

    /// - Parameter label: shown by debuggers as the thread's queue.
    package init(label: String) { queue = DispatchQueue(label: "tocsin.\(label)") }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        queue.async { unsafe job.runSynchronously(on: self.asUnownedSerialExecutor()) }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }
}
