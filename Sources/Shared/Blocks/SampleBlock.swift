package import Telemetry

/// A decoded block of samples: each series once, then a row a sample. Memory: about 20 bytes a row, and the series.
package struct SampleBlock: Sendable {
    package let header: BlockHeader
    package let series: [Labels]
    /// By row: which of `series`.
    package let seriesOfRow: [UInt32]
    /// Nanoseconds, by row.
    package let timestamps: [Int64]
    package let values: [Double]

    package var count: Int { header.count }

    /// Encodes at most ``BlockFormat/rowsMax`` samples, in their order.
    package static func encode(_ samples: [Sample]) -> [UInt8] {
        var encoder = SampleBlockEncoder()
        for sample in samples { encoder.append(sample) }
        return encoder.finish()
    }

    /// Checks everything, as ``EventBlock/init(decoding:)`` does.
    package init(decoding bytes: [UInt8]) throws(BlockError) {
        typealias Column = BlockFormat.SampleColumn
        let header = try BlockHeader(decoding: bytes)
        try header.require(.samples, columnsThrough: Column.values.rawValue)
        let series = try SampleBlock.series(header, in: bytes)
        let span = bytes.span
        var (rows, current) = (try header.cursor(Column.rows.rawValue), Int64(0))
        var seriesOfRow = [UInt32]()
        seriesOfRow.reserveCapacity(header.count)
        for _ in 0..<header.count {
            current &+= try rows.zigzag(in: span)
            guard current >= 0, current < Int64(series.count) else { throw .malformed("series \(current) of \(series.count)") }
            seriesOfRow.append(UInt32(current))
        }
        timestamps = try header.timestamps(Column.timestamps.rawValue, in: span)
        var cursor = try header.cursor(Column.values.rawValue)
        var last = [UInt64](repeating: 0, count: series.count)
        var values = [Double]()
        values.reserveCapacity(header.count)
        for row in 0..<header.count {
            let index = Int(seriesOfRow[row])
            last[index] ^= try SampleBlock.difference(&cursor, in: span)
            values.append(Double(bitPattern: last[index]))
        }
        guard rows.isAtEnd, cursor.isAtEnd else { throw .malformed("bytes after the last sample") }
        (self.header, self.series, self.seriesOfRow, self.values) = (header, series, seriesOfRow, values)
    }

    /// - Precondition: `row` is below ``count``.
    package func sample(at row: Int) -> Sample {
        Sample(series: series[Int(seriesOfRow[row])], timestamp: Timestamp(nanoseconds: timestamps[row]), value: values[row])
    }

    package func samples() -> [Sample] { (0..<count).map { sample(at: $0) } }

    private static func series(_ header: BlockHeader, in bytes: [UInt8]) throws(BlockError) -> [Labels] {
        typealias Column = BlockFormat.SampleColumn
        var stringColumn = try header.cursor(Column.strings.rawValue)
        let strings = try stringColumn.dictionary(in: bytes)
        var cursor = try header.cursor(Column.series.rawValue)
        let count = try cursor.count(in: bytes.span)
        var series = [Labels]()
        series.reserveCapacity(count)
        for _ in 0..<count {
            let labels = try cursor.count(bytesEach: 2, in: bytes.span)
            var pairs = [Label]()
            pairs.reserveCapacity(labels)
            for _ in 0..<labels {
                let (name, value) = (try cursor.varint(in: bytes.span), try cursor.varint(in: bytes.span))
                guard name < UInt64(strings.count), value < UInt64(strings.count) else {
                    throw .malformed("label \(name)=\(value) of \(strings.count) strings")
                }
                pairs.append(Label(strings[Int(name)], strings[Int(value)]))
            }
            series.append(Labels(pairs))
        }
        guard stringColumn.isAtEnd, cursor.isAtEnd else { throw .malformed("bytes after the last series") }
        return series
    }

    private static func difference(_ cursor: inout ByteCursor, in bytes: Span<UInt8>) throws(BlockError) -> UInt64 {
        let control = try cursor.byte(in: bytes)
        let (zeros, meaningful) = (UInt64(control >> 4), UInt64(control & 0xF))
        guard zeros + meaningful <= 8 else { throw .malformed("a value of \(zeros + meaningful) bytes") }
        var bits: UInt64 = 0
        for _ in 0..<meaningful { bits = bits << 8 | UInt64(try cursor.byte(in: bytes)) }
        let shift = 8 * (8 - zeros - meaningful)
        return shift < 64 ? bits << shift : 0
    }
}
