import Synchronization

/// Which batches are on loan. A lease ends in a `deinit`, on any thread, so this is not the spool's own state but a word beside it.
final class Loans: Sendable {
    private let keys = Mutex<Set<BatchKey>>([])

    func take(_ taken: [BatchKey]) { keys.withLock { $0.formUnion(taken) } }
    func giveBack(_ given: [BatchKey]) { keys.withLock { $0.subtract(given) } }
    /// A copy; it is as small as a lease.
    var all: Set<BatchKey> { keys.withLock { $0 } }
}
