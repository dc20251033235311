import Telemetry

/// Notices that the wall clock was set, by comparing it with the clock that cannot be.
struct ClockWatch {
    private var wall: Timestamp
    private var monotonic: Duration

    init(wall: Timestamp, monotonic: Duration) { (self.wall, self.monotonic) = (wall, monotonic) }

    /// By how much the wall clock was set since the last look (backward: negative); nil when it was not.
    mutating func jump(wall now: Timestamp, monotonic later: Duration) -> Duration? {
        let difference = now.duration(since: wall) - (later - monotonic)
        (wall, monotonic) = (now, later)
        return difference > JudgingLimits.clockStepMin || difference < .zero - JudgingLimits.clockStepMin ? difference : nil
    }
}
