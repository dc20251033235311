package import Telemetry

/// Where a room learns what time it is and waits. Rooms get one through `init`, so that tests turn the hands themselves.
package protocol TimeSource: Sendable {
    /// The wall clock, UTC. It may jump, forward and back.
    func now() -> Timestamp
    /// Time since some fixed moment; never goes back, and goes on while the machine sleeps.
    func monotonic() -> Duration
    /// Suspends for at least `duration`; throws `CancellationError` when the task is cancelled.
    func sleep(for duration: Duration) async throws
}
