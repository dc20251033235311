import Logging
import Operating
import ServiceLifecycle
import Synchronization

/// Looks every few seconds whether the spool's disk can be written again; returns when it can.
actor DiskWatch: Service {
    private let executor = BlockingExecutor()
    nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

    private let folder: String
    private let time: any TimeSource
    private let logger: Logger
    private let found = Atomic(false)

    private static let interval = Duration.seconds(5)

    init(_ folder: String, time: any TimeSource, logger: Logger) { (self.folder, self.time, self.logger) = (folder, time, logger) }

    nonisolated var isWritable: Bool { found.load(ordering: .acquiring) }

    func run() async throws { await cancelWhenGracefulShutdown { await self.look() } }

    private func look() async {
        while !Task.isCancelled {
            do { try await time.sleep(for: Self.interval) } catch { return }
            guard SpoolDisk.problem(of: folder) == nil else { continue }
            logger.notice("the spool's disk can be written again: the agent goes on from its spool")
            found.store(true, ordering: .releasing)
            return
        }
    }
}
