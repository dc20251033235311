package import Telemetry

/// The first 40 bytes of a block and its directory. Made only from bytes whose checksum holds.
package struct BlockHeader: Sendable, Hashable {
    package let kind: BlockKind
    package let version: UInt8
    /// Rows.
    package let count: Int
    /// The earliest and the latest timestamp of the rows; both 0 when there are none.
    package let from: Timestamp
    package let to: Timestamp
    package let checksum: UInt64
    /// Where each column lies, by its id.
    let columns: ColumnPlaces

    /// Reads and verifies header, length, directory and checksum; what the columns say is checked by ``EventBlock``, ``SampleBlock``
    /// and ``AlertBlock``.
    package init(decoding bytes: [UInt8]) throws(BlockError) {
        let span = bytes.span
        guard span.count >= BlockFormat.headerBytes, bytes.starts(with: BlockFormat.magic) else { throw .notABlock }
        version = span[4]
        guard version <= BlockFormat.version else { throw .newer(version: version) }
        guard version == 1 else { throw .malformed("version \(version) was never written") }
        checksum = BlockFormat.littleEndian64(span, at: 8)
        guard BlockFormat.checksum(of: span) == checksum else { throw .checksum }
        guard let kind = BlockKind(rawValue: span[5]) else { throw .malformed("kind \(span[5]) is unknown") }
        self.kind = kind
        var cursor = ByteCursor(16..<span.count)
        let length = try cursor.littleEndian32(in: span)
        guard Int(length) == span.count else { throw .malformed("it says \(length) bytes and has \(span.count)") }
        count = Int(try cursor.littleEndian32(in: span))
        // Each row takes a byte of some column at least, so this bounds what a decoder allocates.
        guard count <= span.count, count <= BlockFormat.rowsMax else {
            throw .malformed("it says \(count) rows in \(span.count) bytes")
        }
        from = Timestamp(nanoseconds: Int64(bitPattern: try cursor.littleEndian64(in: span)))
        to = Timestamp(nanoseconds: Int64(bitPattern: try cursor.littleEndian64(in: span)))
        let columnCount = Int(span[6]) | Int(span[7]) << 8
        // The columns lie behind the directory, in its order.
        var columns = ColumnPlaces(capacity: columnCount)
        var directory = ByteCursor(try cursor.take(5 * columnCount))
        while !directory.isAtEnd {
            let id = try directory.byte(in: span)
            guard id > columns.last ?? 0 else { throw .malformed("column \(id) stands out of order") }
            columns.append(id, try cursor.take(Int(try directory.littleEndian32(in: span))))
        }
        guard cursor.isAtEnd else { throw .malformed("\(cursor.remaining) bytes after the last column") }
        self.columns = columns
    }

    /// A cursor over a column that must be there.
    func cursor(_ id: UInt8) throws(BlockError) -> ByteCursor {
        guard let range = columns[id] else { throw .malformed("column \(id) is missing") }
        return ByteCursor(range)
    }

    /// Refuses a block of another kind and columns that this version does not have.
    func require(_ kind: BlockKind, columnsThrough last: UInt8) throws(BlockError) {
        guard self.kind == kind else { throw .kind(self.kind) }
        if let unknown = columns.last, unknown > last { throw .malformed("column \(unknown) is unknown") }
    }

    /// Reads a column of timestamps and holds it against the header's times.
    func timestamps(_ id: UInt8, in bytes: Span<UInt8>) throws(BlockError) -> [Int64] {
        var cursor = try cursor(id)
        var times = [Int64]()
        times.reserveCapacity(count)
        var (previous, earliest, latest) = (from.nanoseconds, Int64.max, Int64.min)
        for _ in 0..<count {
            previous &+= try cursor.zigzag(in: bytes)
            (earliest, latest) = (min(earliest, previous), max(latest, previous))
            times.append(previous)
        }
        guard cursor.isAtEnd else { throw .malformed("bytes after the last timestamp") }
        guard count == 0 ? from.nanoseconds == 0 && to.nanoseconds == 0 : earliest == from.nanoseconds && latest == to.nanoseconds else {
            throw .malformed("the header's times are not those of the rows")
        }
        return times
    }
}
