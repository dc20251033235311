import Operating
import Synchronization
import Telemetry

/// In which lanes there is something to lend, for those who wait for it: they look here, and the spool's thread is not asked each time that something
/// changed.
final class Lendable: Sendable {
    private struct State {
        /// By lane: batches that are not acknowledged.
        var holds = Lane.allCases.map { _ in false }
        var isClosed = false
        /// Called when ``any`` rings.
        var listener: @Sendable () -> Void = {}
    }

    private let state = Mutex(State())
    private let loans: Loans
    /// Rings when something of any lane can be lent.
    private let any = Bell()
    /// Rings when alerts can be lent: who waits for them only is not woken for each collection.
    private let alerts = Bell()

    init(_ loans: Loans) { self.loans = loans }

    /// The bell that rings for these lanes.
    func bell(of lanes: [Lane]) -> Bell { lanes == [.alerts] ? alerts : any }

    /// Whether there is something to lend of these lanes.
    func mayHold(_ lanes: [Lane]) -> Bool {
        let lent = loans.all
        return state.withLock { state in
            !state.isClosed && lanes.contains { lane in state.holds[Int(lane.rawValue)] && !lent.contains { $0.lane == lane } }
        }
    }

    /// Whether the spool has to be asked: it also says when it is closed.
    func mustAsk(for lanes: [Lane]) -> Bool { state.withLock { $0.isClosed } || mayHold(lanes) }

    /// - Parameter holds: by lane.
    func note(_ holds: [Bool]) {
        state.withLock { $0.holds = holds }
        ring()
    }

    func giveBack(_ keys: [BatchKey]) {
        loans.giveBack(keys)
        ring()
    }

    func close() { state.withLock { $0.isClosed = true } }

    func tell(_ listener: @escaping @Sendable () -> Void) { state.withLock { $0.listener = listener } }

    private func ring() {
        if mayHold(Lane.allCases) {
            any.ring()
            state.withLock { $0.listener }()
        }
        if mayHold([.alerts]) { alerts.ring() }
    }
}
