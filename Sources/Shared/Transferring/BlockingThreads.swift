import Operating
import Synchronization

/// Some threads of the program's that may block, no more than so many at a time. What exceeds them waits in order of arrival.
final class BlockingThreads: Sendable {
    private struct State {
        var waiting: [@Sendable () -> Void] = []
        var running = 0
    }

    private let state = Mutex(State())
    private let count: Int

    init(count: Int) { self.count = max(1, count) }

    /// Calls `work` where it may block, and then `done`, which may not. False when too many wait already; it is then not run.
    func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value, then done: @escaping @Sendable (Value) -> Void) -> Bool {
        let start: @Sendable () -> Void = { [self] in
            WorkThreads.shared.run(
                blocking: { [self] in
                    let value = work()
                    startNext()
                    return value
                },
                then: done
            )
        }
        let (isTaken, isFree) = state.withLock { state in
            if state.running < count {
                state.running += 1
                return (true, true)
            }
            guard state.waiting.count < TransferLimits.queuedTransfersMax else { return (false, false) }
            state.waiting.append(start)
            return (true, false)
        }
        if isFree { start() }
        return isTaken
    }

    private func startNext() {
        let next = state.withLock { state -> (@Sendable () -> Void)? in
            if state.waiting.isEmpty {
                state.running -= 1
                return nil
            }
            return state.waiting.removeFirst()
        }
        next?()
    }
}
