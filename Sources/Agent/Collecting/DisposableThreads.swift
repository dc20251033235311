import Dispatch
import Operating
import Synchronization
import Telemetry

/// Runs calls that may never return. One thread does them all, one after the other; when nothing comes back for
/// ``CollectingLimits/reinforcementDelay``, others take over what waits. A call that is not back at the deadline is left behind with its thread,
/// which goes on to something else when the kernel lets it go.
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

        fileprivate func answer(_ value: Value) { state.withLock { $0 = .done(value) } }
        fileprivate func withdraw() { state.withLock { $0 = .withdrawn } }
    }

    /// Threads that are at work for this, stuck ones too.
    private let alive = Alive(CollectingLimits.threadsMax)

    /// Runs all calls and returns when they are back, at most `limit` later; the tickets stand in the calls' order. A call that has not even begun
    /// by then is withdrawn.
    func run<Value: Sendable>(_ calls: [@Sendable () -> Value], within limit: Duration) async -> [Ticket<Value>] {
        let round = Round(calls, alive)
        round.begin()
        _ = await round.last.wait(atMost: limit)
        return round.end()
    }

    /// The same, for whoever is on a thread that may block.
    func runBlocking<Value: Sendable>(_ calls: [@Sendable () -> Value], within limit: Duration) -> [Ticket<Value>] {
        guard !calls.isEmpty else { return [] }
        let round = Round(calls, alive)
        round.begin()
        _ = round.signal.wait(timeout: .now() + .nanoseconds(Int(limit.wholeNanoseconds)))
        return round.end()
    }

    /// How many threads there are of those that there may be.
    private final class Alive: Sendable {
        private let count = Atomic(0)
        private let most: Int

        init(_ most: Int) { self.most = most }

        func add() -> Bool {
            if count.add(1, ordering: .relaxed).newValue <= most { return true }
            remove()
            return false
        }

        func remove() { count.subtract(1, ordering: .relaxed) }
    }

    /// The calls of one round. Outlives it as long as one of them is stuck.
    private final class Round<Value: Sendable>: Sendable {
        private struct State {
            var begun = 0
            var missing: Int
            /// When to look next whether something comes back.
            var look: WorkThreads.Timer?
        }

        /// The last one is back.
        let last = Moment()
        let signal = DispatchSemaphore(value: 0)
        private let tickets: [Ticket<Value>]
        private let calls: [@Sendable () -> Value]
        private let alive: Alive
        private let state: Mutex<State>

        init(_ calls: [@Sendable () -> Value], _ alive: Alive) {
            (self.calls, self.alive, tickets) = (calls, alive, calls.map { _ in Ticket() })
            state = Mutex(State(missing: calls.count))
        }

        func begin() {
            if calls.isEmpty { return tell() }
            addThreads(1)
            lookLater(more: 1)
        }

        /// What has not begun never will.
        func end() -> [Ticket<Value>] {
            let begun = state.withLock { state in
                defer { state.begun = calls.count }
                if let look = state.look { WorkThreads.shared.cancel(look) }
                return state.begun
            }
            for ticket in tickets.dropFirst(begun) { ticket.withdraw() }
            return tickets
        }

        // MARK: Threads

        /// Adds threads when nothing came back in the meantime: twice as many each time, because forty dead mounts in a row must not use up the time
        /// of the living one behind them.
        private func lookLater(more: Int) {
            state.withLock { state in
                let missing = state.missing
                guard state.begun < calls.count else { return }
                state.look = WorkThreads.shared.schedule(after: CollectingLimits.reinforcementDelay) { [self] in
                    let isStill = self.state.withLock { $0.missing == missing }
                    if isStill { addThreads(more) }
                    lookLater(more: isStill ? min(more * 2, CollectingLimits.threadsMax) : more)
                }
            }
        }

        /// As far as something waits and the limit allows.
        private func addThreads(_ count: Int) {
            let waiting = state.withLock { calls.count - $0.begun }
            for _ in 0..<min(count, waiting) where alive.add() {
                WorkThreads.shared.run(blocking: { self.runCalls() }, then: { isLast in if isLast { self.tell() } })
            }
        }

        /// True: ours was the last answer.
        private func runCalls() -> Bool {
            defer { alive.remove() }
            var isLast = false
            while let index = next() {
                tickets[index].answer(calls[index]())
                isLast = state.withLock { state in
                    state.missing -= 1
                    return state.missing == 0
                }
            }
            return isLast
        }

        private func next() -> Int? {
            state.withLock { state in
                guard state.begun < calls.count else { return nil }
                defer { state.begun += 1 }
                return state.begun
            }
        }

        private func tell() {
            last.happen()
            signal.signal()
        }
    }
}
