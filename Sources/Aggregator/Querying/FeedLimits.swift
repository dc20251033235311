/// What the live stream may hold.
package struct FeedLimits: Sendable, Hashable {
    /// Clients at once; each is an open connection with a queue.
    package var clientsMax: Int
    /// Rows that wait for one client before it misses some: a second of 50 000 events/s. A row that waits is a number; its block is shared.
    package var queuedRowsMax: Int
    /// Bytes of blocks that wait for slow clients, all together; over it those miss some, and only those.
    package var heldBytesMax: Int
    /// Events that are handed to a client's connection at once.
    package var rowsPerDelivery: Int
    /// Blocks kept for clients that are about to have read everything, and the bytes of them.
    package var recentBlocksMax: Int
    package var recentBytesMax: Int
    /// After this long without anything a client is told that the line is alive: proxies cut what is silent for a minute.
    package var quietInterval: Duration
    /// Between two looks at the log: blocks of many small commits are taken together.
    package var pause: Duration

    package init(
        clientsMax: Int = 256,
        queuedRowsMax: Int = 50_000,
        heldBytesMax: Int = 64 << 20,
        rowsPerDelivery: Int = 500,
        recentBlocksMax: Int = 64,
        recentBytesMax: Int = 4 << 20,
        quietInterval: Duration = .seconds(15),
        pause: Duration = .milliseconds(5)
    ) {
        (self.clientsMax, self.queuedRowsMax, self.heldBytesMax) = (clientsMax, queuedRowsMax, heldBytesMax)
        (self.rowsPerDelivery, self.recentBlocksMax, self.recentBytesMax) = (rowsPerDelivery, recentBlocksMax, recentBytesMax)
        (self.quietInterval, self.pause) = (quietInterval, pause)
    }
}
