package import Telemetry

/// Writes samples into the columns of a block, row by row.
package struct SampleBlockEncoder: ~Copyable, Sendable {
    package private(set) var count = 0
    private var strings = StringTable()
    private var seriesBytes = ColumnBuffer<UInt8>()
    private var seriesCodes: [Labels: Int] = [:]
    private var lastBits: [UInt64] = []
    private var rows = ColumnBuffer<UInt8>()
    private var previousSeries = 0
    private var times = SampleTimes()
    private var values = ColumnBuffer<UInt8>()

    package init() {}

    package mutating func append(_ sample: Sample) { _ = appended(sample) }

    /// Which of the block's series the sample's is.
    mutating func appended(_ sample: Sample) -> Int {
        let series = code(of: sample.series)
        rows.appendZigzag(Int64(series - previousSeries))
        previousSeries = series
        times.append(sample.timestamp)
        let bits = sample.value.bitPattern
        values.appendDifference(bits ^ lastBits[series])
        lastBits[series] = bits
        count += 1
        return series
    }

    private mutating func code(of labels: Labels) -> Int {
        if let known = seriesCodes[labels] { return known }
        let code = lastBits.count
        seriesCodes[labels] = code
        lastBits.append(0)
        seriesBytes.appendVarint(UInt64(labels.pairs.count))
        for pair in labels.pairs {
            seriesBytes.appendVarint(UInt64(strings.code(of: pair.name)))
            seriesBytes.appendVarint(UInt64(strings.code(of: pair.value)))
        }
        return code
    }

    /// The block's bytes. The encoder can be appended to further and finished again.
    package func finish() -> [UInt8] {
        typealias Column = BlockFormat.SampleColumn
        var writer = BlockWriter(bytes: strings.bytes + seriesBytes.count + rows.count + times.bytes.count + values.count + 40)
        strings.encode(into: &writer.bytes)
        writer.close(Column.strings.rawValue)
        writer.bytes.appendVarint(UInt64(lastBits.count))
        writer.bytes.append(seriesBytes)
        writer.close(Column.series.rawValue)
        writer.bytes.append(rows)
        writer.close(Column.rows.rawValue)
        return writer.finish(times, values, rows: count)
    }

    /// What the block says about its series so far.
    /// - Parameters:
    ///   - series: of each row.
    ///   - codes: what ``appended(_:)`` gave for each row.
    func outline(_ series: [Labels], _ codes: [UInt32]) -> SampleOutline {
        var texts = ColumnBuffer<UInt8>()
        strings.encode(into: &texts)
        var all = ColumnBuffer<UInt8>()
        all.appendVarint(UInt64(lastBits.count))
        all.append(seriesBytes)
        return unsafe SampleOutline(
            series: series,
            // Mostly each row is another series'.
            codes: lastBits.count == series.count ? nil : codes,
            seriesCount: lastBits.count,
            stringColumn: texts.withElements { unsafe Array($0) },
            seriesColumn: all.withElements { unsafe Array($0) },
            rowColumn: rows.withElements { unsafe Array($0) }
        )
    }
}

/// The times of a block's rows while it is encoded: the first as what it is over the earliest, each other as what it is over the one before.
struct SampleTimes: ~Copyable, Sendable {
    private(set) var bytes = ColumnBuffer<UInt8>()
    private(set) var earliest = Int64.max
    private(set) var latest = Int64.min
    private var first: Int64?
    private var previous: Int64 = 0

    @inline(__always)
    mutating func append(_ timestamp: Timestamp) {
        let time = timestamp.nanoseconds
        if first == nil { first = time } else { bytes.appendZigzag(time &- previous) }
        previous = time
        (earliest, latest) = (min(earliest, time), max(latest, time))
    }

    func encode(into column: inout ColumnBuffer<UInt8>) {
        if let first { column.appendZigzag(first &- earliest) }
        column.append(bytes)
    }
}

extension ColumnBuffer where Element == UInt8 {
    /// What changed in a value's bits: how many bytes of it are zero at the front, how many follow that are not, and these.
    @inline(__always)
    mutating func appendDifference(_ bits: UInt64) {
        guard bits != 0 else { return append(0) }
        let zeros = bits.leadingZeroBitCount / 8
        let meaningful = 8 - zeros - bits.trailingZeroBitCount / 8
        reserve(9)
        append(UInt8(zeros << 4 | meaningful))
        for index in 0..<meaningful { append(UInt8(truncatingIfNeeded: bits >> UInt64(8 * (7 - zeros - index)))) }
    }
}

extension BlockWriter {
    /// The last two columns of a block of samples, and the block.
    consuming func finish(_ times: borrowing SampleTimes, _ values: borrowing ColumnBuffer<UInt8>, rows: Int) -> [UInt8] {
        typealias Column = BlockFormat.SampleColumn
        times.encode(into: &bytes)
        close(Column.timestamps.rawValue)
        bytes.append(values)
        close(Column.values.rawValue)
        return finish(.samples, rows: rows, from: times.earliest, to: times.latest)
    }
}
