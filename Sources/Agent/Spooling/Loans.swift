import Synchronization

/// Which batches are on loan. A lease ends in a `deinit`, on any thread, so this is not the spool's own state but a word beside it.
final class Loans: Sendable {
    private let keys = Mutex<Set<BatchKey>>([])

    func take(_ taken: [BatchKey]) { keys.withLock { $0.formUnion(taken) } }
    func giveBack(_ given: [BatchKey]) { keys.withLock { $0.subtract(given) } }
    /// A copy; it is as small as a lease.
    var all: Set<BatchKey> { keys.withLock { $0 } }
}

/// Wakes those who wait for something to happen, without polling.
final class Bell: Sendable {
    private struct State {
        var rings: UInt64 = 0
        var nextID: UInt64 = 0
        var waiters: [UInt64: CheckedContinuation<Void, Never>] = [:]
        var cancelled: Set<UInt64> = []
    }

    private let state = Mutex(State())

    /// How often it rang: read this first, then look, then wait.
    var rings: UInt64 { state.withLock { $0.rings } }

    func ring() {
        let waiters = state.withLock { state in
            state.rings += 1
            defer { state.waiters.removeAll() }
            return Array(state.waiters.values)
        }
        for waiter in waiters { waiter.resume() }
    }

    /// Returns when it has rung more than `seen` times, or when the task is cancelled.
    func wait(after seen: UInt64) async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isOver = state.withLock { state in
                    if state.cancelled.remove(id) != nil || state.rings > seen { return true }
                    state.waiters[id] = continuation
                    return false
                }
                if isOver { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                let waiter = state.waiters.removeValue(forKey: id)
                if waiter == nil { state.cancelled.insert(id) }
                return waiter
            }
            waiter?.resume()
        }
        _ = state.withLock { $0.cancelled.remove(id) }
    }
}
