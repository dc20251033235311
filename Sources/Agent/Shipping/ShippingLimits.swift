import Operating

/// The room's limits, and why they are what they are.
package enum ShippingLimits {
    /// Bytes of one POST at first: some seconds of a slow line.
    static let bytesAtFirst = 256 * 1024
    /// Bytes of one POST when all goes fast. Inflated ten to twenty times, it stays below the aggregator's limit (128 MiB).
    static let bytesMax = 4 << 20
    /// Below this a slow answer does not make the POSTs smaller.
    static let bytesMin = 16 * 1024
    /// A POST that took longer makes the next one smaller: an alert waits for the POST before it.
    static let slowAnswer = Duration.seconds(4)
    /// A POST that was faster lets the next one be larger.
    static let quickAnswer = Duration.seconds(1)
    /// For one POST. Its repeat is harmless, so this need not be long.
    static let timeout = Duration.seconds(30)
    static let connectTimeout = Duration.seconds(5)
    /// Batches set aside one after the other before each costs a wait: it could be the aggregator that is wrong.
    static let setAsideInARowMax = 3
    /// An alert that waited so long, because a POST of logs is on its way or a wait is under way, goes out beside it.
    static let overtakeAfter = Duration.milliseconds(100)
    /// Between two attempts while alerts wait, at most; half of it at least.
    static let urgentPause = Duration.milliseconds(500)
    /// Bytes of alerts in one POST.
    static let urgentBytesMax = 256 * 1024
    /// For the last attempt when the agent stops.
    static let lastFlush = Duration.seconds(2)
    /// After an answer without success, and after no answer: 1 s, 2 s, 4 s … 60 s, each spread over its whole range, for ever.
    static let backoff = Backoff(base: .seconds(1), cap: .seconds(60))
    /// `Retry-After: 0` must not become a busy loop.
    static let toldWaitMin = Duration.milliseconds(200)
    /// Longer than this no alert waits because a proxy was set up badly.
    static let toldWaitMax = Duration.seconds(3600)
    /// Characters of the aggregator's words that go into a status or a gap.
    static let detailMax = 300
    /// An answer that says where files stand: 16 384 of them with paths of usual length, four times.
    static let positionsBytesMax = 16 << 20
    /// Of a batch that an older version packed, when it is packed anew.
    static let inflatedBytesMax = 256 << 20
    /// A token's file; a token has some 50 bytes.
    static let tokenBytesMax = 4096
}
