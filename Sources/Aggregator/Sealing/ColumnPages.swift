import Blocks

/// Rows of a sealed block whose columns lie together: one frame a column.
struct ColumnPage: Sendable, Hashable {
    let rows: Range<Int>
    /// Nanoseconds: the earliest and the latest of its rows.
    let from: Int64
    let to: Int64
    /// Places of the correlation ids that stand in one of its rows first.
    let ids: Range<Int>
}

/// How a block's rows are divided into pages.
enum ColumnPages {
    /// - Parameter idsBefore: by page, how many correlation ids stand in rows before it; `ids`: in all rows.
    static func make(_ timestamps: [Int64], idsBefore: [Int], ids: Int) -> [ColumnPage] {
        ranges(of: timestamps.count).enumerated().map { number, rows in
            let times = timestamps[rows]
            return ColumnPage(
                rows: rows,
                from: times.min() ?? 0,
                to: times.max() ?? 0,
                ids: idsBefore[number]..<(number + 1 < idsBefore.count ? idsBefore[number + 1] : ids)
            )
        }
    }

    /// Appends what the directory says of them.
    static func encode(_ pages: [ColumnPage], earliest: Int64, into bytes: inout [UInt8]) {
        for page in pages {
            // Modulo 2^64, where a difference does not fit.
            bytes.appendVarint(UInt64(bitPattern: page.from &- earliest))
            bytes.appendVarint(UInt64(bitPattern: page.to &- page.from))
            bytes.appendVarint(UInt64(page.ids.count))
        }
    }

    static func decode(_ cursor: inout ByteCursor, in bytes: Span<UInt8>, rows: Int, earliest: Int64) throws(BlockError) -> [ColumnPage] {
        var pages = [ColumnPage]()
        var ids = 0
        for rows in ranges(of: rows) {
            let from = earliest &+ Int64(bitPattern: try cursor.varint(in: bytes))
            let to = from &+ Int64(bitPattern: try cursor.varint(in: bytes))
            let count = try cursor.varint(in: bytes)
            guard from <= to, count <= UInt64(rows.count) else { throw .malformed("a page of \(rows.count) rows with \(count) correlation ids") }
            pages.append(ColumnPage(rows: rows, from: from, to: to, ids: ids..<ids + Int(count)))
            ids += Int(count)
        }
        return pages
    }

    private static func ranges(of rows: Int) -> [Range<Int>] {
        stride(from: 0, to: rows, by: SealedEventFormat.rowsPerPage).map { $0..<min(rows, $0 + SealedEventFormat.rowsPerPage) }
    }
}
