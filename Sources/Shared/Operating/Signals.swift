import CKernel
import Glibc
import Synchronization

/// Signals that a program lives by (signal(7)): they are taken one after the other, and one that comes while nobody waits for it is kept.
///
/// A thread of its own waits for them. Dispatch's sources would do, at the price of a timer that fires each second for ever.
package final class Signals: Sendable {
    package static let shared = Signals()

    private struct State {
        var watched: Set<Int32> = []
        /// Came, and not taken yet; several of one kind are one.
        var waiting: Set<Int32> = []
        /// Nil: not asked for yet; -1: there was none.
        var pipe: Int32?
    }

    private let state = Mutex(State())
    private let bell = Bell()

    private init() {}

    /// Waits for one of these signals and takes it. From the first call on they no longer do what they do by themselves.
    /// - Returns: nil when the task is cancelled.
    package func next(of numbers: Set<Int32>) async -> Int32? {
        watch(numbers)
        while !Task.isCancelled {
            let seen = bell.rings
            let taken = state.withLock { state -> Int32? in
                guard let number = state.waiting.intersection(numbers).min() else { return nil }
                state.waiting.remove(number)
                return number
            }
            if let taken { return taken }
            await bell.wait(after: seen)
        }
        return nil
    }

    private func watch(_ numbers: Set<Int32>) {
        // The pipe first, whoever asks at the same time: a signal that comes before it would be lost.
        state.withLock { state in
            if state.pipe == nil {
                let pipe = ckernel_signal_pipe()
                state.pipe = pipe
                if pipe >= 0 { WorkThreads.shared.run(blocking: { self.read(from: pipe) }) }
            }
            // Without one they go on to do what they do by themselves: a program that nothing stops is worse than one that is not stopped well.
            guard let pipe = state.pipe, pipe >= 0 else { return }
            for number in numbers.subtracting(state.watched) { ckernel_watch_signal(number) }
            state.watched.formUnion(numbers)
        }
    }

    private func read(from pipe: Int32) {
        var bytes = [UInt8](repeating: 0, count: 16)
        while true {
            let count = unsafe Glibc.read(pipe, &bytes, bytes.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return }
            state.withLock { $0.waiting.formUnion(bytes.prefix(count).map { Int32($0) }) }
            bell.ring()
        }
    }
}
