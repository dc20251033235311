import Glibc
import Synchronization

/// The threads that a program's tasks and blocking actors run on. As few as it takes: what a thread leads to it does itself, when it is back soon,
/// because to wake another one costs more than most steps of a task do, and brings them to a processor whose caches know nothing of them. A thread
/// that may wait for long leaves nothing to itself.
///
/// ```swift
/// await withTaskExecutorPreference(WorkThreads.shared) { … }
/// ```
///
/// Dispatch's pool makes its threads anew after each pause, and looks after them once a second for as long as the program lives.
package final class WorkThreads: TaskExecutor {
    typealias Hold = WorkHold

    /// One thing to do.
    enum Work {
        case job(UnownedJob)
        case serial(BlockingExecutor)
        case call(@Sendable () -> Void)
    }

    private struct State {
        var plan: WorkPlan<Work>
        /// By number; nil: ended.
        var threads: [WorkThread?] = []
    }

    package static let shared = WorkThreads()

    private let state: Mutex<State>

    init(computingMax: Int = max(2, sysconf(Int32(_SC_NPROCESSORS_ONLN)))) { state = Mutex(State(plan: WorkPlan(computingMax: computingMax))) }

    // MARK: Work

    package func enqueue(_ job: consuming ExecutorJob) { submit(.job(UnownedJob(job)), .briefly) }

    /// Calls `work` on a thread where it may block for as long as it likes, and then `done` with what it returned; `done` must be brief.
    package func run<Value: Sendable>(blocking work: @escaping @Sendable () -> Value, then done: @escaping @Sendable (Value) -> Void = { _ in }) {
        let call: @Sendable () -> Void = {
            let value = work()
            // What follows from it this thread can do itself.
            WorkThread.current?.hold = .briefly
            done(value)
        }
        submit(.call(call), .long)
    }

    /// What `work` returns, which may block for as long as it likes.
    package func blocking<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
        await withCheckedContinuation { continuation in run(blocking: work) { value in continuation.resume(returning: value) } }
    }

    func submit(_ work: Work, _ hold: Hold) {
        let caller = WorkThread.current?.hold
        let order = state.withLock { state in Self.order(state.plan.submit(work, hold, by: caller), &state) }
        obey(order)
    }

    // MARK: Time

    /// Nanoseconds of CLOCK_MONOTONIC, which stands still while the machine sleeps.
    static func now() -> UInt64 {
        var value = timespec()
        _ = unsafe clock_gettime(CLOCK_MONOTONIC, &value)
        return UInt64(value.tv_sec) * 1_000_000_000 + UInt64(value.tv_nsec)
    }

    /// A call that is to be made.
    package struct Timer: Sendable {
        fileprivate let id: WorkTimers.ID
    }

    /// Makes a brief call when `duration` is over.
    package func schedule(after duration: Duration, _ call: @escaping @Sendable () -> Void) -> Timer {
        // Longer than anybody waits, and short enough to add.
        let pause = min(max(duration, .zero), .seconds(1 << 32)).components
        let deadline = Self.now() + UInt64(pause.seconds) * 1_000_000_000 + UInt64(pause.attoseconds / 1_000_000_000)
        let (id, order) = state.withLock { state in
            let (id, wake) = state.plan.add(at: deadline, call)
            return (id, Self.order(wake, &state))
        }
        obey(order)
        return Timer(id: id)
    }

    /// A call that is being made already is made.
    package func cancel(_ timer: Timer) { state.withLock { $0.plan.remove(timer.id) } }

    // MARK: Threads

    private enum Order {
        case post(WorkThread)
        case start(WorkThread)
    }

    private static func order(_ wake: WorkWake?, _ state: inout State) -> Order? {
        switch wake {
        case nil: return nil
        case .wake(let number): return state.threads[number].map { .post($0) }
        case .start(let number):
            let thread = WorkThread(number: number)
            if number == state.threads.count { state.threads.append(thread) } else { state.threads[number] = thread }
            return .start(thread)
        }
    }

    private func obey(_ order: Order?) {
        switch order {
        case nil: return
        case .post(let thread): thread.post()
        case .start(let thread):
            if thread.start({ self.work(on: thread) }) { return }
            state.withLock { state in
                state.plan.couldNotStart(thread.number)
                state.threads[thread.number] = nil
            }
        }
    }

    private func work(on thread: WorkThread) {
        var ended: Hold?
        while true {
            let now = Self.now()
            let (step, order) = state.withLock { state in
                let (step, wake) = state.plan.next(for: thread.number, after: ended, now: now)
                if case .end = step { state.threads[thread.number] = nil }
                return (step, Self.order(wake, &state))
            }
            obey(order)
            switch step {
            case .run(let work, let hold):
                thread.hold = hold
                perform(work)
                ended = hold
            case .fire(let calls):
                thread.hold = .briefly
                for call in calls { call() }
                ended = .briefly
            case .wait(let deadline):
                if !thread.wait(until: deadline), !state.withLock({ $0.plan.stopsWaiting(thread.number) }) { _ = thread.wait(until: nil) }
                ended = nil
            case .end:
                return
            }
        }
    }

    private func perform(_ work: Work) {
        switch work {
        case .job(let job): unsafe job.runSynchronously(on: asUnownedTaskExecutor())
        case .serial(let executor): executor.runJobs()
        case .call(let call): call()
        }
    }
}
