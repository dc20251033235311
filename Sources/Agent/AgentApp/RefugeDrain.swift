import Logging
import Operating
import ServiceLifecycle
import Shipping
import Spooling
import Telemetry

/// Ships what was buffered in memory, then gives the memory back. What is left when the agent stops is there at its next start.
struct RefugeDrain: Service {
    let leftover: Spool
    let refuge: SpoolRefuge
    /// Nil: there is no aggregator.
    let shipper: Shipper?
    let into: Spool
    let time: any TimeSource
    let logger: Logger

    func run() async throws {
        if let shipper {
            await withTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try? await shipper.run() }
                tasks.addTask { await emptied() }
                await tasks.next()
                tasks.cancelAll()
            }
        }
        let batches = await waiting()
        if batches == 0 || shipper == nil {
            if let batches, batches > 0 { await giveUp(batches) }
            await leftover.close()
            refuge.remove()
            logger.notice("the memory that stood in for the disk is given back")
        }
        try? await gracefulShutdown()
    }

    private func emptied() async {
        while !Task.isCancelled, await waiting() != 0 { try? await time.sleep(for: .milliseconds(500)) }
    }

    /// Batches that are not delivered. Nil: that is not known.
    private func waiting() async -> UInt64? { (try? await leftover.status())?.batches.values.reduce(0, +) }

    private func giveUp(_ batches: UInt64) async {
        let (now, oldest) = (time.now(), (try? await leftover.status())?.oldest)
        let detail = "\(batches) batches were buffered in memory while the spool's disk could not be written; there is no aggregator that takes them"
        let gap = Gap(source: "spool", reason: .notStored, from: oldest ?? now, to: now, count: batches, detail: detail)
        try? await into.accept(Intake(gaps: [gap]))
    }
}
