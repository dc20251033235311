import Blocks
package import Telemetry

/// A sealed block of events: its directory is read and verified once, its columns when they are asked for. All that reads blocks its thread.
/// Memory: ``bytesInMemory``; columns are handed out and not kept.
package final class SealedEvents: Sendable {
    /// Texts of the block and how many rows have each.
    package struct Values: Sendable {
        package let texts: [String]
        /// By text.
        package let counts: [Int]
    }

    package enum CodedColumn: Sendable { case sources, types, hosts, tags }
    package enum TextColumn: Sendable { case messages, data }

    package let block: SealedBlock
    package let header: SealedEventHeader
    package let sources: Values
    package let types: Values
    package let hosts: Values
    /// By severity's raw value.
    package let severityCounts: [Int]
    /// Lists of tags and how many rows have each; empty when no row has tags.
    package let tagLists: [[String]]
    package let tagCounts: [Int]
    package let runs: [SealedRun]
    let frames: [FrameEntry]

    package var count: Int { header.count }

    /// Reads the directory.
    package init(_ block: SealedBlock) throws(SealedError) {
        self.block = block
        header = try SealedEventHeader(SealedEvents.read(0..<min(block.bytes.count, SealedEventHeader.bytes), of: block))
        guard header.blockBytes == block.bytes.count, header.count == block.count else {
            throw .damaged("it says \(header.blockBytes) bytes and \(header.count) rows, its place \(block.bytes.count) and \(block.count)")
        }
        let whole = try SealedEvents.read(0..<SealedEventHeader.bytes + header.directoryBytes, of: block)
        guard Checksum.xxh64(whole.span.extracting(16..<whole.count)) == header.checksum else {
            throw .damaged("the checksum of its directory does not hold")
        }
        let stored = Array(whole[SealedEventHeader.bytes...])
        guard let bytes = stored.count == header.inflatedBytes ? stored : Zstd.decompress(stored, length: header.inflatedBytes) else {
            throw .damaged("its directory does not decompress")
        }
        var cursor = ByteCursor(bytes.indices)
        do {
            var severities = [Int]()
            for _ in Severity.allCases { severities.append(Int(truncatingIfNeeded: try cursor.varint(in: bytes.span) & 0xFFFF_FFFF)) }
            severityCounts = severities
            sources = try Values(&cursor, in: bytes)
            types = try Values(&cursor, in: bytes)
            hosts = try Values(&cursor, in: bytes)
            (tagLists, tagCounts) = try SealedEvents.tags(&cursor, in: bytes)
            runs = try RunList.decode(&cursor, in: bytes, rows: header.count)
            frames = try FrameEntry.list(
                &cursor,
                in: bytes.span,
                from: SealedEventHeader.bytes + header.directoryBytes,
                blockBytes: header.blockBytes
            )
            try checkCounts()
        } catch { throw .damaged(error.description) }
    }

    /// About how much memory it takes.
    package var bytesInMemory: Int {
        4096 + frames.count * 64 + runs.count * 128 + (sources.texts.count + types.texts.count + hosts.texts.count) * 48 + tagLists.count * 128
    }

    /// Bytes that each column takes, by its number in the format: what figures are made of.
    package var columnBytes: [UInt8: Int] {
        frames.reduce(into: [:]) { $0[$1.column, default: 0] += $1.range.count }
    }

    /// Statistics are answered from these counts alone, and rows name texts by place: so they must agree with each other.
    private func checkCounts() throws(BlockError) {
        for (name, counts) in [("severities", severityCounts), ("sources", sources.counts), ("types", types.counts), ("hosts", hosts.counts)]
        where counts.reduce(0, +) != count { throw .malformed("\(name) of \(counts.reduce(0, +)) rows in a block of \(count)") }
        guard tagLists.isEmpty || tagCounts.reduce(0, +) == count else { throw .malformed("tags of other rows than its \(count)") }
    }

    // MARK: Columns

    /// Nanoseconds, by row.
    package func timestamps() throws(SealedError) -> [Int64] {
        let bytes = try needed(.timestamps).compressible
        return try decoding { () throws(BlockError) in try TimeColumn.decode(bytes, count: count, earliest: header.from.nanoseconds) }
    }

    /// By row: the place in ``sources``, ``types``, ``hosts`` or ``tagLists`` (0 when there are no lists).
    ///
    /// - Parameter rows: only of these, in their order; nil: of all.
    package func codes(_ column: CodedColumn, at rows: [Int]? = nil) throws(SealedError) -> [UInt16] {
        let (place, distinct): (SealedEventFormat.Column, Int) =
            switch column {
            case .sources: (.sources, sources.texts.count)
            case .types: (.types, types.texts.count)
            case .hosts: (.hosts, hosts.texts.count)
            case .tags: (.tags, tagLists.count)
            }
        guard distinct > 1 else { return [UInt16](repeating: 0, count: rows?.count ?? count) }
        let bytes = try needed(place).compressible
        return try decoding { () throws(BlockError) in try Codes16.decode(bytes, count: count, at: rows, distinct: distinct) }
    }

    /// Raw values, by row.
    ///
    /// - Parameter rows: only of these, in their order; nil: of all.
    package func severities(at rows: [Int]? = nil) throws(SealedError) -> [UInt8] {
        let bytes = try needed(.severities).compressible
        guard bytes.count == count else { throw .damaged("severities of \(bytes.count) rows where \(count) belong") }
        let wanted = rows.map { $0.map { bytes[$0] } } ?? bytes
        // Without an early end, so that the loop takes many at once.
        guard wanted.reduce(0, { $0 > $1 ? $0 : $1 }) <= Severity.critical.rawValue else { throw .damaged("its severities are no severities") }
        return wanted
    }

    /// Correlation ids and, by row, the place of its own plus one; 0: none.
    package func correlations() throws(SealedError) -> (ids: [String], codes: [UInt32]) {
        guard let payload = try payload(.correlations) else { return ([], [UInt32](repeating: 0, count: count)) }
        let bytes = try needed(.correlationCodes).compressible
        return try decoding { () throws(BlockError) in
            let texts = try CorrelationTexts(payload)
            var ids = [String]()
            for index in 0..<texts.count { ids.append(try texts.text(index)) }
            let codes = try CorrelationColumn.decodeCodes(bytes, count: count)
            guard (codes.max() ?? 0) <= UInt32(ids.count) else { throw .malformed("a correlation id is missing") }
            return (ids, codes)
        }
    }

    /// The clients' own ids, by row.
    package func ids() throws(SealedError) -> [UInt32: UUID] {
        guard let payload = try payload(.ids) else { return [:] }
        var ids = [UInt32: UUID]()
        guard payload.compressible.count == (count + 7) / 8 else { throw .damaged("its ids are of other rows") }
        var offset = 0
        for row in 0..<count where payload.compressible[row / 8] & 1 << UInt8(row % 8) != 0 {
            guard offset + 16 <= payload.packed.count else { throw .damaged("an id is missing") }
            ids[UInt32(row)] = UUID(bytes: payload.packed[offset..<offset + 16])
            offset += 16
        }
        return ids
    }

    /// Rows in their arrivals, by row.
    package func arrivalRows() throws(SealedError) -> [UInt32] {
        let steps = try payload(.rows)?.compressible
        return try decoding { () throws(BlockError) in try RunList.decodeRows(steps, runs: runs, count: count) }
    }

    /// Which run a row belongs to.
    package func run(of row: Int) -> SealedRun {
        var (low, high) = (0, runs.count - 1)
        while low < high {
            let middle = (low + high) / 2
            if runs[middle].rows.upperBound <= row { low = middle + 1 } else { high = middle }
        }
        return runs[low]
    }

    // MARK: Texts

    /// Rows that one page of texts holds; page n begins with row n times this.
    package static let rowsPerPage = TextPage.rowsMax

    /// - Parameter page: rows `page * rowsPerPage` and on.
    package func page(_ column: TextColumn, _ page: Int) throws(SealedError) -> TextPageReader {
        let rows = min(Self.rowsPerPage, count - page * Self.rowsPerPage)
        precondition(page >= 0 && rows > 0, "page \(page) of \(count) rows")
        let payload = try payload(column == .messages ? .messages : .data, page: page)
        return try decoding { () throws(BlockError) in try TextPageReader(payload, rows: rows) }
    }

    /// - Parameters:
    ///   - page: as in ``page(_:_:)``.
    ///   - wanted: rows counted from the page's first, ascending.
    func texts(_ column: TextColumn, page: Int, wanted: [Int]) throws(SealedError) -> TextPageReader.Texts {
        try self.page(column, page).texts(wanted)
    }

    // MARK: Inside

    private static func read(_ range: Range<Int>, of block: SealedBlock) throws(SealedError) -> [UInt8] {
        guard range.upperBound <= block.bytes.count else { throw .damaged("it ends before its directory") }
        do { return try block.bytes.read(range) } catch { throw SealedError(reading: error) }
    }

    func payload(_ column: SealedEventFormat.Column, page: Int = 0) throws(SealedError) -> Payload? {
        guard let frame = frames.first(where: { $0.column == column.rawValue && $0.page == page }) else { return nil }
        return try frame.payload(SealedEvents.read(frame.range, of: block))
    }

    func needed(_ column: SealedEventFormat.Column) throws(SealedError) -> Payload {
        guard let payload = try payload(column) else { throw .damaged("column \(column) is missing") }
        return payload
    }

    func decoding<Result>(_ body: () throws(BlockError) -> Result) throws(SealedError) -> Result {
        do { return try body() } catch { throw .damaged(error.description) }
    }

    private static func tags(_ cursor: inout ByteCursor, in bytes: [UInt8]) throws(BlockError) -> (lists: [[String]], counts: [Int]) {
        var tags = [String]()
        for _ in 0..<(try cursor.count(in: bytes.span)) { tags.append(try cursor.string(in: bytes)) }
        var (lists, counts) = ([[String]](), [Int]())
        for _ in 0..<(try cursor.count(bytesEach: 2, in: bytes.span)) {
            counts.append(Int(truncatingIfNeeded: try cursor.varint(in: bytes.span) & 0xFFFF_FFFF))
            var list = [String]()
            for _ in 0..<(try cursor.count(in: bytes.span)) {
                let code = try cursor.varint(in: bytes.span)
                guard code < UInt64(tags.count) else { throw .malformed("tag \(code) of \(tags.count)") }
                list.append(tags[Int(code)])
            }
            lists.append(list)
        }
        return (lists, counts)
    }
}

extension SealedEvents.Values {
    fileprivate init(_ cursor: inout ByteCursor, in bytes: [UInt8]) throws(BlockError) {
        var (texts, counts) = ([String](), [Int]())
        for _ in 0..<(try cursor.count(bytesEach: 2, in: bytes.span)) {
            counts.append(Int(truncatingIfNeeded: try cursor.varint(in: bytes.span) & 0xFFFF_FFFF))
            texts.append(try cursor.string(in: bytes))
        }
        (self.texts, self.counts) = (texts, counts)
    }
}
