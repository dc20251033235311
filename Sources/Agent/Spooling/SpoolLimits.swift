/// The room's limits, and why they are what they are.
package enum SpoolLimits {
    /// Rows of one block. Decoders at the aggregator work block by block, so this bounds what one holds at a time.
    static let blockRowsMax = 16_384
    /// From so many samples on an intake is taken for a collection, and the next one for another of the same series.
    static let outlinedSamplesMin = 64
    /// Bytes of text in one block, before encoding: 1 MiB compresses well and is a hundredth of what the aggregator inflates at a time.
    static let blockBytesMax = 1 << 20
    /// Encoded bytes of one batch; one block may be larger.
    static let batchBytesMax = 1 << 20
    /// Encoded bytes of one transaction. More waits for the next one: the WAL stays small.
    static let groupBytesMax = 8 << 20
    /// Batches of one lease: each is a frame of zstd, and the aggregator checks each.
    static let leaseBatchesMax = 512
    /// Bytes of refused batches that are kept for a person to look at; the oldest go first.
    static let refusedBytesMax = 16 << 20
    /// Gap records kept for `agentctl status`; all of them were shipped.
    static let gapsKeptMax = 200
    /// Gap records in one status.
    static let gapsShownMax = 20
    /// Damaged database files that are kept; the oldest go first.
    static let corruptFilesMax = 3
    /// Batches that are given up in one step when the spool is full.
    static let evictionStep: Int64 = 16
    /// Pages in the WAL after which it is copied into the file and begun anew: 4 MiB.
    static let walPagesMax = 1024
    /// Free pages given back to the file system in one step: 1 MiB.
    static let vacuumPagesStep: Int64 = 256
    /// Free pages that stay in the file, for the next batches: 4 MiB.
    static let freePagesKept: Int64 = 1024
    /// Between two steps of giving back, so that the disk is there for others: 10 MiB a second.
    static let vacuumPause = Duration.milliseconds(100)
    /// Between two looks whether there is something to give back.
    static let upkeepPause = Duration.seconds(60)
    /// A file of an old release that cannot shrink is written anew when it has no more pages: 64 MiB.
    static let rewritePagesMax: Int64 = 16_384
    /// A lane that holds no more than this goes out at once: its new batches count as sent from the beginning.
    static let liveBytes: UInt64 = 1 << 20
    /// Batches beyond the leased ones that are marked as sent with them: a mark is a transaction.
    static let sentMarkStep: UInt64 = 64
    /// Steps to which metrics are thinned when the spool is full, finest first.
    static let thinningSteps: [Duration] = [.seconds(60), .seconds(300), .seconds(3600)]
    /// Batches of metrics that are looked at in one step of thinning.
    static let thinningBatchesMax = 256
    /// A transaction of a salvage, in bytes.
    static let salvageBytesMax = 4 << 20
}
