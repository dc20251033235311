/// One event as places in bytes of its own: what a client sends that posts event by event. Hundreds of them a second are put together in one block; a block
/// for each on the way there would be a quarter of the work.
package struct SingleEvent: Sendable, Hashable {
    package var timestamp: Timestamp
    /// The client's own id.
    package var id: UUID?
    package var severity: Severity
    /// UTF-8; the ranges lie in it.
    package var bytes: [UInt8] = []
    package var source = 0..<0
    package var type = 0..<0
    package var host = 0..<0
    package var correlation: Range<Int>?
    package var tags: [Range<Int>] = []
    package var message: Range<Int>?
    /// Compact JSON; nil: `{}`.
    package var data: Range<Int>?

    package init(timestamp: Timestamp, severity: Severity) { (self.timestamp, self.severity) = (timestamp, severity) }

    package func text(_ range: Range<Int>) -> String { String(decoding: bytes[range], as: UTF8.self) }
}
