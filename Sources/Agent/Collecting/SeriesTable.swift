import Telemetry

/// The label sets of a file's rows (devices, processors, fields), made once and found again at each collection without building a String:
/// rows keep their order from one reading to the next, so that one comparison a row is enough.
struct SeriesTable: Sendable {
    private var rows: [(key: [UInt8], series: [Labels])] = []
    private var cursor = 0

    /// Starts a reading of the file from its first row.
    mutating func begin() { cursor = 0 }

    /// Forgets the rows that this reading did not have.
    mutating func end() { rows.removeSubrange(cursor...) }

    /// The series of the row whose key stands at `range`; `make` is called for a row not seen before.
    mutating func row(
        _ range: Range<Int>,
        in text: Span<UInt8>,
        of path: String,
        make: (String) -> [Labels]
    ) throws(CollectError) -> [Labels] {
        if cursor < rows.count, text.equals(rows[cursor].key, at: range) {
            cursor += 1
            return rows[cursor - 1].series
        }
        guard cursor < CollectingLimits.rowsMax else { throw .tooManyRows(path: path) }
        if let next = rows[cursor...].firstIndex(where: { text.equals($0.key, at: range) }) {
            rows.removeSubrange(cursor..<next)
        } else {
            rows.insert((range.map { text[$0] }, make(text.text(range))), at: cursor)
        }
        cursor += 1
        return rows[cursor - 1].series
    }
}
