package import Telemetry

/// Writes events into the columns of a block, row by row (the layout is the first comment of BlockFormat.swift).
///
/// It takes an ``Event``, the places of an event's fields in the bytes of a body, or all rows of another block; in the last two no String is made.
package struct EventBlockEncoder: ~Copyable, Sendable {
    package var count: Int { times.count }
    /// The host of rows that name none; usually empty.
    package let hostOfNone: String

    var times = ColumnBuffer<Int64>()
    var sources = CodedColumn()
    var types = CodedColumn()
    var severities = ColumnBuffer<UInt8>()
    var hosts = CodedColumn()
    var correlations = CodedColumn()
    var tags = StringTable()
    var tagLists = CodedColumn()
    /// Lists of tags as they are spelt in JSON, and the number that each has in `tagLists`: a list seen before is not parsed again.
    private var spelledLists = StringTable()
    private var numbersOfSpelled: [UInt32] = []
    private var emptyList: UInt32?
    var messages = TextList()
    var data: DataColumn
    var ids: [(row: Int, id: UUID)] = []
    private var emptyHost: UInt32?

    /// - Parameter numbersData: see ``EventBlock/encode(_:numbersData:)``.
    package init(hostOfNone: String = "", numbersData: Bool = false) {
        self.hostOfNone = hostOfNone
        data = DataColumn(isNumbered: numbersData)
    }

    /// Bytes of text so far: about the size of the block, for callers that split by size.
    package var textBytes: Int { messages.bytes.count + data.textBytes }

    // MARK: Rows

    package mutating func append(_ event: Event) {
        times.append(event.timestamp.nanoseconds)
        sources.append(event.source)
        types.append(event.type)
        severities.append(event.severity.rawValue)
        hosts.append(event.host.isEmpty ? hostOfNone : event.host)
        correlations.append(optional: event.correlationID)
        tagLists.codes.append(number(of: event.tags))
        if let message = event.message { messages.append(message) } else { messages.appendNone() }
        if event.data == "{}" { data.appendNone() } else { data.append(event.data, stride: event.message?.utf8.count ?? 0) }
        if let id = event.id { ids.append((count - 1, id)) }
    }

    /// A row from the bytes of a body. The caller has checked that the pieces are UTF-8.
    /// - Precondition: every piece lies in `bytes`, or in `scratch` where it says so.
    package mutating func append(_ fields: EventFields, in bytes: Span<UInt8>, scratch: Span<UInt8>) {
        unsafe bytes.withUnsafeBufferPointer { body in
            times.append(fields.timestamp)
            severities.append(fields.severity)
            unsafe sources.append(piece(fields.source, of: body))
            unsafe types.append(piece(fields.type, of: body))
            if fields.host.count > 0 {
                unsafe hosts.append(piece(fields.host, of: body))
            } else {
                if emptyHost == nil { emptyHost = hosts.table.code(of: hostOfNone) }
                hosts.codes.append(emptyHost ?? 0)
            }
            if fields.correlation.count > 0 {
                unsafe correlations.codes.append(correlations.table.code(of: piece(fields.correlation, of: body)) + 1)
            } else {
                correlations.codes.append(0)
            }
            tagLists.codes.append(fields.tags ?? number(of: []))
            unsafe scratch.withUnsafeBufferPointer { other in
                if fields.message.isThere {
                    unsafe messages.append(piece(fields.message, of: fields.messageInScratch ? other : body))
                } else {
                    messages.appendNone()
                }
                if fields.data.count > 2 {
                    unsafe data.append(piece(fields.data, of: fields.dataInScratch ? other : body), stride: max(0, fields.message.count))
                } else {
                    data.appendNone()
                }
            }
        }
        if fields.hasID { ids.append((count - 1, UUID(high: fields.idHigh, low: fields.idLow))) }
    }

    @inline(__always)
    private func piece(_ piece: EventFields.Piece, of bytes: UnsafeBufferPointer<UInt8>) -> UnsafeBufferPointer<UInt8> {
        precondition(piece.start >= 0 && piece.count >= 0 && piece.start + piece.count <= bytes.count, "a piece lies beyond the body")
        return unsafe UnsafeBufferPointer(rebasing: bytes[piece.start..<piece.start + piece.count])
    }

    /// The number of a list of tags that was spelt the same way before, byte by byte.
    package func tagList(of spelled: EventFields.Piece, in bytes: Span<UInt8>) -> UInt32? {
        unsafe bytes.withUnsafeBufferPointer { body in
            unsafe spelledLists.known(piece(spelled, of: body)).map { numbersOfSpelled[Int($0)] }
        }
    }

    /// Remembers what a spelling stands for; at most 4 096 spellings are kept, the others are parsed each time.
    package mutating func learn(_ list: [String], spelled: EventFields.Piece, in bytes: Span<UInt8>) -> UInt32 {
        let number = number(of: list)
        guard numbersOfSpelled.count < 4_096 else { return number }
        unsafe bytes.withUnsafeBufferPointer { body in
            if unsafe spelledLists.code(of: piece(spelled, of: body)) == numbersOfSpelled.count { numbersOfSpelled.append(number) }
        }
        return number
    }

    mutating func number(of list: [String]) -> UInt32 {
        if list.isEmpty, let emptyList { return emptyList }
        var codes = ColumnBuffer<UInt8>()
        for tag in list { codes.appendVarint(UInt64(tags.code(of: tag))) }
        let number = unsafe codes.withElements { unsafe tagLists.table.code(of: $0) }
        if list.isEmpty { emptyList = number }
        return number
    }

    // MARK: What is known of the rows

    /// Nanoseconds by row.
    package var timestamps: [Int64] { unsafe times.withElements { unsafe Array($0) } }

    /// How many rows have each source.
    package var sourceCounts: [String: Int] {
        var counts = [Int](repeating: 0, count: sources.table.count)
        for row in 0..<sources.codes.count { counts[Int(sources.codes[row])] += 1 }
        var named = [String: Int](minimumCapacity: counts.count)
        for number in counts.indices { named[sources.table.string(number), default: 0] += counts[number] }
        return named
    }

    /// The different hosts.
    package var hostNames: [String] { (0..<hosts.table.count).map { hosts.table.string($0) } }

    /// The clients' own ids by row.
    package var ownIDs: [UInt32: UUID] {
        var known = [UInt32: UUID](minimumCapacity: ids.count)
        for (row, id) in ids { known[UInt32(row)] = id }
        return known
    }

    /// The earliest and the latest timestamp; both 0 when there are no rows.
    package var bounds: (from: Timestamp, to: Timestamp) {
        var (earliest, latest) = (Int64.max, Int64.min)
        for row in 0..<times.count { (earliest, latest) = (min(earliest, times[row]), max(latest, times[row])) }
        return count == 0
            ? (Timestamp(nanoseconds: 0), Timestamp(nanoseconds: 0)) : (Timestamp(nanoseconds: earliest), Timestamp(nanoseconds: latest))
    }

    // MARK: The block

    /// The block's bytes. The encoder can be appended to further and finished again.
    package func finish() -> [UInt8] {
        typealias Column = BlockFormat.EventColumn
        let (from, to) = bounds
        var writer = BlockWriter(
            bytes: textBytes + 32 * count + sources.table.bytes + types.table.bytes + hosts.table.bytes + correlations.table.bytes
        )
        var previous = from.nanoseconds
        for row in 0..<times.count {
            writer.bytes.appendZigzag(times[row] &- previous)
            previous = times[row]
        }
        writer.close(Column.timestamps.rawValue)
        sources.encode(into: &writer.bytes, distinct: sources.table.count)
        writer.close(Column.source.rawValue)
        types.encode(into: &writer.bytes, distinct: types.table.count)
        writer.close(Column.type.rawValue)
        writer.bytes.append(severities)
        writer.close(Column.severity.rawValue)
        hosts.encode(into: &writer.bytes, distinct: hosts.table.count)
        writer.close(Column.host.rawValue)
        if correlations.table.count > 0 {
            correlations.encode(into: &writer.bytes, distinct: correlations.table.count + 1)
            writer.close(Column.correlation.rawValue)
        }
        if tags.count > 0 {
            tags.encode(into: &writer.bytes)
            tagLists.encode(into: &writer.bytes, distinct: tagLists.table.count)
            writer.close(Column.tags.rawValue)
        }
        if messages.hasAny {
            messages.encode(into: &writer.bytes)
            writer.close(Column.messages.rawValue)
        }
        if data.encode(asTextsInto: &writer.bytes) { writer.close(Column.data.rawValue) }
        if !ids.isEmpty {
            encodeIDs(into: &writer.bytes)
            writer.close(Column.ids.rawValue)
        }
        if data.encode(asNumbersInto: &writer.bytes) { writer.close(Column.numbered.rawValue) }
        return writer.finish(.events, rows: count, from: from.nanoseconds, to: to.nanoseconds)
    }

    private func encodeIDs(into bytes: inout ColumnBuffer<UInt8>) {
        let start = bytes.count
        bytes.append(repeating: 0, count: (count + 7) / 8)
        for (row, _) in ids { bytes[start + row / 8] |= 1 << UInt8(row % 8) }
        for (_, id) in ids {
            for shift in stride(from: UInt64(56), through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: id.high >> shift)) }
            for shift in stride(from: UInt64(56), through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: id.low >> shift)) }
        }
    }
}
