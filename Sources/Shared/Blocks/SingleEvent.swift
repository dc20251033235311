package import Telemetry

/// The row of a block that has one only, as places in the block's bytes: what a client sends that posts event by event. To put hundreds of such blocks
/// a second together, making an ``EventBlock`` of each would be most of the work.
package struct SingleEvent: Sendable {
    package let timestamp: Timestamp
    /// The client's own id.
    package let id: UUID?
    let bytes: [UInt8]
    let severity: UInt8
    let source: Range<Int>
    let type: Range<Int>
    let host: Range<Int>
    let correlation: Range<Int>?
    let tags: [Range<Int>]
    let message: Range<Int>?
    /// Nil: `{}`.
    let data: Range<Int>?

    /// Nil when the block is not of this simple shape: it has more rows or none, stores data as numbers, or something is wrong with it. ``EventBlock``
    /// reads whatever can be read and says what is wrong.
    package init?(decoding bytes: [UInt8]) {
        typealias Column = BlockFormat.EventColumn
        guard let header = try? BlockHeader(decoding: bytes), header.kind == .events, header.count == 1, header.from == header.to else { return nil }
        let span = bytes.span
        let columns = header.columns
        guard columns[Column.numbered.rawValue] == nil, columns.last ?? 0 <= Column.numbered.rawValue,
            let times = columns[Column.timestamps.rawValue], times.count == 1, span[times.lowerBound] == 0,
            let severities = columns[Column.severity.rawValue], severities.count == 1, span[severities.lowerBound] <= Severity.critical.rawValue,
            let source = Self.onlyText(columns[Column.source.rawValue], codeBytes: 0, span),
            let type = Self.onlyText(columns[Column.type.rawValue], codeBytes: 0, span),
            let host = Self.onlyText(columns[Column.host.rawValue], codeBytes: 0, span)
        else { return nil }
        (timestamp, self.bytes, severity) = (header.from, bytes, span[severities.lowerBound])
        (self.source, self.type, self.host) = (source, type, host)
        var correlation: Range<Int>?
        if let column = columns[Column.correlation.rawValue] {
            // Code 0 would be none, and the column would not be there.
            guard let text = Self.onlyText(column, codeBytes: 1, span), span[column.upperBound - 1] == 1 else { return nil }
            correlation = text
        }
        var tags: [Range<Int>] = []
        if let column = columns[Column.tags.rawValue] {
            guard let list = Self.onlyList(column, span) else { return nil }
            tags = list
        }
        guard let message = Self.text(columns[Column.messages.rawValue], span), let data = Self.text(columns[Column.data.rawValue], span) else {
            return nil
        }
        (self.correlation, self.tags, self.message, self.data) = (correlation, tags, message, data)
        var id: UUID?
        if let column = columns[Column.ids.rawValue] {
            guard column.count == 17, span[column.lowerBound] == 1, let known = UUID(bytes: bytes[(column.lowerBound + 1)..<column.upperBound]) else {
                return nil
            }
            id = known
        }
        self.id = id
    }

    /// The entry of a dictionary that has one, with so many bytes of codes behind it.
    private static func onlyText(_ column: Range<Int>?, codeBytes: Int, _ bytes: Span<UInt8>) -> Range<Int>? {
        guard let column else { return nil }
        var cursor = ByteCursor(column)
        guard (try? cursor.varint(in: bytes)) == 1, let text = try? cursor.text(in: bytes), cursor.remaining == codeBytes else { return nil }
        return UTF8.isValid(bytes.extracting(text)) ? text : nil
    }

    /// The tags of the only list.
    private static func onlyList(_ column: Range<Int>, _ bytes: Span<UInt8>) -> [Range<Int>]? {
        var cursor = ByteCursor(column)
        guard let count = try? cursor.count(in: bytes) else { return nil }
        var known = [Range<Int>]()
        for _ in 0..<count {
            guard let text = try? cursor.text(in: bytes), UTF8.isValid(bytes.extracting(text)) else { return nil }
            known.append(text)
        }
        guard (try? cursor.varint(in: bytes)) == 1, let list = try? cursor.text(in: bytes), cursor.isAtEnd else { return nil }
        var (tags, numbers) = ([Range<Int>](), ByteCursor(list))
        while !numbers.isAtEnd {
            guard let number = try? numbers.varint(in: bytes), number < UInt64(known.count) else { return nil }
            tags.append(known[Int(number)])
        }
        return tags
    }

    /// The text of a column of texts: nil inside when there is none, nil outside when the column is not as it should be.
    private static func text(_ column: Range<Int>?, _ bytes: Span<UInt8>) -> Range<Int>?? {
        guard let column else { return .some(nil) }
        var cursor = ByteCursor(column)
        guard let lengths = try? cursor.text(in: bytes) else { return nil }
        var length = ByteCursor(lengths)
        let text = cursor.offset..<cursor.end
        guard let value = try? length.varint(in: bytes), length.isAtEnd, UTF8.isValid(bytes.extracting(text)) else { return nil }
        if value == 0 { return text.isEmpty ? .some(nil) : nil }
        return value - 1 == UInt64(text.count) ? .some(text) : nil
    }
}
