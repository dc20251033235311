/// The limits of this room.
package enum TransferLimits {
    /// A response body kept: an answer to a batch or a webhook is a few hundred bytes.
    package static let responseBytesMax = 1024 * 1024
    /// All header lines of a response together. The field's proxies send a few kB.
    package static let headerBytesMax = 64 * 1024
    package static let timeout: Duration = .seconds(30)
    package static let connectTimeout: Duration = .seconds(10)
    /// Transfers that wait for a thread; more are refused with ``TransferError/busy(_:)``.
    package static let queuedTransfersMax = 256
    /// A mail with its parts, encoded. Many servers refuse more than 10 MB.
    package static let mailBytesMax = 8 * 1024 * 1024
    package static let recipientsMax = 100
    /// One `Retry-After` is believed up to a day.
    package static let retryAfterSecondsMax: Int64 = 86_400
    /// A line of an SMTP dialogue that is kept for the record.
    package static let replyBytesMax = 1000
}
