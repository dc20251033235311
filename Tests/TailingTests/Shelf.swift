import Synchronization
import Telemetry

/// A next room that keeps what it takes, fails when a test says so, and tells when something is there.
final class Shelf: Sink {
    private struct State {
        var events: [Event] = []
        var gaps: [Gap] = []
        var positions: [ReadPosition] = []
        var failures = 0
        var offered = 0
        var watchers: [(isMet: @Sendable (Shelf.View) -> Bool, continuation: CheckedContinuation<Void, Never>)] = []
    }

    struct View: Sendable {
        let lines: [String]
        let gaps: [Gap]
        let offered: Int
    }

    private let state = Mutex(State())

    func accept(_ intake: Intake) async throws(SinkError) {
        let (fails, ready) = state.withLock { state -> (Bool, [CheckedContinuation<Void, Never>]) in
            state.offered += 1
            let fails = state.failures > 0
            if fails {
                state.failures -= 1
            } else {
                state.events += intake.events
                state.gaps += intake.gaps
                for position in intake.positions {
                    state.positions.removeAll { $0.device == position.device && $0.inode == position.inode }
                    if !position.isFinished { state.positions.append(position) }
                }
            }
            let view = Shelf.view(state)
            let ready = state.watchers.filter { $0.isMet(view) }.map(\.continuation)
            state.watchers.removeAll { $0.isMet(view) }
            return (fails, ready)
        }
        for continuation in ready { continuation.resume() }
        if fails { throw .failed("the disk is full") }
    }

    private static func view(_ state: State) -> View {
        View(lines: state.events.compactMap(\.message), gaps: state.gaps, offered: state.offered)
    }

    func fail(_ count: Int) { state.withLock { $0.failures = count } }
    var view: View { state.withLock { Shelf.view($0) } }
    var events: [Event] { state.withLock { $0.events } }
    var checkpoint: Checkpoint { state.withLock { Checkpoint(positions: $0.positions) } }

    /// Suspends until what is there meets the condition.
    func wait(until isMet: @escaping @Sendable (View) -> Bool) async {
        await withCheckedContinuation { continuation in
            let isThere = state.withLock { state in
                if isMet(Shelf.view(state)) { return true }
                state.watchers.append((isMet, continuation))
                return false
            }
            if isThere { continuation.resume() }
        }
    }
}
