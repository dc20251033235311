package import Telemetry

/// A decoded block of events. All columns were checked, so access by row cannot fail; a filter looks at columns and makes an Event only
/// of the rows it wants. Memory: the bytes, which are shared, and about 20 bytes a row.
package struct EventBlock: Sendable {
    private let labels: EventLabelColumns
    /// The whole block, and behind it what ``data`` had only numbers of; ``messages`` and ``data`` give ranges of it.
    package let bytes: [UInt8]
    package let correlations: OptionalStringColumn
    package let tags: TagColumn
    package let messages: TextColumn
    /// Rows without a range have `{}`.
    package let data: TextColumn
    /// The clients' own ids, by row; empty when there are none.
    package let ids: [UInt32: UUID]

    package var header: BlockHeader { labels.header }
    package var count: Int { labels.count }
    /// Nanoseconds, by row.
    package var timestamps: [Int64] { labels.timestamps }
    package var sources: StringColumn { labels.sources }
    package var types: StringColumn { labels.types }
    package var hosts: StringColumn { labels.hosts }
    /// Raw values, by row.
    package var severities: [UInt8] { labels.severities }

    /// Encodes at most ``BlockFormat/rowsMax`` events, in their order.
    /// - Parameter numbersData: whether data that differ in a number only are stored as numbers: smaller, and a little slower to read.
    package static func encode(_ events: [Event], numbersData: Bool = false) -> [UInt8] {
        var encoder = EventBlockEncoder(numbersData: numbersData)
        for event in events { encoder.append(event) }
        return encoder.finish()
    }

    /// Checks everything: checksum, counts, codes, UTF-8, times. Bytes of an enemy give an error, never a trap, and never more memory
    /// than a small multiple of their own size.
    /// - Parameter header: of these bytes, where it was read before: their checksum holds then. Nil: it is read.
    package init(decoding bytes: [UInt8], header known: BlockHeader? = nil) throws(BlockError) {
        typealias Column = BlockFormat.EventColumn
        let header = if let known { known } else { try BlockHeader(decoding: bytes) }
        labels = try EventLabelColumns(header, in: bytes)
        let rows = header.count
        correlations = try OptionalStringColumn(header.columns[Column.correlation.rawValue], rows: rows, in: bytes)
        tags = try TagColumn(header.columns[Column.tags.rawValue], rows: rows, in: bytes)
        messages = try TextColumn(header.columns[Column.messages.rawValue], rows: rows, in: bytes)
        ids = try EventBlock.ids(header.columns[Column.ids.rawValue], rows: rows, in: bytes)
        var whole = bytes
        if let numbered = header.columns[Column.numbered.rawValue] {
            guard header.columns[Column.data.rawValue] == nil else { throw .malformed("data stand there twice") }
            data = try TextColumn(numbered: numbered, messages: messages, rows: rows, in: &whole)
        } else {
            data = try TextColumn(header.columns[Column.data.rawValue], rows: rows, in: bytes)
        }
        self.bytes = whole
    }

    /// - Precondition: `row` is below ``count``.
    package func severity(at row: Int) -> Severity { labels.severity(at: row) }

    /// The row as an Event; its id is the client's own or nil.
    /// - Precondition: `row` is below ``count``.
    package func event(at row: Int) -> Event {
        Event(
            id: ids.isEmpty ? nil : ids[UInt32(row)],
            timestamp: Timestamp(nanoseconds: labels.timestamps[row]),
            source: labels.sources[row],
            type: labels.types[row],
            severity: severity(at: row),
            host: labels.hosts[row],
            correlationID: correlations[row],
            tags: tags[row],
            message: messages.range(at: row).map { String(decoding: bytes[$0], as: UTF8.self) },
            data: data.range(at: row).map { String(decoding: bytes[$0], as: UTF8.self) } ?? "{}"
        )
    }

    package func events() -> [Event] { (0..<count).map { event(at: $0) } }

    private static func ids(_ range: Range<Int>?, rows: Int, in bytes: [UInt8]) throws(BlockError) -> [UInt32: UUID] {
        guard let range else { return [:] }
        var cursor = ByteCursor(range)
        let bits = try cursor.take((rows + 7) / 8)
        var ids = [UInt32: UUID]()
        for row in 0..<rows where bytes[bits.lowerBound + row / 8] & 1 << UInt8(row % 8) != 0 {
            ids[UInt32(row)] = UUID(bytes: bytes[try cursor.take(16)])
        }
        guard cursor.isAtEnd else { throw .malformed("bytes after the last id") }
        return ids
    }
}
