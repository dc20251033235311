import Glibc
import ServiceLifecycle

/// Puts a configuration in force that was read again: at SIGHUP, and whenever somebody asks. One reload at a time; the service manager is told
/// when it begins and ends.
package struct Reloader<Report: Sendable>: Service {
    private let systemd: ServiceNotifier
    private let apply: @Sendable () async -> Report
    private let turns = Turns()

    /// - Parameter apply: reads the files and puts them in force; where they hold mistakes everything stays as it is, and the report says so.
    package init(systemd: ServiceNotifier, apply: @escaping @Sendable () async -> Report) { (self.systemd, self.apply) = (systemd, apply) }

    package func run() async throws {
        // A reload that is under way at a graceful shutdown is made to its end.
        while await cancelWhenGracefulShutdown({ await Signals.shared.next(of: [SIGHUP]) }) != nil { _ = await reload() }
    }

    package func reload() async -> Report {
        await turns.take()
        defer { turns.pass() }
        systemd.reloading()
        defer { systemd.ready() }
        return await apply()
    }
}
