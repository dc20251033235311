import Answering
import HummingbirdCore
import Logging
import NIOCore

/// A connection whose requests are answered on the thread of its own event loop. On the cooperative pool each request would change threads some six
/// times (a part read, a part written, a timer set), which costs more than answering a small one. What takes long leaves the loop: see `Door`.
struct LoopChannel<Base: ServerChildChannel>: ServerChildChannel {
    private let base: Base
    private let shortPosts: ShortPosts

    init(_ base: Base, shortPosts: ShortPosts) { (self.base, self.shortPosts) = (base, shortPosts) }

    func setup(channel: any Channel, logger: Logger) -> EventLoopFuture<Base.Value> {
        base.setup(channel: channel, logger: logger).flatMapThrowing { [shortPosts] value in
            try shortPosts.join(channel.pipeline.syncOperations, executor: LoopExecutor(channel.eventLoop))
            return value
        }
    }

    @concurrent
    func handle(value: Base.Value, logger: Logger) async {
        await withTaskExecutorPreference(LoopExecutor(value.channel.eventLoop)) {
            await base.handle(value: value, logger: logger)
        }
    }
}

/// Runs tasks on an event loop's thread, in the order in which they are handed over.
final class LoopExecutor: TaskExecutor {
    private let loop: any EventLoop

    init(_ loop: any EventLoop) { self.loop = loop }

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let executor = unsafe asUnownedTaskExecutor()
        loop.execute { unsafe job.runSynchronously(on: executor) }
    }
}
