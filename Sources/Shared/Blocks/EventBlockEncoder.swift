package import Telemetry

/// Writes events into the columns of a block, row by row (the layout is the first comment of BlockFormat.swift).
package struct EventBlockEncoder: Sendable {
    package private(set) var count = 0
    private var first: Int64 = 0
    private var previous: Int64 = 0
    private var earliest = Int64.max
    private var latest = Int64.min
    /// All timestamps but the first, which needs the earliest.
    private var times: [UInt8] = []
    private var sources = (table: StringTable(), codes: CodeList())
    private var types = (table: StringTable(), codes: CodeList())
    private var severities: [UInt8] = []
    private var hosts = (table: StringTable(), codes: CodeList())
    private var correlations = (table: StringTable(), codes: CodeList())
    private var tags = StringTable()
    private var tagLists = (table: StringTable(), codes: CodeList())
    private var messages = TextList()
    private var data = TextList()
    private var ids: [(row: Int, id: UUID)] = []

    package init() {}

    /// Bytes of text so far: about the size of the block, for callers that split by size.
    package var textBytes: Int { messages.bytes.count + data.bytes.count }

    package mutating func append(_ event: Event) {
        appendTime(event.timestamp.nanoseconds)
        sources.codes.append(sources.table.code(of: event.source.utf8Span.span))
        types.codes.append(types.table.code(of: event.type.utf8Span.span))
        severities.append(event.severity.rawValue)
        hosts.codes.append(hosts.table.code(of: event.host.utf8Span.span))
        if let correlation = event.correlationID {
            correlations.codes.append(correlations.table.code(of: correlation.utf8Span.span) + 1)
        } else {
            correlations.codes.append(0)
        }
        appendTags(event.tags)
        if let message = event.message { messages.append(message.utf8Span.span) } else { messages.appendNone() }
        if event.data == "{}" { data.appendNone() } else { data.append(event.data.utf8Span.span) }
        if let id = event.id { ids.append((count, id)) }
        count += 1
    }

    private mutating func appendTime(_ time: Int64) {
        if count == 0 { first = time } else { times.appendZigzag(time &- previous) }
        previous = time
        (earliest, latest) = (min(earliest, time), max(latest, time))
    }

    private mutating func appendTags(_ list: [String]) {
        var codes = [UInt8]()
        for tag in list { codes.appendVarint(UInt64(tags.code(of: tag.utf8Span.span))) }
        tagLists.codes.append(tagLists.table.code(of: codes.span))
    }

    /// The block's bytes. The encoder can be appended to further and finished again.
    package func finish() -> [UInt8] {
        typealias Column = BlockFormat.EventColumn
        var columns = [(id: UInt8, bytes: [UInt8])]()
        var timestamps = [UInt8]()
        if count > 0 { timestamps.appendZigzag(first &- earliest) }
        columns.append((Column.timestamps.rawValue, timestamps + times))
        columns.append((Column.source.rawValue, encode(sources, distinct: sources.table.count)))
        columns.append((Column.type.rawValue, encode(types, distinct: types.table.count)))
        columns.append((Column.severity.rawValue, severities))
        columns.append((Column.host.rawValue, encode(hosts, distinct: hosts.table.count)))
        if correlations.table.count > 0 {
            columns.append((Column.correlation.rawValue, encode(correlations, distinct: correlations.table.count + 1)))
        }
        if tags.count > 0 {
            var bytes = [UInt8]()
            tags.encode(into: &bytes)
            columns.append((Column.tags.rawValue, bytes + encode(tagLists, distinct: tagLists.table.count)))
        }
        if messages.hasAny { columns.append((Column.messages.rawValue, messages.encode())) }
        if data.hasAny { columns.append((Column.data.rawValue, data.encode())) }
        if !ids.isEmpty { columns.append((Column.ids.rawValue, encodeIDs())) }
        return BlockFormat.assemble(.events, rows: count, from: earliest, to: latest, columns: columns)
    }

    private func encode(_ column: (table: StringTable, codes: CodeList), distinct: Int) -> [UInt8] {
        var bytes = [UInt8]()
        column.table.encode(into: &bytes)
        column.codes.encode(distinct: distinct, into: &bytes)
        return bytes
    }

    private func encodeIDs() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: (count + 7) / 8)
        for (row, _) in ids { bytes[row / 8] |= 1 << UInt8(row % 8) }
        for (_, id) in ids { bytes += id.bytes }
        return bytes
    }
}

/// `texts` of the format, growing.
private struct TextList: Sendable {
    private(set) var bytes: [UInt8] = []
    private var lengths: [UInt8] = []
    private(set) var hasAny = false

    mutating func append(_ text: Span<UInt8>) {
        lengths.appendVarint(UInt64(text.count) + 1)
        bytes.append(text)
        hasAny = true
    }

    mutating func appendNone() { lengths.append(0) }

    func encode() -> [UInt8] {
        var column = [UInt8]()
        column.reserveCapacity(lengths.count + bytes.count + 5)
        column.appendVarint(UInt64(lengths.count))
        column += lengths
        column += bytes
        return column
    }
}
