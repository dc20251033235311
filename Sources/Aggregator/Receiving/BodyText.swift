/// A body inflated, with zero bytes behind its end: a scanner that loads eight bytes at a time and stops at every control character needs no
/// check of the end.
struct BodyText: Sendable {
    /// Zero bytes behind the text. More than the longest literal that the scanner compares at once.
    static let padding = 64

    /// The text and its padding.
    private(set) var padded: [UInt8]
    /// Bytes of the text.
    let count: Int

    init(_ bytes: [UInt8]) {
        (padded, count) = ([], bytes.count)
        padded.reserveCapacity(bytes.count + Self.padding)
        padded.append(contentsOf: bytes)
        padded.append(contentsOf: repeatElement(0, count: Self.padding))
    }

    /// - Precondition: the last ``padding`` bytes are zero.
    init(padded: [UInt8]) {
        precondition(padded.count >= Self.padding, "a padded text has its padding")
        (self.padded, count) = (padded, padded.count - Self.padding)
    }

    /// The first byte of the text proper: RFC 8259 §8.1 lets a reader pass over a byte order mark.
    var start: Int { count >= 3 && padded[0] == 0xEF && padded[1] == 0xBB && padded[2] == 0xBF ? 3 : 0 }
}
