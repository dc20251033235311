import Synchronization
import Telemetry

/// Wakes readers when something was committed.
final class LogFeed: Sendable {
    private struct State {
        var end: LogPosition = 0
        var nextID: UInt64 = 0
        var waiters: [UInt64: (position: LogPosition, continuation: CheckedContinuation<Void, Never>)] = [:]
        var cancelled: Set<UInt64> = []
        var isClosed = false
    }

    private let state = Mutex(State())

    /// The last position that is on disk.
    var end: LogPosition { state.withLock { $0.end } }

    /// Tells that everything up to `end` is on disk.
    func publish(_ end: LogPosition) { wake { $0.end = max($0.end, end) } }

    /// Nobody waits any more.
    func close() { wake { $0.isClosed = true } }

    /// Returns once `end > position`, when the feed closes, or when the task is cancelled.
    func wait(after position: LogPosition) async {
        let id = state.withLock { state in
            state.nextID += 1
            return state.nextID
        }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let isDone = state.withLock { state in
                    if state.end > position || state.isClosed || state.cancelled.contains(id) { return true }
                    state.waiters[id] = (position, continuation)
                    return false
                }
                if isDone { continuation.resume() }
            }
        } onCancel: {
            let waiter = state.withLock { state in
                state.cancelled.insert(id)
                return state.waiters.removeValue(forKey: id)
            }
            waiter?.continuation.resume()
        }
        state.withLock { _ = $0.cancelled.remove(id) }
    }

    private func wake(_ change: (inout State) -> Void) {
        let awake = state.withLock { state in
            change(&state)
            let awake = state.waiters.filter { $0.value.position < state.end || state.isClosed }
            for id in awake.keys { state.waiters[id] = nil }
            return awake.values.map(\.continuation)
        }
        for continuation in awake { continuation.resume() }
    }
}
