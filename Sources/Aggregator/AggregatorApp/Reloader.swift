import Operating
import ServiceLifecycle
import UnixSignals

/// Waits for SIGHUP and puts what can be changed while running in force.
struct Reloader: Service {
    private let systemd: ServiceNotifier
    private let reload: @Sendable () async -> AggregatorConfig?
    private let apply: @Sendable (AggregatorConfig) async -> Void

    /// - Parameters:
    ///   - reload: reads the files; nil when they hold mistakes: then everything stays as it is.
    ///   - apply: puts the new configuration in force.
    init(
        systemd: ServiceNotifier,
        reload: @escaping @Sendable () async -> AggregatorConfig?,
        apply: @escaping @Sendable (AggregatorConfig) async -> Void
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
