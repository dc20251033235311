import Operating
import ServiceLifecycle
import UnixSignals

/// Waits for SIGHUP and puts what can be changed while running in force.
struct Reloader: Service {
    let systemd: ServiceNotifier
    /// Reads the files; nil when they hold mistakes: then everything stays as it is.
    let reload: @Sendable () async -> AgentConfig?
    let apply: @Sendable (AgentConfig) async -> Void

    init(
        systemd: ServiceNotifier,
        reload: @escaping @Sendable () async -> AgentConfig?,
        apply: @escaping @Sendable (AgentConfig) async -> Void
    ) {
        (self.systemd, self.reload, self.apply) = (systemd, reload, apply)
    }

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            systemd.reloading()
            if let fresh = await reload() { await apply(fresh) }
            systemd.ready()
        }
    }
}
