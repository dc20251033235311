import CKernel
import Dispatch
import Glibc
import Synchronization
import Telemetry

/// Runs calls that may never return. Usually one thread does them all, one after the other; when nothing comes back for
/// ``CollectingLimits/reinforcementDelay``, another takes over what waits. A call that is not back at the deadline is left behind with its
/// thread, which goes away by itself when the kernel lets it go.
final class DisposableThreads: Sendable {
    /// One call's answer, now or later.
    final class Ticket<Value: Sendable>: Sendable {
        private enum State { case waiting, withdrawn, done(Value) }
        private let state = Mutex(State.waiting)

        /// The answer; nil as long as there is none.
        var value: Value? {
            state.withLock { state in
                if case .done(let value) = state { value } else { nil }
            }
        }

        /// Nothing runs any more: it has answered, or it never began.
        var isDone: Bool {
            state.withLock { state in
                if case .waiting = state { false } else { true }
            }
        }

        fileprivate var isWithdrawn: Bool {
            state.withLock { state in
                if case .withdrawn = state { true } else { false }
            }
        }

        fileprivate func answer(_ value: Value) { state.withLock { $0 = .done(value) } }
        fileprivate func withdraw() { state.withLock { $0 = .withdrawn } }
    }

    private let core: Core

    /// - Parameter label: the threads' name in `top -H`, up to 15 letters.
    init(label: String, threadsMax: Int = CollectingLimits.threadsMax) { core = Core(label: label, threadsMax: threadsMax) }

    deinit { core.close() }

    /// Runs all calls and blocks until they are back, at most `limit`; the tickets stand in the calls' order. A call that has not even begun by
    /// then is withdrawn.
    func run<Value: Sendable>(_ calls: [@Sendable () -> Value], within limit: Duration) -> [Ticket<Value>] {
        guard !calls.isEmpty else { return [] }
        let round = Round(calls.count)
        let begun = (0..<calls.count).map { _ in Begun() }
        let tickets = calls.map { _ in Ticket<Value>() }
        // All at once: one lock and one wake-up for them all, and one back for the last of them.
        core.submit(
            calls.indices.map { index in
                let (call, ticket, begin) = (calls[index], tickets[index], begun[index])
                return {
                    guard begin.claim() else { return }
                    ticket.answer(call())
                    round.arrive()
                }
            }
        )
        let end = DispatchTime.now() + .nanoseconds(Int(limit.wholeNanoseconds))
        let patience = DispatchTimeInterval.nanoseconds(Int(CollectingLimits.reinforcementDelay.wholeNanoseconds))
        var (missing, threads) = (calls.count, 1)
        while round.last.wait(timeout: min(end, .now() + patience)) != .success, DispatchTime.now() < end {
            let still = round.missing
            if still == missing {
                // Twice as many each time: forty dead mounts in a row must not use up the time of the living one behind them.
                core.reinforce(by: threads)
                threads = min(threads * 2, CollectingLimits.threadsMax)
            }
            missing = still
        }
        if round.missing > 0 {
            for (ticket, begin) in zip(tickets, begun) where begin.claim() { ticket.withdraw() }
        }
        return tickets
    }

    /// How many calls of one round are not back; the last one wakes the waiter.
    private final class Round: Sendable {
        let last = DispatchSemaphore(value: 0)
        private let count: Atomic<Int>

        init(_ count: Int) { self.count = Atomic(count) }

        var missing: Int { count.load(ordering: .acquiring) }

        func arrive() {
            if count.subtract(1, ordering: .acquiringAndReleasing).newValue == 0 { last.signal() }
        }
    }

    /// Whether a call has begun: claimed by the thread that runs it, or by the waiter that takes it back.
    private final class Begun: Sendable {
        private let isClaimed = Atomic(false)
        func claim() -> Bool { isClaimed.compareExchange(expected: false, desired: true, ordering: .acquiringAndReleasing).exchanged }
    }

    /// What the threads share; outlives its owner as long as one is stuck.
    private final class Core: Sendable {
        private struct State {
            var queue: [@Sendable () -> Void] = []
            var (alive, idle) = (0, 0)
            var isClosed = false
        }

        private let label: String
        private let threadsMax: Int
        private let state = Mutex(State())
        private let work = DispatchSemaphore(value: 0)

        init(label: String, threadsMax: Int) { (self.label, self.threadsMax) = (label, threadsMax) }

        func submit(_ jobs: [@Sendable () -> Void]) {
            let (wakes, starts) = state.withLock { state in
                state.queue += jobs
                if state.idle > 0 {
                    state.idle -= 1
                    return (true, false)
                }
                guard state.alive == 0 else { return (false, false) }
                state.alive += 1
                return (false, true)
            }
            if wakes { work.signal() }
            if starts { start() }
        }

        /// Nothing came back for a while: more threads, as far as something waits and the limit allows.
        func reinforce(by count: Int) {
            let starts = state.withLock { state in
                let starts = max(0, min(count, state.queue.count, threadsMax - state.alive))
                state.alive += starts
                return starts
            }
            for _ in 0..<starts { start() }
        }

        func close() {
            let idle = state.withLock { state in
                state.isClosed = true
                state.queue.removeAll()
                defer { state.idle = 0 }
                return state.idle
            }
            for _ in 0..<idle { work.signal() }
        }

        private enum Step { case run(@Sendable () -> Void), wait, end }

        private func runJobs() {
            while true {
                let step: Step = state.withLock { state in
                    if !state.queue.isEmpty { return .run(state.queue.removeFirst()) }
                    // One thread waits for the next round; more of them were there only because one was stuck.
                    if state.idle == 0, !state.isClosed {
                        state.idle += 1
                        return .wait
                    }
                    state.alive -= 1
                    return .end
                }
                switch step {
                case .run(let job): job()
                case .wait: work.wait()
                case .end: return
                }
            }
        }

        private func start() {
            var attributes = pthread_attr_t()
            unsafe pthread_attr_init(&attributes)
            defer { unsafe pthread_attr_destroy(&attributes) }
            unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
            unsafe pthread_attr_setstacksize(&attributes, CollectingLimits.threadStackBytes)
            var thread = pthread_t()
            let core = unsafe Unmanaged.passRetained(self)
            let status = unsafe pthread_create(
                &thread,
                &attributes,
                { argument in
                    guard let argument = unsafe argument else { return nil }
                    let core = unsafe Unmanaged<Core>.fromOpaque(argument).takeRetainedValue()
                    unsafe ckernel_name_thread(core.label)
                    core.runJobs()
                    return nil
                },
                core.toOpaque()
            )
            guard status != 0 else { return }
            // No more threads for this process: what waits is withdrawn at the deadline and is stale.
            unsafe core.release()
            state.withLock { $0.alive -= 1 }
        }
    }
}
