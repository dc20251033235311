import Glibc
import Synchronization

/// A few threads that may block, started when they are needed. Blocking calls must not run on Swift's cooperative pool, and Dispatch's
/// concurrent queues share their threads with it, so these are threads of our own.
final class BlockingThreads: Sendable {
    private let core: Core

    init(count: Int) { core = Core(threadsMax: max(1, count)) }

    deinit { core.stop() }

    /// Runs the job on one of the threads, in order of arrival. False when too many wait already; the job is then not run.
    func run(_ job: @escaping @Sendable () -> Void) -> Bool { core.run(job) }

    /// What the threads share; it outlives the pool until the last thread has ended.
    private final class Core: Sendable {
        private struct State {
            var jobs: [@Sendable () -> Void] = []
            var threads = 0
            var idle = 0
            var isStopped = false
        }

        private let state = Mutex(State())
        private let wakeups = Semaphore()
        private let threadsMax: Int

        init(threadsMax: Int) { self.threadsMax = threadsMax }

        func run(_ job: @escaping @Sendable () -> Void) -> Bool {
            let (isTaken, needsThread) = state.withLock { state in
                guard state.jobs.count < TransferLimits.queuedTransfersMax, !state.isStopped else { return (false, false) }
                state.jobs.append(job)
                let needsThread = state.jobs.count > state.idle && state.threads < threadsMax
                if needsThread { state.threads += 1 }
                return (true, needsThread)
            }
            if needsThread, !start() {
                // No thread could be made (EAGAIN): one that runs will take the job; without any, refuse it.
                let isAlone = state.withLock { state in
                    state.threads -= 1
                    if state.threads == 0 { state.jobs.removeLast() }
                    return state.threads == 0
                }
                if isAlone { return false }
            }
            if isTaken { wakeups.post() }
            return isTaken
        }

        func stop() {
            let threads = state.withLock { state in
                state.isStopped = true
                return state.threads
            }
            for _ in 0..<threads { wakeups.post() }
        }

        private func work() {
            while true {
                state.withLock { $0.idle += 1 }
                wakeups.wait()
                let job: (@Sendable () -> Void)? = state.withLock { state in
                    state.idle -= 1
                    return state.jobs.isEmpty ? nil : state.jobs.removeFirst()
                }
                if let job { job() } else if state.withLock({ $0.isStopped }) { return }
            }
        }

        private func start() -> Bool {
            var thread = pthread_t()
            let context = unsafe Unmanaged.passRetained(self)
            let status = unsafe pthread_create(
                &thread,
                nil,
                { context in
                    if let context = unsafe context { unsafe Unmanaged<Core>.fromOpaque(context).takeRetainedValue().work() }
                    return nil
                },
                context.toOpaque()
            )
            guard status == 0 else {
                unsafe context.release()
                return false
            }
            pthread_detach(thread)
            return true
        }
    }
}

/// A counting semaphore of POSIX at a fixed address.
@safe
private final class Semaphore: Sendable {
    private nonisolated(unsafe) let address: UnsafeMutablePointer<sem_t>

    init() {
        unsafe address = .allocate(capacity: 1)
        unsafe sem_init(address, 0, 0)
    }

    deinit {
        unsafe sem_destroy(address)
        unsafe address.deallocate()
    }

    func post() { unsafe sem_post(address) }

    func wait() { while unsafe sem_wait(address) != 0, errno == EINTR {} }
}
