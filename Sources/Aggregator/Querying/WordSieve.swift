import Sealing

/// Which rows of a page of texts can hold the words of a search, told by the page's templates alone. A rare word is found by filters that are right for all
/// but one in a thousand blocks; making the texts of such a block for nothing was most of what its search cost.
///
/// Digits are left out of templates, so a word is looked for with one byte 0 for each of its runs of digits. What that finds may be another
/// word; what it does not find is not there.
struct WordSieve: Sendable {
    private struct Word: Sendable {
        /// The whole word, and its longest piece between digits: that one can be looked for in all templates at once.
        let shape: ByteSearch
        let piece: ByteSearch?

        init(_ word: WordSearch.Word) {
            let bytes = word.search.needle
            var shape = [UInt8]()
            WordSieve.appendShape(of: bytes.span, 0..<bytes.count, to: &shape)
            self.shape = ByteSearch(lowered: shape)
            let longest = shape.split(separator: TextTemplates.number).max { $0.count < $1.count }
            piece = longest.map { ByteSearch(lowered: Array($0)) }
        }
    }

    /// By term; nil: nothing can be said of it.
    private let terms: [[Word]?]
    /// A bit for each term.
    private let all: UInt64

    /// - Parameter terms: at most 64, all of which must occur.
    init(_ terms: [WordSearch.Term]) {
        self.terms = terms.map { $0.allSatisfy(\.isASCII) ? $0.map { Word($0) } : nil }
        all = terms.count == 64 ? .max : (1 << UInt64(terms.count)) - 1
    }

    /// Those of the rows (of the page, ascending) whose texts may hold all terms.
    func rows(_ wanted: [Int], messages: TextTemplates?, data: TextTemplates?) -> [Int] {
        // A page without templates may hold anything.
        guard all != 0, let messages, let data else { return wanted }
        let ofMessages = terms(in: messages, isJSON: false)
        let ofData = terms(in: data, isJSON: true)
        guard ofMessages.union | ofData.union == all else { return [] }
        return wanted.filter { row in
            let (message, data) = (messages.code(of: row), data.code(of: row))
            // A code that no template has: whoever makes the texts says what is wrong.
            guard message < ofMessages.byCode.count, data < ofData.byCode.count else { return true }
            return ofMessages.byCode[message] | ofData.byCode[data] == all
        }
    }

    /// Terms that may stand in texts, a bit each.
    private struct Found {
        /// By ``TextTemplates/code(of:)``.
        var byCode: [UInt64]
        var union: UInt64
    }

    private func terms(in templates: TextTemplates, isJSON: Bool) -> Found {
        var found = Found(byCode: [UInt64](repeating: 0, count: templates.ranges.count + 1), union: 0)
        let bytes = templates.bytes.span
        let area = bytes.extracting(templates.area)
        // Only such an escape of JSON's can hide a letter or digit.
        let hasEscapes = isJSON && WordSearch.unicodeEscape.first(in: area) != nil
        var possible: UInt64 = 0
        for (index, words) in terms.enumerated()
        where hasEscapes || words?.allSatisfy({ $0.piece?.first(in: area) != nil || $0.piece == nil }) ?? true {
            possible |= 1 << UInt64(index)
        }
        guard possible != 0 else { return found }
        var shape = [UInt8]()
        for (number, range) in templates.ranges.enumerated() {
            shape.removeAll(keepingCapacity: true)
            WordSieve.appendShape(of: bytes, range, to: &shape)
            if hasEscapes, WordSearch.unicodeEscape.first(in: shape.span) != nil {
                found.byCode[number + 1] = all
            } else {
                for (index, words) in terms.enumerated() where possible & 1 << UInt64(index) != 0 {
                    if words?.allSatisfy({ $0.shape.first(in: shape.span) != nil }) ?? true { found.byCode[number + 1] |= 1 << UInt64(index) }
                }
            }
            found.union |= found.byCode[number + 1]
        }
        return found
    }

    /// Appends a text with one ``TextTemplates/number`` for each run of digits and of numbers that were taken out: a long run is taken out as two, and behind the
    /// last number that a template may have digits stand as they are.
    private static func appendShape(of text: Span<UInt8>, _ range: Range<Int>, to shape: inout [UInt8]) {
        var isInNumber = false
        for index in range {
            let byte = text[index]
            let isNumber = byte == TextTemplates.number || byte &- UInt8(ascii: "0") < 10
            if !isNumber { shape.append(byte) } else if !isInNumber { shape.append(TextTemplates.number) }
            isInNumber = isNumber
        }
    }
}

extension WordSearch {
    /// Texts of those rows of a page that may match.
    struct Candidates {
        let rows: [Int]
        let messages: TextPageReader.Texts
        let data: TextPageReader.Texts
    }

    /// - Parameters:
    ///   - wanted: rows counted from the page's first, ascending.
    /// - Returns: nil: none of them matches.
    func candidates(_ wanted: [Int], page: Int, of events: SealedEvents) throws(SealedError) -> Candidates? {
        let (messages, data) = (try events.page(.messages, page), try events.page(.data, page))
        let rows = sieve.rows(wanted, messages: messages.templates, data: data.templates)
        guard !rows.isEmpty else { return nil }
        let found = Candidates(rows: rows, messages: try messages.texts(rows), data: try data.texts(rows))
        return mayOccur(in: found.messages.bytes, or: found.data.bytes) ? found : nil
    }

    func matches(_ row: Int, of candidates: Candidates) -> Bool {
        matches(message: candidates.messages.ranges[row], in: candidates.messages.bytes, data: candidates.data.ranges[row], in: candidates.data.bytes)
    }
}
