package import NIOCore
import Synchronization

/// Closes a connection whose peer does not read: one write that takes longer than the limit.
package final class WriteWatch: Sendable {
    private let writes = Atomic<UInt64>(0)
    private let isWriting = Atomic<Bool>(false)
    private let task = Mutex<RepeatedTask?>(nil)

    package init(on channel: any Channel, limit: Duration) {
        let seen = LastWrite()
        let interval = TimeAmount(limit)
        let repeated = channel.eventLoop.scheduleRepeatedTask(initialDelay: interval, delay: interval) { [weak self] task in
            guard let self else { return task.cancel() }
            let count = writes.load(ordering: .relaxed)
            if isWriting.load(ordering: .relaxed), seen.exchange(count) == count { channel.close(promise: nil) }
        }
        task.withLock { $0 = repeated }
    }

    /// A write begins.
    package func begin() {
        writes.wrappingAdd(1, ordering: .relaxed)
        isWriting.store(true, ordering: .relaxed)
    }

    /// The write has ended.
    package func pause() { isWriting.store(false, ordering: .relaxed) }

    package func end() { task.withLock { $0?.cancel() } }
}

/// The number of the write that was under way at the last look.
private final class LastWrite: Sendable {
    private let number = Atomic<UInt64>(0)

    func exchange(_ new: UInt64) -> UInt64 { number.exchange(new, ordering: .relaxed) }
}
