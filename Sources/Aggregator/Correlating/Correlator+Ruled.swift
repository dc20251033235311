import Operating
package import Telemetry

/// The door for what the aggregator's own rules say.
extension Correlator: Sink {
    package typealias Element = RuledAlerts

    /// Returns when what changed by it is on disk, from where it is told. What is known already changes nothing.
    package func accept(_ ruled: RuledAlerts) async throws(SinkError) {
        do {
            try take(ruled)
        } catch {
            forgetUnwritten()
            throw .failed("\(error)")
        }
    }

    /// One transaction, as each step of the loop; nothing is awaited, so that the two do not mix.
    private func take(_ ruled: RuledAlerts) throws {
        if store == nil { try openStore() }
        guard var state = correlation else { return }
        // The copy is changed and put back, so that nothing else holds it meanwhile.
        correlation = nil
        let now = time.now()
        let transitions = state.take(ruled, now: now)
        correlation = state
        guard !transitions.isEmpty || state.hasEffects else { return }
        try write(transitions, now: now)
        metrics.count(transitions)
        guard !transitions.isEmpty else { return }
        // The own events of these transitions wake the loop, which then knows its new deadline.
        if let known = judged { judged = (known.at, min(known.next, state.nextDeadline(now: now))) }
        told.continuation.yield()
        recorded.continuation.yield()
    }

    /// A failed sync poisons a connection, and what was decided was not written: begin from the file.
    func forgetUnwritten() { (store, correlation) = (nil, nil) }
}
