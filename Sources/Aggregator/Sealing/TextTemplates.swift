import Blocks

/// The templates of a page's texts, and which row has which. A run of digits is a byte 0 in a template (TextPage); all else stands there as in the text.
package struct TextTemplates: Sendable {
    /// Stands for a run of digits.
    package static let number: UInt8 = 0

    package let bytes: [UInt8]
    /// In ``bytes``; all of them lie in one piece, each behind its length.
    package let ranges: [Range<Int>]
    /// Codes of the rows, or their low bytes.
    private let low: Range<Int>
    private let high: Range<Int>?

    /// Of a page whose rows have no texts.
    init() { (bytes, ranges, low, high) = ([], [], 0..<0, nil) }

    init(_ bytes: [UInt8], rows: Int, _ cursor: inout ByteCursor) throws(BlockError) {
        self.bytes = bytes
        let count = try cursor.count(in: bytes.span)
        var ranges = [Range<Int>]()
        ranges.reserveCapacity(count)
        for _ in 0..<count { ranges.append(try cursor.text(in: bytes.span)) }
        self.ranges = ranges
        low = try cursor.take(rows)
        high = count >= 255 ? try cursor.take(rows) : nil
    }

    /// Where all of them lie.
    package var area: Range<Int> {
        guard let first = ranges.first, let last = ranges.last else { return 0..<0 }
        return first.lowerBound..<last.upperBound
    }

    /// A row's template plus one; 0: it has no text. In a damaged page it may be more than there are.
    package func code(of row: Int) -> Int {
        guard row < low.count else { return 0 }
        return Int(bytes[low.lowerBound + row]) | (high.map { Int(bytes[$0.lowerBound + row]) << 8 } ?? 0)
    }
}
