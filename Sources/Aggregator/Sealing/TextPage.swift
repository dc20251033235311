import Blocks

// A page of texts: up to 4096 rows of one column. Payload = compressible bytes (zstd'd by the frame) and packed bytes (as they are).
//
//   layout 0 plain      rows × varint (0 = absent, else length + 1), then all texts
//          1 templates  varint n of templates, n × (varint length, bytes; a byte 0 stands for a run of digits), one code a row (0 = absent, else template + 1; 1 byte when
//                       n < 255, else 2, low byte first, all low bytes before all high bytes), then for each template and each of its runs: the numbers (NumberColumn), and how they
//                       are written: 0 without leading zeros, 1 and a width: with that many digits, 2 and a width a number
//
// A log's texts are some templates with numbers in them: without their digits they are few, and the numbers, freed from the text, take the bits they are
// worth. Texts come out exactly as they went in. At most 64 numbers are taken out of a text. Where there are too many templates, more than 64 MiB of text, or a text
// holds a byte 0, the page is plain.

/// What a frame is made of.
struct Payload {
    /// Is compressed.
    var compressible: [UInt8] = []
    /// Has no order that a compressor would find.
    var packed: [UInt8] = []
}

enum TextPage {
    static let rowsMax = 4096
    /// Digits in one run that a number can hold; a longer run is two.
    static let digitsMax = 18
    /// Numbers that are taken out of one text; the digits behind them stay in its template.
    static let numbersMax = 64
    /// Bytes of text beyond which a page is plain: so a reader knows what a page of templates can come to.
    static let templatedBytesMax = 64 << 20

    // MARK: Writing

    /// What the words of a page's texts are found by.
    enum Content: Sendable { case message, data }

    /// - Parameters:
    ///   - texts: bytes that the ranges lie in.
    ///   - ranges: one a row; nil where it has no text.
    ///   - words: takes the words of all texts.
    static func encode(_ texts: [UInt8], _ ranges: [Range<Int>?], _ content: Content, words: inout HashSet) -> Payload {
        // Beyond it each template costs more than its numbers gain.
        var encoder = TemplateEncoder(content, templatesMax: max(16, ranges.count / 12))
        if texts.count <= templatedBytesMax, let payload = encoder.encode(texts, ranges, words: &words) { return payload }
        for case let range? in ranges { words.insert(texts.span.extracting(range), content) }
        return plain(texts, ranges)
    }

    private static func plain(_ texts: [UInt8], _ ranges: [Range<Int>?]) -> Payload {
        var payload = Payload()
        payload.compressible.append(0)
        for range in ranges { payload.compressible.appendVarint(range.map { UInt64($0.count) + 1 } ?? 0) }
        for case let range? in ranges { payload.compressible.append(texts.span.extracting(range)) }
        return payload
    }

    static func digits(of value: UInt64) -> UInt8 {
        var (bound, count): (UInt64, UInt8) = (10, 1)
        while value >= bound, count < 19 {
            bound = bound &* 10
            count += 1
        }
        return count
    }
}
