import CKernel
import ServiceLifecycle

/// Gives back memory that a program has and no longer uses: freed blocks that malloc(3) holds, and pages of code and constants that only the start, a
/// reload or an outage needed. What is used comes back with a page fault out of the page cache, a few hundred of them, a millisecond a time.
package struct MemoryUpkeep: Service {
    private let time: any TimeSource

    /// At once, for what parsed the configuration and bound the libraries; when the first minute is over; then now and then.
    private static let pauses = [Duration.zero, .seconds(60)]
    private static let interval = Duration.seconds(600)

    package init(time: any TimeSource) { self.time = time }

    /// Until graceful shutdown.
    package func run() async throws {
        await cancelWhenGracefulShutdown {
            var round = 0
            while !Task.isCancelled {
                guard (try? await time.sleep(for: round < Self.pauses.count ? Self.pauses[round] : Self.interval)) != nil else { return }
                Self.giveBack()
                round += 1
            }
        }
    }

    /// Before there is a second thread. By default each thread frees into a pool of its own, and what one holds the others do not see: a third
    /// of a small program's peak, for a lock that few threads here wait for.
    package static func shareOnePool() { _ = mallopt(M_ARENA_MAX, 1) }

    static func giveBack() {
        _ = malloc_trim(0)
        ckernel_unmap_code()
    }
}
