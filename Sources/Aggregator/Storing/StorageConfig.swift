/// What `storage:` of aggregator.yaml says.
package struct StorageConfig: Sendable, Hashable {
    /// The folder; the log is `log.db` in it.
    package var path: String
    /// How long events and alerts are kept, counted from their arrival.
    package var eventRetention: Duration
    /// How long samples are kept, counted from their arrival.
    package var metricRetention: Duration
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
    /// How long an idempotency key is remembered.
    package var keyRetention: Duration
    /// Connections that read side by side.
    package var readers: Int

    package init(
        path: String,
        eventRetention: Duration = .seconds(30 * 86_400),
        metricRetention: Duration = .seconds(90 * 86_400),
        maxSize: UInt64 = 50 << 30,
        diskReserve: UInt64 = 256 << 20,
        queueRequestsMax: Int = 8192,
        queueBytesMax: Int = 128 << 20,
        sequencesKept: UInt64 = 4096,
        keyRetention: Duration = .seconds(86_400),
        readers: Int = 2
    ) {
        (self.path, self.eventRetention, self.metricRetention) = (path, eventRetention, metricRetention)
        (self.maxSize, self.diskReserve) = (maxSize, diskReserve)
        (self.queueRequestsMax, self.queueBytesMax) = (queueRequestsMax, queueBytesMax)
        (self.sequencesKept, self.keyRetention, self.readers) = (sequencesKept, keyRetention, readers)
    }

    var databasePath: String { path + "/log.db" }
}
