import Synchronization

/// A serial executor for an actor whose calls block (SQLite, poll(2)): its jobs run one after the other on a thread of ``WorkThreads``, never on
/// one that others count on.
///
/// ```swift
/// actor Spool {
///     private let executor = BlockingExecutor(waitsFor: .disk)
///     nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }
/// }
/// ```
package final class BlockingExecutor: SerialExecutor {
    /// What its calls wait for.
    package enum Wait: Sendable {
        /// A disk, no longer than it takes to read and write what there is: what a call leads to may wait for its end.
        case disk
        /// Anything: a peer, a file to change, other threads. It may never come.
        case anything
    }

    private struct State {
        var jobs: [UnownedJob] = []
        var isRunning = false
    }

    private let hold: WorkHold
    private let state = Mutex(State())

    package init(waitsFor wait: Wait = .anything) { hold = wait == .disk ? .forDisk : .long }

    package func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isFirst = state.withLock { state in
            state.jobs.append(job)
            defer { state.isRunning = true }
            return !state.isRunning
        }
        if isFirst { WorkThreads.shared.submit(.serial(self), hold) }
    }

    package func asUnownedSerialExecutor() -> UnownedSerialExecutor { unsafe UnownedSerialExecutor(ordinary: self) }

    /// Runs what waits, and what comes meanwhile.
    func runJobs() {
        while let jobs = take() {
            for job in jobs { unsafe job.runSynchronously(on: asUnownedSerialExecutor()) }
        }
    }

    private func take() -> [UnownedJob]? {
        state.withLock { state in
            if state.jobs.isEmpty {
                state.isRunning = false
                return nil
            }
            defer { state.jobs = [] }
            return state.jobs
        }
    }
}
