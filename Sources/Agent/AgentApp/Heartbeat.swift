import Operating
import ServiceLifecycle
import Telemetry

/// Tells the service manager READY, a line of status when it changes, the watchdog, and STOPPING. Starts last and stops first, so that each
/// word is true when it is said.
struct Heartbeat: Service {
    let systemd: ServiceNotifier
    let desk: StatusDesk
    let time: any TimeSource
    /// Whether the agent begins anew after this: then the service manager is not told that it stops.
    let beginsAnew: @Sendable () -> Bool

    private static let interval = Duration.seconds(10)

    func run() async throws {
        // Nobody listens: nothing to wake up for.
        guard systemd.isHeard else {
            try? await gracefulShutdown()
            return
        }
        systemd.ready()
        await cancelWhenGracefulShutdown { await beat() }
        if !beginsAnew() { systemd.stopping() }
        // The others stop after this one; to return early for another reason would stop them all.
        try? await gracefulShutdown()
    }

    private func beat() async {
        let pause = min(Self.interval, systemd.watchdogInterval.map { $0 / 2 } ?? Self.interval)
        var told = ""
        while !Task.isCancelled {
            let line = Self.line(await desk.status())
            if line != told { systemd.status(line) }
            told = line
            if systemd.watchdogInterval != nil { systemd.watchdog() }
            try? await time.sleep(for: pause)
        }
    }

    static func line(_ status: AgentStatus) -> String {
        if let problem = status.problems.first {
            return status.problems.count == 1 ? "degraded: \(problem)" : "degraded: \(problem) (and \(status.problems.count - 1) more)"
        }
        let firing = status.rules.reduce(0) { $0 + $1.firing }
        return "healthy: \(status.tails.count) files followed, \(status.rules.count) rules, \(firing) alerts firing"
    }
}
