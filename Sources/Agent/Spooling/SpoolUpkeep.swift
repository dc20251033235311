package import Operating
import ServiceLifecycle

/// Gives the space that a backlog took back to the file system, in small steps, while nobody waits for it.
package struct SpoolUpkeep: Service {
    private let spool: Spool
    private let time: any TimeSource

    package init(_ spool: Spool, time: any TimeSource) { (self.spool, self.time) = (spool, time) }

    /// Until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var seen: UInt64 = 0
            while !Task.isCancelled {
                seen = await spool.waitForChange(after: seen)
                while !Task.isCancelled, (try? await spool.giveSpaceBack()) == true { try? await time.sleep(for: SpoolLimits.vacuumPause) }
                // Whoever changes much does so often: look again when it has settled.
                try? await time.sleep(for: SpoolLimits.upkeepPause)
            }
        }
    }
}
