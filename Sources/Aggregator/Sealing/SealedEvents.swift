import Blocks
import Telemetry

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
    let pages: [ColumnPage]
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
            // Version 1: one page of all rows, which has no more ids than rows.
            pages =
                header.version == 1
                ? [ColumnPage(rows: 0..<header.count, from: header.from.nanoseconds, to: header.to.nanoseconds, ids: 0..<header.count)]
                : try ColumnPages.decode(&cursor, in: bytes.span, rows: header.count, earliest: header.from.nanoseconds)
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

    /// Nil: it was left out.
    func payload(_ column: SealedEventFormat.Column, page: Int = 0) throws(SealedError) -> Payload? {
        guard let frame = frames.first(where: { $0.column == column.rawValue && $0.page == page }) else { return nil }
        let bytes = try SealedEvents.read(frame.range, of: block)
        return try frame.payload(bytes.span, ZstdUnpacker())
    }

    func needed(_ column: SealedEventFormat.Column, page: Int = 0) throws(SealedError) -> Payload {
        guard let payload = try payload(column, page: page) else { throw .damaged("column \(column), page \(page) is missing") }
        return payload
    }

    /// All pages of a column that must be there, in one reading.
    func payloads(_ column: SealedEventFormat.Column) throws(SealedError) -> [Payload] {
        let frames = frames.filter { $0.column == column.rawValue }
        guard let start = frames.first?.range.lowerBound, let end = frames.last?.range.upperBound, frames.map(\.page).elementsEqual(pages.indices)
        else {
            throw .damaged("column \(column) is missing, or some of its \(pages.count) pages")
        }
        // Frames follow each other in the order of their list.
        let bytes = try SealedEvents.read(start..<end, of: block)
        let unpacker = ZstdUnpacker()
        var payloads = [Payload]()
        payloads.reserveCapacity(frames.count)
        for frame in frames {
            payloads.append(try frame.payload(bytes.span.extracting(frame.range.lowerBound - start..<frame.range.upperBound - start), unpacker))
        }
        return payloads
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
