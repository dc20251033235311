import Operating
import Telemetry
import TestSupport

@testable import Storing

extension FaultDisk {
    /// A log whose every file is on this disk: the folder of `config` must lie below its prefix.
    func open(_ config: StorageConfig, time: ManualTime = ManualTime(now: LogFixture.noon)) async throws -> Log {
        try await Log(
            config,
            newID: UUID(high: 0xAAAA_BBBB_CCCC_7DDD, low: 1),
            disk: Committer.Disk(freeBytes: { _ in nil }, beforeCommit: nil),
            files: FaultSegments(disk: self),
            time: time,
            metrics: MetricsRegistry(),
            logger: LogFixture.quiet
        )
    }
}
