import Glibc
package import Telemetry

/// The kernel's clocks: `CLOCK_REALTIME` for the time of day, `CLOCK_BOOTTIME` for what must not jump.
package struct SystemTime: TimeSource {
    package init() {}

    package func now() -> Timestamp {
        let (seconds, nanoseconds) = read(CLOCK_REALTIME)
        return Timestamp(nanoseconds: seconds &* 1_000_000_000 &+ nanoseconds)
    }

    package func monotonic() -> Duration {
        let (seconds, nanoseconds) = read(CLOCK_BOOTTIME)
        return .seconds(seconds) + .nanoseconds(nanoseconds)
    }

    package func sleep(for duration: Duration) async throws {
        let end = Moment()
        _ = await withTaskCancellationHandler {
            await end.wait(atMost: duration)
        } onCancel: {
            end.happen()
        }
        try Task.checkCancellation()
    }

    private func read(_ clock: clockid_t) -> (seconds: Int64, nanoseconds: Int64) {
        var value = timespec()
        // The two clocks exist on each kernel that we run on (2.6.39 and later), so the call cannot fail.
        _ = unsafe clock_gettime(clock, &value)
        return (Int64(value.tv_sec), Int64(value.tv_nsec))
    }
}
