package import Telemetry

/// Notices that the wall clock was set, by comparing it with the clock that cannot be.
package struct ClockWatch: Sendable {
    private var wall: Timestamp
    private var monotonic: Duration
    private let stepMin: Duration

    /// - Parameter stepMin: a smaller difference is no jump: NTP slews, and the two clocks are read one after the other.
    package init(wall: Timestamp, monotonic: Duration, stepMin: Duration) {
        (self.wall, self.monotonic, self.stepMin) = (wall, monotonic, stepMin)
    }

    /// By how much the wall clock was set since the last look (backward: negative); nil when it was not.
    package mutating func jump(wall now: Timestamp, monotonic later: Duration) -> Duration? {
        let difference = now.duration(since: wall) - (later - monotonic)
        (wall, monotonic) = (now, later)
        return difference > stepMin || difference < .zero - stepMin ? difference : nil
    }
}
