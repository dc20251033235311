package import Telemetry

/// What a block of samples says about its series: which there are, and which row is whose. An agent's collections have the same ones in the same order
/// as long as no device and no process comes or goes: only times and values are encoded then.
package struct SampleOutline: Sendable {
    /// By row.
    let series: [Labels]
    /// By row: which of the block's series; nil: each row is of another one, in their order.
    let codes: [UInt32]?
    let seriesCount: Int
    let stringColumn: [UInt8]
    let seriesColumn: [UInt8]
    let rowColumn: [UInt8]
    /// The three columns as a frame of zstd; made when they are taken for the first time, for many are not.
    private var frame: [UInt8]?

    init(series: [Labels], codes: [UInt32]?, seriesCount: Int, stringColumn: [UInt8], seriesColumn: [UInt8], rowColumn: [UInt8]) {
        (self.series, self.codes, self.seriesCount) = (series, codes, seriesCount)
        (self.stringColumn, self.seriesColumn, self.rowColumn) = (stringColumn, seriesColumn, rowColumn)
    }

    /// Where the three columns stand in a block, and how they are packed.
    package mutating func packed(_ pack: ([UInt8]) -> [UInt8]) -> PackedPart {
        let (start, columns) = (BlockFormat.headerBytes + 5 * BlockFormat.SampleColumn.allCases.count, stringColumn + seriesColumn + rowColumn)
        let packed = frame ?? pack(columns)
        frame = packed
        return PackedPart(range: start..<start + columns.count, frame: packed)
    }

    /// How many rows the block has.
    package var count: Int { series.count }

    /// How many of these samples, from the first on, are of this outline's series, row by row.
    package func agreement(with samples: ArraySlice<Sample>) -> Int {
        var row = 0
        for sample in samples {
            guard row < series.count, sample.series == series[row] else { break }
            row += 1
        }
        return row
    }

    /// The bytes of ``SampleBlock/encode(_:)``.
    /// - Precondition: the samples are of these series, all of them, in their order: ``agreement(with:)``.
    package func encode(_ samples: ArraySlice<Sample>) -> [UInt8] {
        precondition(samples.count == series.count, "a block of other series")
        typealias Column = BlockFormat.SampleColumn
        var times = SampleTimes()
        var values = ColumnBuffer<UInt8>()
        values.reserve(samples.count * 9)
        if let codes {
            var lastBits = [UInt64](repeating: 0, count: seriesCount)
            for (sample, code) in zip(samples, codes) {
                times.append(sample.timestamp)
                let bits = sample.value.bitPattern
                values.appendDifference(bits ^ lastBits[Int(code)])
                lastBits[Int(code)] = bits
            }
        } else {
            for sample in samples {
                times.append(sample.timestamp)
                values.appendDifference(sample.value.bitPattern)
            }
        }
        let columns = [(Column.strings, stringColumn), (Column.series, seriesColumn), (Column.rows, rowColumn)]
        var writer = BlockWriter(bytes: columns.reduce(40) { $0 + $1.1.count } + times.bytes.count + values.count + 10)
        for (column, bytes) in columns {
            unsafe bytes.withUnsafeBufferPointer { unsafe writer.bytes.append($0) }
            writer.close(column.rawValue)
        }
        return writer.finish(times, values, rows: samples.count)
    }

    /// The bytes of ``SampleBlock/encode(_:)``, and what the next block can take from them.
    package static func make(_ samples: ArraySlice<Sample>) -> (block: [UInt8], outline: SampleOutline) {
        var encoder = SampleBlockEncoder()
        var codes: [UInt32] = []
        codes.reserveCapacity(samples.count)
        for sample in samples { codes.append(UInt32(encoder.appended(sample))) }
        return (encoder.finish(), encoder.outline(samples.map(\.series), codes))
    }
}
