import NIOCore
import Synchronization

/// Ends the reading side of a connection when a body takes too long, so that a reader which waits for more wakes up.
final class Deadline: Sendable {
    private let over = Atomic<Bool>(false)
    private let scheduled = Mutex<Scheduled<Void>?>(nil)

    init(after duration: Duration, on channel: any Channel) {
        let task = channel.eventLoop.scheduleTask(in: TimeAmount(duration)) { [weak self] in
            self?.over.store(true, ordering: .relaxed)
            // TLS cannot close one side only: the whole connection goes then.
            let promise = channel.eventLoop.makePromise(of: Void.self)
            promise.futureResult.whenFailure { _ in channel.close(promise: nil) }
            channel.close(mode: .input, promise: promise)
        }
        scheduled.withLock { $0 = task }
    }

    var isOver: Bool { over.load(ordering: .relaxed) }

    func cancel() { scheduled.withLock { $0?.cancel() } }
}
