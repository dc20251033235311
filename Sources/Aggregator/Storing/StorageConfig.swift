import Sealing

/// What `storage:` of aggregator.yaml says.
package struct StorageConfig: Sendable, Hashable {
    /// The folder: the journal is `log.db` in it, sealed blocks lie in `segments/`. `:memory:` is a log that is gone with the process.
    package var path: String
    /// How long events and alerts are kept, counted from their arrival.
    package var eventRetention: Duration
    /// How long samples are kept as they came, counted from their arrival; then they are rolled up to a row a minute.
    package var metricRetention: Duration
    /// How long rows of a minute are kept, counted from the samples' arrival; then they are rolled up to a row an hour. Not less than `metricRetention`.
    package var minuteRetention: Duration
    /// How long rows of an hour are kept, counted from the samples' arrival. Not less than `minuteRetention`.
    package var hourRetention: Duration
    /// Bytes that the log may take; beyond it the oldest goes.
    package var maxSize: UInt64
    /// Free bytes of the file system below which nothing more is taken: deleting, too, needs some space.
    package var diskReserve: UInt64
    /// Requests that may wait for the next commit; beyond it the answer is "busy".
    package var queueRequestsMax: Int
    /// Bytes that may wait for the next commit.
    package var queueBytesMax: Int
    /// Sequences per agent and lane whose checksums are remembered, to tell a repeat from a clone.
    package var sequencesKept: UInt64
    /// How long idempotency keys and clients' own event ids are remembered at least: what comes again later is new. Agents' batches need none of this: their
    /// watermarks are kept for ever.
    package var idRetention: Duration
    /// How long events of some sources are kept, other than the others.
    package var sourceRetention: [String: Duration]
    /// Bytes of arrivals in memory; beyond it a request waits for the sealer, and after ``sealerPatience`` it is refused as busy.
    package var arrivalBytesMax: Int
    package var sealerPatience: Duration
    /// Arrivals younger than this are not sealed, unless memory asks for it: who follows the log is a moment behind its end, and reads an arrival at a
    /// fraction of what the sealed row costs that must be made one again.
    package var sealNotBefore: Duration
    /// Arrivals older than this are sealed however few they are.
    package var sealEventsAfter: Duration
    package var sealSamplesAfter: Duration
    /// Samples that are sealed at once.
    package var sealSamplesMax: Int
    /// Small sealed blocks of a class of retention that are brought together while their day goes on.
    package var compactBlocksMin: Int
    /// Filters of words that are cut into rows together; tests take fewer.
    var wordGroupBlocks = WordGroup.blocksMax

    package init(
        path: String,
        eventRetention: Duration = .seconds(30 * 86_400),
        metricRetention: Duration = .seconds(90 * 86_400),
        minuteRetention: Duration = .seconds(400 * 86_400),
        hourRetention: Duration = .seconds(1825 * 86_400),
        maxSize: UInt64 = 50 << 30,
        diskReserve: UInt64 = 256 << 20,
        queueRequestsMax: Int = 8192,
        queueBytesMax: Int = 128 << 20,
        sequencesKept: UInt64 = 4096,
        idRetention: Duration = .seconds(7 * 86_400),
        sourceRetention: [String: Duration] = [:],
        arrivalBytesMax: Int = 96 << 20,
        sealerPatience: Duration = .seconds(5),
        sealNotBefore: Duration = .milliseconds(250),
        sealEventsAfter: Duration = .seconds(600),
        sealSamplesAfter: Duration = SampleLimits.sealAfter,
        sealSamplesMax: Int = SampleLimits.sealedSamplesMax,
        compactBlocksMin: Int = 64
    ) {
        (self.path, self.eventRetention, self.metricRetention) = (path, eventRetention, metricRetention)
        (self.minuteRetention, self.hourRetention) = (minuteRetention, hourRetention)
        (self.maxSize, self.diskReserve) = (maxSize, diskReserve)
        (self.queueRequestsMax, self.queueBytesMax) = (queueRequestsMax, queueBytesMax)
        (self.sequencesKept, self.idRetention, self.sourceRetention) = (sequencesKept, idRetention, sourceRetention)
        (self.arrivalBytesMax, self.sealerPatience, self.sealNotBefore) = (arrivalBytesMax, sealerPatience, sealNotBefore)
        (self.sealEventsAfter, self.sealSamplesAfter, self.sealSamplesMax) = (sealEventsAfter, sealSamplesAfter, sealSamplesMax)
        self.compactBlocksMin = compactBlocksMin
    }

    /// The path that stands for a log in memory.
    package static let memoryPath = ":memory:"
    /// Each source with a retention of its own has segments of its own, a file a day.
    package static let sourceRetentionsMax = 32

    package var isInMemory: Bool { path == Self.memoryPath }
    /// The journal.
    var databasePath: String { isInMemory ? path : path + "/log.db" }
    /// Bytes beyond which a segment gets no more blocks: retention by size deletes whole segments, so they are small where little is kept.
    var segmentBytesMax: Int { Int(min(1 << 30, maxSize / 16)) }
    /// Bytes of arrivals in one sealed block.
    var sealBytesMax: Int { min(EventSealer.textBytesMax, segmentBytesMax) }
    var segmentsPath: String { path + "/segments" }
}
