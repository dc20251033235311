import Blocks
import Telemetry

/// A summary as the log stores it: five counts of severities, then three lists (sources, types, hosts) of count and text, then the length
/// and bytes of the filter of correlation ids; all numbers varints.
enum SummaryCoding {
    /// Different values beyond which a block has no summary: it would be large and say little.
    static let valuesMax = 128

    /// Nil when there are too many different values.
    static func encode(_ block: EventBlock) -> [UInt8]? {
        let columns = [block.sources, block.types, block.hosts]
        guard columns.reduce(0, { $0 + $1.values.count }) <= valuesMax else { return nil }
        var severities = [Int](repeating: 0, count: Severity.allCases.count)
        for row in 0..<block.count { severities[Int(block.severity(at: row).rawValue)] += 1 }
        var bytes = [UInt8]()
        for count in severities { bytes.appendVarint(UInt64(count)) }
        for column in columns {
            bytes.appendVarint(UInt64(column.values.count))
            for (count, value) in zip(column.counts(), column.values) {
                bytes.appendVarint(UInt64(count))
                bytes.appendText(value)
            }
        }
        let filter = BlockSummary.correlationFilter(of: block.correlations.values)
        bytes.appendVarint(UInt64(filter.count))
        return bytes + filter
    }

    /// Nil for bytes that are damaged: the block itself is read then.
    static func decode(_ bytes: [UInt8]) -> BlockSummary? {
        guard !bytes.isEmpty else { return nil }
        var cursor = ByteCursor(bytes.indices)
        do throws(BlockError) {
            var summary = BlockSummary(sources: [:], types: [:], hosts: [:], severities: [:])
            for severity in Severity.allCases {
                let count = Int(truncatingIfNeeded: try cursor.varint(in: bytes.span) & 0xFFFF_FFFF)
                if count > 0 { summary.severities[severity] = count }
            }
            summary.sources = try counts(&cursor, in: bytes)
            summary.types = try counts(&cursor, in: bytes)
            summary.hosts = try counts(&cursor, in: bytes)
            summary.correlationFilter = Array(bytes[try cursor.text(in: bytes.span)])
            return summary
        } catch {
            return nil
        }
    }

    private static func counts(_ cursor: inout ByteCursor, in bytes: [UInt8]) throws(BlockError) -> [String: Int] {
        var counts = [String: Int]()
        for _ in 0..<(try cursor.count(bytesEach: 2, in: bytes.span)) {
            let count = Int(truncatingIfNeeded: try cursor.varint(in: bytes.span) & 0xFFFF_FFFF)
            counts[try cursor.string(in: bytes), default: 0] += count
        }
        return counts
    }
}
