package import Telemetry

/// Of a block of events only the columns of few different values: who counts rows by them needs no texts, and a block of lines is decoded in a fraction of
/// the time of ``EventBlock``.
package struct EventLabelColumns: Sendable {
    package let header: BlockHeader
    /// Nanoseconds, by row.
    package let timestamps: [Int64]
    package let sources: StringColumn
    package let types: StringColumn
    package let hosts: StringColumn
    /// Raw values, by row.
    package let severities: [UInt8]

    package var count: Int { header.count }

    /// Checks what it reads, as ``EventBlock/init(decoding:header:)`` does; the other columns are passed over.
    package init(decoding bytes: [UInt8]) throws(BlockError) { try self.init(BlockHeader(decoding: bytes), in: bytes) }

    init(_ header: BlockHeader, in bytes: [UInt8]) throws(BlockError) {
        typealias Column = BlockFormat.EventColumn
        try header.require(.events, columnsThrough: Column.numbered.rawValue)
        let rows = header.count
        timestamps = try header.timestamps(Column.timestamps.rawValue, in: bytes.span)
        sources = try StringColumn(header.cursor(Column.source.rawValue), rows: rows, in: bytes)
        types = try StringColumn(header.cursor(Column.type.rawValue), rows: rows, in: bytes)
        hosts = try StringColumn(header.cursor(Column.host.rawValue), rows: rows, in: bytes)
        var severities = try header.cursor(Column.severity.rawValue)
        self.severities = Array(bytes[try severities.take(rows)])
        guard severities.isAtEnd else { throw .malformed("bytes after the last severity") }
        if let greatest = self.severities.max(), greatest > Severity.critical.rawValue { throw .malformed("severity \(greatest) is unknown") }
        self.header = header
    }

    /// - Precondition: `row` is below ``count``.
    package func severity(at row: Int) -> Severity { Severity(rawValue: severities[row]) ?? .critical }
}
