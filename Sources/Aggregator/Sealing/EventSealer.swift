import Blocks
import Telemetry

/// Rows of arrivals, in the order of the log, into one sealed block of events (the layout is the first comment of SealedEventFormat.swift).
package struct EventSealer {
    /// Rows of a block at most, but for an arrival that has more of its own: a page of a newest-first list reads some columns of one or two blocks whole.
    package static let rowsMax = 65_536
    /// Bytes of text beyond which it is finished.
    package static let textBytesMax = 16 << 20

    package private(set) var count = 0
    package private(set) var textBytes = 0
    private var first: LogPosition?
    private var last: LogPosition = 0
    private var timestamps: [Int64] = []
    private var severities: [UInt8] = []
    private var severityCounts = [Int](repeating: 0, count: Severity.allCases.count)
    private var sources = CodeColumn()
    private var types = CodeColumn()
    private var hosts = CodeColumn()
    private var tags = TagCodes()
    private var runs = RunList()
    private var rows: [UInt32] = []
    private var ids: [(row: Int, id: UUID)] = []
    private var correlations = CorrelationColumn()
    private var messages = TextPages(.message)
    private var data = TextPages(.data)
    private var words = HashSet()

    package init() {}

    package var isFull: Bool { count >= Self.rowsMax || textBytes >= Self.textBytesMax }

    /// Takes the rows of an arrival that are wanted; repeats are left out. Throws when it cannot be read, or when ``rowsMax``
    /// would be passed: nothing of it was taken.
    package mutating func append(_ arrival: Arrival, rows isWanted: (Int) -> Bool = { _ in true }) throws(SealedError) {
        let block = arrival.block
        let events: EventBlock
        do { events = try arrival.events() } catch { throw .damaged("arrival \(block.position): \(error)") }
        let repeated = Set(block.repeatedRows)
        let taken = (0..<events.count).filter { isWanted($0) && (repeated.isEmpty || !repeated.contains(UInt32($0))) }
        guard !taken.isEmpty else { return }
        try take(events, taken, numbers: taken.map { UInt32($0) }, of: "arrival \(block.position)")
        if first == nil { first = block.position }
        last = block.position
        runs.append(block, rows: taken.count)
    }

    /// Takes all rows of a block that was sealed before, in the order of the log; each keeps its place. Throws when it cannot be read, or when ``rowsMax``
    /// would be passed: nothing of it was taken.
    package mutating func append(_ sealed: SealedEvents) throws(SealedError) {
        let numbers = try sealed.arrivalRows()
        var encoder = EventBlockEncoder()
        for event in try sealed.asStored() { encoder.append(event) }
        let events: EventBlock
        do { events = try EventBlock(decoding: encoder.finish()) } catch { throw .damaged("sealed block \(sealed.block.number): \(error)") }
        guard events.count > 0 else { return }
        try take(events, Array(0..<events.count), numbers: numbers, of: "sealed block \(sealed.block.number)")
        first = min(first ?? sealed.header.first, sealed.header.first)
        last = max(last, sealed.header.last)
        for run in sealed.runs { runs.append(run) }
    }

    /// - Parameter numbers: of the rows that are taken, in their arrivals.
    private mutating func take(_ events: EventBlock, _ taken: [Int], numbers: [UInt32], of what: String) throws(SealedError) {
        guard count == 0 || count + taken.count <= Self.rowsMax else {
            throw .damaged("\(what) has \(taken.count) rows, for which a sealed block of \(count) has no room: begin another")
        }
        // Codes have 16 bits, which only a block of more than 64 k rows can need more of.
        let values = max(events.sources.values.count, events.types.values.count, events.hosts.values.count, events.tags.lists.count)
        guard taken.count <= Self.rowsMax || values < Self.rowsMax else {
            throw .damaged("\(what) has \(values) different sources, types, hosts or lists of tags")
        }
        // Column by column: a row at a time would fetch and give back each of them for each row.
        let (times, levels) = (events.timestamps, events.severities)
        for row in taken { timestamps.append(times[row]) }
        for row in taken {
            severities.append(levels[row])
            severityCounts[Int(levels[row])] += 1
        }
        rows += numbers
        sources.append(events.sources, taken)
        types.append(events.types, taken)
        hosts.append(events.hosts, taken)
        tags.append(events.tags, taken)
        correlations.append(events.correlations, taken, &words)
        textBytes += messages.append(events.messages, of: events.bytes, taken, from: count, words: &words)
        textBytes += data.append(events.data, of: events.bytes, taken, from: count, words: &words)
        if !events.ids.isEmpty {
            for (index, row) in taken.enumerated() { if let id = events.ids[UInt32(row)] { ids.append((count + index, id)) } }
        }
        count += taken.count
    }

    /// Nil when no row was taken.
    package consuming func finish(level: Int32 = 1) -> SealedOutput? {
        guard count > 0, let first else { return nil }
        let (from, to) = (timestamps.min() ?? 0, timestamps.max() ?? 0)
        let pages = ColumnPages.make(timestamps, idsBefore: correlations.idsBeforePages, ids: correlations.count)
        var frames = FrameWriter(level: level)
        for (number, page) in pages.enumerated() {
            frames.append(TimeColumn.encode(timestamps[page.rows], earliest: page.from), .timestamps, page: number)
        }
        for (column, codes, distinct) in [
            (SealedEventFormat.Column.sources, sources.codes, sources.texts.texts.count), (.types, types.codes, types.texts.texts.count),
            (.hosts, hosts.codes, hosts.texts.texts.count), (.tags, tags.codes, tags.lists.count),
        ] where distinct > 1 {
            for (number, page) in pages.enumerated() {
                frames.append(Payload(compressible: Codes16.encode(codes[page.rows], distinct: distinct)), column, page: number)
            }
        }
        for (number, page) in pages.enumerated() { frames.append(Payload(compressible: Array(severities[page.rows])), .severities, page: number) }
        if let places = runs.encodeRows(rows) { frames.append(Payload(compressible: places), .rows) }
        if !ids.isEmpty { frames.append(Payload(compressible: idBits, packed: ids.flatMap(\.id.bytes)), .ids) }
        if !correlations.isEmpty {
            for (number, page) in pages.enumerated() where !page.ids.isEmpty {
                frames.append(correlations.encodeTexts(page.ids), .correlations, page: number)
            }
            for number in pages.indices {
                frames.append(Payload(compressible: correlations.codes(ofPage: number)), .correlationCodes, page: number)
            }
        }
        var words = self.words
        self.words = HashSet()
        let rowCount = count
        messages.finish(rows: rowCount, words: &words)
        data.finish(rows: rowCount, words: &words)
        for (page, payload) in messages.pages { frames.append(payload, .messages, page: page) }
        for (page, payload) in data.pages { frames.append(payload, .data, page: page) }

        var directory = [UInt8]()
        for severity in severityCounts { directory.appendVarint(UInt64(severity)) }
        for column in [sources, types, hosts] { column.encode(into: &directory) }
        tags.encode(into: &directory)
        runs.encode(into: &directory)
        ColumnPages.encode(pages, earliest: from, into: &directory)
        directory.appendVarint(UInt64(frames.count))
        directory += frames.list
        return SealedOutput(
            kind: .events,
            count: count,
            from: Timestamp(nanoseconds: from),
            to: Timestamp(nanoseconds: to),
            first: first,
            last: last,
            bytes: SealedEventHeader.assemble(directory: directory, frames: frames.bytes, rows: count, from: from, to: to, first: first, last: last),
            words: WordFilter(of: words.hashes())
        )
    }

    private var idBits: [UInt8] {
        var bits = [UInt8](repeating: 0, count: (count + 7) / 8)
        for (row, _) in ids { bits[row / 8] |= 1 << UInt8(row % 8) }
        return bits
    }
}
