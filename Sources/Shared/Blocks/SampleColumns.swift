package import Telemetry

/// A block of samples with its rows decoded and its series left as they lie: who has met the same list of series before, and an agent's blocks
/// repeat theirs at each collection, need not look at a label again. Everything is checked as in ``SampleBlock``, but for the series until
/// ``visitSeries(_:)``.
package struct SampleColumns: Sendable {
    package let header: BlockHeader
    /// The whole block.
    package let bytes: [UInt8]
    /// Where the strings and the list of series lie in `bytes`: equal bytes here mean equal series under equal codes.
    package let layout: Range<Int>
    package let seriesCount: Int
    /// By row: which series, below `seriesCount`.
    package let seriesOfRow: [UInt32]
    /// Nanoseconds, by row.
    package let timestamps: [Int64]
    package let values: [Double]

    package var count: Int { header.count }

    private let strings: Range<Int>
    private let series: Range<Int>

    package init(decoding bytes: [UInt8]) throws(BlockError) {
        typealias Column = BlockFormat.SampleColumn
        let header = try BlockHeader(decoding: bytes)
        try header.require(.samples, columnsThrough: Column.values.rawValue)
        let span = bytes.span
        let (stringCursor, seriesCursor) = (try header.cursor(Column.strings.rawValue), try header.cursor(Column.series.rawValue))
        strings = stringCursor.offset..<stringCursor.end
        series = seriesCursor.offset..<seriesCursor.end
        layout = min(strings.lowerBound, series.lowerBound)..<max(strings.upperBound, series.upperBound)
        var counting = seriesCursor
        let seriesCount = try counting.count(in: span)
        seriesOfRow = try SampleColumns.series(of: header, below: seriesCount, in: bytes)
        timestamps = try header.timestamps(Column.timestamps.rawValue, in: span)
        values = try SampleColumns.values(of: header, seriesOfRow: seriesOfRow, seriesCount: seriesCount, in: bytes)
        (self.header, self.bytes, self.seriesCount) = (header, bytes, seriesCount)
    }

    /// Calls `body` for each series with where its labels' names and values lie in ``bytes``, in the order of codes. All are UTF-8.
    package func visitSeries(_ body: (_ code: Int, _ pairs: [(name: Range<Int>, value: Range<Int>)]) -> Void) throws(BlockError) {
        let span = bytes.span
        var cursor = ByteCursor(strings)
        let stringCount = try cursor.count(in: span)
        var texts = [Range<Int>]()
        texts.reserveCapacity(stringCount)
        for _ in 0..<stringCount {
            let range = try cursor.text(in: span)
            guard UTF8.isValid(span.extracting(range)) else { throw .malformed("a text at byte \(range.lowerBound) is not UTF-8") }
            texts.append(range)
        }
        guard cursor.isAtEnd else { throw .malformed("bytes after the last string") }
        cursor = ByteCursor(series)
        _ = try cursor.count(in: span)
        var pairs = [(name: Range<Int>, value: Range<Int>)]()
        for code in 0..<seriesCount {
            let labels = try cursor.count(bytesEach: 2, in: span)
            pairs.removeAll(keepingCapacity: true)
            for _ in 0..<labels {
                let (name, value) = (try cursor.varint(in: span), try cursor.varint(in: span))
                guard name < UInt64(stringCount), value < UInt64(stringCount) else {
                    throw .malformed("label \(name)=\(value) of \(stringCount) strings")
                }
                pairs.append((texts[Int(name)], texts[Int(value)]))
            }
            body(code, pairs)
        }
        guard cursor.isAtEnd else { throw .malformed("bytes after the last series") }
    }

    /// The labels of a series that was visited.
    package static func labels(_ pairs: [(name: Range<Int>, value: Range<Int>)], in bytes: [UInt8]) -> Labels {
        Labels(pairs.map { Label(String(decoding: bytes[$0.name], as: UTF8.self), String(decoding: bytes[$0.value], as: UTF8.self)) })
    }

    // MARK: Inside

    private static func series(of header: BlockHeader, below seriesCount: Int, in bytes: [UInt8]) throws(BlockError) -> [UInt32] {
        let span = bytes.span
        var (cursor, current) = (try header.cursor(BlockFormat.SampleColumn.rows.rawValue), Int64(0))
        var rows = [UInt32]()
        rows.reserveCapacity(header.count)
        while rows.count < header.count, cursor.remaining > 0 {
            let byte = span[cursor.offset]
            // Nearly always the next series, in one byte.
            if byte < 0x80 {
                cursor.advance()
                current &+= Int64(byte >> 1) ^ -Int64(byte & 1)
            } else {
                current &+= try cursor.zigzag(in: span)
            }
            guard current >= 0, current < Int64(seriesCount) else { throw .malformed("series \(current) of \(seriesCount)") }
            rows.append(UInt32(truncatingIfNeeded: current))
        }
        guard rows.count == header.count else { throw .malformed("it ends too early, at byte \(cursor.end)") }
        guard cursor.isAtEnd else { throw .malformed("bytes after the last sample's series") }
        return rows
    }

    private static func values(
        of header: BlockHeader,
        seriesOfRow: [UInt32],
        seriesCount: Int,
        in bytes: [UInt8]
    ) throws(BlockError) -> [Double] {
        let span = bytes.span
        var cursor = try header.cursor(BlockFormat.SampleColumn.values.rawValue)
        // A count of series is no more than the bytes of its column.
        var last = [UInt64](repeating: 0, count: seriesCount)
        var values = [Double]()
        values.reserveCapacity(header.count)
        for row in seriesOfRow {
            let control = try cursor.byte(in: span)
            let (zeros, meaningful) = (Int(control >> 4), Int(control & 0xF))
            guard zeros + meaningful <= 8 else { throw .malformed("a value of \(zeros + meaningful) bytes") }
            var bits: UInt64 = 0
            let from = cursor.offset
            _ = try cursor.take(meaningful)
            if from + 8 <= span.count {
                bits = meaningful == 0 ? 0 : span.bigEndian64(at: from) >> UInt64(64 - 8 * meaningful)
            } else {
                for index in from..<from + meaningful { bits = bits << 8 | UInt64(span[index]) }
            }
            let shift = 8 * (8 - zeros - meaningful)
            last[Int(row)] ^= shift < 64 ? bits << UInt64(shift) : 0
            values.append(Double(bitPattern: last[Int(row)]))
        }
        guard cursor.isAtEnd else { throw .malformed("bytes after the last sample") }
        return values
    }
}

extension Span<UInt8> {
    /// - Precondition: eight bytes are there.
    @inline(__always)
    fileprivate func bigEndian64(at offset: Int) -> UInt64 {
        precondition(offset >= 0 && offset + 8 <= count, "eight bytes at \(offset) of \(count)")
        // The bounds were checked once for all eight.
        return unsafe withUnsafeBytes { unsafe UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: offset, as: UInt64.self)) }
    }
}
