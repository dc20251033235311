/// One event as places in the bytes of a body: what a parser hands to ``EventBlockEncoder`` without a String or an Event.
package struct EventFields: Sendable {
    /// A piece of the bytes; `start` below 0: there is none.
    package struct Piece: Sendable {
        package var start: Int
        package var count: Int

        @inlinable
        package init(_ start: Int, _ count: Int) { (self.start, self.count) = (start, count) }

        package static let none = Piece(-1, 0)

        package var isThere: Bool { start >= 0 }
    }

    /// Nanoseconds.
    package var timestamp: Int64
    /// ``Severity``'s number.
    package var severity: UInt8 = 0
    package var source = Piece.none
    package var type = Piece.none
    /// None or empty: the encoder's ``EventBlockEncoder/hostOfNone``.
    package var host = Piece.none
    package var correlation = Piece.none
    /// The number of the list of tags (``EventBlockEncoder/tagList(of:in:)``); nil: no tags.
    package var tags: UInt32?
    package var message = Piece.none
    package var data = Piece.none
    /// Whether `message` and `data` lie in the scratch bytes instead of the body.
    package var messageInScratch = false
    package var dataInScratch = false
    package var hasID = false
    /// The client's own id.
    package var idHigh: UInt64 = 0
    package var idLow: UInt64 = 0

    package init(timestamp: Int64) { self.timestamp = timestamp }
}
