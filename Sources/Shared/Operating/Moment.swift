import Synchronization

/// Something that happens once, and that one task waits for, with patience or without.
package final class Moment: Sendable {
    private struct State {
        var hasHappened = false
        var waits = 0
        var waiter: (wait: Int, continuation: CheckedContinuation<Bool, Never>, timer: WorkThreads.Timer?)?

        mutating func takeWaiter(of wait: Int? = nil) -> CheckedContinuation<Bool, Never>? {
            guard let found = waiter, wait == nil || wait == found.wait else { return nil }
            waiter = nil
            if let timer = found.timer { WorkThreads.shared.cancel(timer) }
            return found.continuation
        }
    }

    private let state = Mutex(State())

    package init() {}

    package func happen() {
        let waiter = state.withLock { state in
            state.hasHappened = true
            return state.takeWaiter()
        }
        waiter?.resume(returning: true)
    }

    /// One waits at a time.
    /// - Returns: whether it has happened; false when `limit` is over before.
    package func wait(atMost limit: Duration) async -> Bool {
        if state.withLock({ $0.hasHappened }) { return true }
        return await withCheckedContinuation { continuation in
            let wait: Int? = state.withLock { state in
                if state.hasHappened { return nil }
                state.waits += 1
                state.waiter = (state.waits, continuation, nil)
                return state.waits
            }
            guard let wait else { return continuation.resume(returning: true) }
            let timer = WorkThreads.shared.schedule(after: limit) {
                self.state.withLock { $0.takeWaiter(of: wait) }?.resume(returning: false)
            }
            // It may be over already: then nobody needs the timer.
            let isOver = state.withLock { state in
                if state.waiter?.wait != wait { return true }
                state.waiter?.timer = timer
                return false
            }
            if isOver { WorkThreads.shared.cancel(timer) }
        }
    }
}
