import JSON
import Sealing
import Telemetry

/// `q`: words, "phrases" and -words, case-insensitive. A word is a run of letters, digits, `_`, `-` and `.` that holds a letter or digit, without
/// the `-` and `.` at its ends; and each part of it between `-` and `.`. So `web-1` and `web` are found in "web-1.example.org is up.", `exam` is
/// not. A phrase's words stand in one text one after the other with no other word between. A `-` before a word or a phrase that begins the query or
/// follows a blank: it must not occur. ``Words`` cuts texts by the same rules for the filters of sealed blocks.
struct WordSearch: Sendable {
    /// A word that is wanted, in lower case.
    struct Word: Sendable, Hashable {
        let search: ByteSearch
        /// Holds `-` or `.`: then it must be the whole run.
        let isCompound: Bool
        let isASCII: Bool
    }

    /// A word, or the words of a phrase.
    typealias Term = [Word]

    /// More would not fit the bits that say which were found.
    private static let termsMax = 64

    /// All of them must occur, each in the message or in a string value of the data.
    let terms: [Term]
    /// None of them may.
    let unwanted: [Term]

    /// Of all terms.
    let sieve: WordSieve

    /// The words that must be there, for the filters of sealed blocks: with a word of several parts also each part, which a text that holds it has too. Each is one
    /// more that a block without the word would have to hold by chance.
    var hashes: [UInt64] {
        var hashes = Set<UInt64>()
        for word in terms.joined() {
            hashes.insert(Words.hash(ofWord: word.search.needle.span))
            if word.isCompound, word.isASCII { Words.visit(text: word.search.needle.span) { hashes.insert($0) } }
        }
        return Array(hashes)
    }

    /// Throws when there is no word in it. A quote that is not closed goes to the end.
    init(_ text: String) throws(QueryError) {
        var (terms, unwanted) = ([Term](), [Term]())
        for piece in WordSearch.pieces(of: text) {
            let words = WordSearch.words(of: piece.text)
            guard !words.isEmpty else { continue }
            // What is one piece without its `-` or quotes is one term with them.
            if piece.isUnwanted {
                unwanted.append(words)
            } else if piece.isPhrase {
                terms.append(words)
            } else {
                terms += words.map { [$0] }
            }
        }
        guard !terms.isEmpty || !unwanted.isEmpty else {
            throw .invalid("q=\(text): there is no word in it; a word holds a letter or a digit")
        }
        (self.terms, self.unwanted) = (Array(Set(terms)), Array(Set(unwanted)))
        guard self.terms.count <= Self.termsMax, self.unwanted.count <= Self.termsMax else {
            throw .invalid("q holds more than \(Self.termsMax) words: ask for fewer")
        }
        sieve = WordSieve(self.terms)
    }

    // MARK: The query's text

    private static func pieces(of text: String) -> [(text: Substring, isPhrase: Bool, isUnwanted: Bool)] {
        var pieces = [(text: Substring, isPhrase: Bool, isUnwanted: Bool)]()
        var rest = text[...]
        while let first = rest.first {
            guard !first.isWhitespace else {
                rest.removeFirst()
                continue
            }
            let isUnwanted = first == "-"
            if isUnwanted { rest.removeFirst() }
            if rest.first == "\"" {
                rest.removeFirst()
                let end = rest.firstIndex(of: "\"") ?? rest.endIndex
                pieces.append((rest[..<end], true, isUnwanted))
                rest = rest[end...].dropFirst()
            } else {
                let end = rest.firstIndex { $0.isWhitespace || $0 == "\"" } ?? rest.endIndex
                pieces.append((rest[..<end], false, isUnwanted))
                rest = rest[end...]
            }
        }
        return pieces
    }

    private static func words(of text: Substring) -> Term {
        let isWordScalar = { (scalar: Unicode.Scalar) in scalar == "-" || scalar == "." || Words.isWordScalar(scalar) }
        return text.lowercased().unicodeScalars.split { !isWordScalar($0) }.compactMap { run -> Word? in
            let trimmed = String(String.UnicodeScalarView(run)).trimming { $0 == "-" || $0 == "." }
            guard trimmed.unicodeScalars.contains(where: { $0 != "_" && $0 != "-" && $0 != "." }) else { return nil }
            let bytes = Array(trimmed.utf8)
            let isCompound = bytes.contains { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
            return Word(search: ByteSearch(lowered: bytes), isCompound: isCompound, isASCII: bytes.allSatisfy { $0 < 0x80 })
        }
    }

    // MARK: Texts

    /// False: a word that is wanted occurs nowhere in these bytes, texts and data of many rows.
    func mayOccur(in bytes: [UInt8], or others: [UInt8] = []) -> Bool {
        for word in terms.joined() where word.isASCII && word.search.first(in: bytes.span) == nil && word.search.first(in: others.span) == nil {
            return WordSearch.unicodeEscape.first(in: bytes.span) != nil || WordSearch.unicodeEscape.first(in: others.span) != nil
        }
        return true
    }

    /// Only such an escape of JSON's can hide a letter or digit from a search of the raw text.
    static let unicodeEscape = ByteSearch(lowered: Array("\\u".utf8))

    /// Whether a row of these texts is wanted.
    func matches(message: Range<Int>?, data: Range<Int>?, in bytes: [UInt8]) -> Bool { matches(message: message, in: bytes, data: data, in: bytes) }

    func matches(message: Range<Int>?, in messages: [UInt8], data: Range<Int>?, in allData: [UInt8]) -> Bool {
        // By bit: terms that were not found yet.
        var missing = terms.count == 64 ? UInt64.max : (1 << UInt64(terms.count)) - 1
        if let message {
            let text = messages.span.extracting(message)
            for (index, term) in terms.enumerated() where WordSearch.occurs(term, in: text) { missing &= ~(1 << UInt64(index)) }
            if unwanted.contains(where: { WordSearch.occurs($0, in: text) }) { return false }
        }
        guard let data else { return missing == 0 }
        if missing == 0, unwanted.isEmpty { return true }
        let span = allData.span.extracting(data)
        // Most rows have none of the words: a search of the raw text says so without parsing.
        let hasEscapes = WordSearch.unicodeEscape.first(in: span) != nil
        func mayHold(_ term: Term) -> Bool { hasEscapes || term.allSatisfy { !$0.isASCII || $0.search.first(in: span) != nil } }
        for (index, term) in terms.enumerated() where missing & 1 << UInt64(index) != 0 && !mayHold(term) { return false }
        let isSuspicious = unwanted.contains { mayHold($0) }
        if missing == 0, !isSuspicious { return true }
        var isRefused = false
        WordSearch.forEachString(in: span) { text in
            for (index, term) in terms.enumerated() where missing & 1 << UInt64(index) != 0 && WordSearch.occurs(term, in: text) {
                missing &= ~(1 << UInt64(index))
            }
            isRefused = isSuspicious && unwanted.contains { WordSearch.occurs($0, in: text) }
            return !isRefused && (missing != 0 || isSuspicious)
        }
        return missing == 0 && !isRefused
    }

    // MARK: One text

    static func occurs(_ term: Term, in text: Span<UInt8>) -> Bool {
        if term.allSatisfy(\.isASCII) { return occurs(term, foldedIn: text) }
        guard (0..<text.count).contains(where: { text[$0] >= 0x80 }) else { return false }
        let lowered = unsafe text.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }.lowercased()
        return occurs(term, foldedIn: lowered.utf8Span.span)
    }

    private static func occurs(_ term: Term, foldedIn text: Span<UInt8>) -> Bool {
        let first = term[0]
        var start = 0
        while let found = first.search.first(in: text, from: start) {
            let end = found + first.search.needle.count
            if isBounded(found, end, isCompound: first.isCompound, in: text), continues(term.dropFirst(), behind: end, in: text) { return true }
            start = found + 1
        }
        return false
    }

    /// Whether the other words of a phrase follow, with no word between.
    private static func continues(_ words: ArraySlice<Word>, behind end: Int, in text: Span<UInt8>) -> Bool {
        var place = end
        for word in words {
            while place < text.count, !isWordByte(place, in: text, isLast: false) {
                place += 1
                // The rest of a character that belongs to no word.
                while place < text.count, text[place] & 0xC0 == 0x80 { place += 1 }
            }
            let needle = word.search.needle
            guard place + needle.count <= text.count else { return false }
            for index in needle.indices where fold(text[place + index]) != needle[index] { return false }
            guard isBounded(place, place + needle.count, isCompound: word.isCompound, in: text) else { return false }
            place += needle.count
        }
        return true
    }

    /// Whether the text between has nothing of a word before and behind it.
    private static func isBounded(_ start: Int, _ end: Int, isCompound: Bool, in text: Span<UInt8>) -> Bool {
        var (before, behind) = (start, end)
        if isCompound {
            // The whole run, but for dots and dashes at its ends.
            while before > 0, isJoint(text[before - 1]) { before -= 1 }
            while behind < text.count, isJoint(text[behind]) { behind += 1 }
        }
        return !isWordByte(before - 1, in: text, isLast: true) && !isWordByte(behind, in: text, isLast: false)
    }

    private static func isJoint(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") }

    /// Whether the character that ends (`isLast`) or begins at this byte belongs to a part of a word.
    private static func isWordByte(_ offset: Int, in text: Span<UInt8>, isLast: Bool) -> Bool {
        guard offset >= 0, offset < text.count else { return false }
        let byte = text[offset]
        if byte < 0x80 { return isLetterOrDigit(byte) || byte == UInt8(ascii: "_") }
        var first = offset
        if isLast { while first > 0, text[first] & 0xC0 == 0x80 { first -= 1 } }
        return scalar(at: first, in: text).map { Words.isWordScalar($0) } ?? false
    }

    private static func scalar(at offset: Int, in text: Span<UInt8>) -> Unicode.Scalar? {
        let lead = text[offset]
        let length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2
        guard offset + length <= text.count else { return nil }
        var value = UInt32(lead) & (length == 4 ? 0x07 : length == 3 ? 0x0F : 0x1F)
        for index in 1..<length { value = value << 6 | UInt32(text[offset + index] & 0x3F) }
        return Unicode.Scalar(value)
    }

    private static func fold(_ byte: UInt8) -> UInt8 { byte &- UInt8(ascii: "A") < 26 ? byte | 0x20 : byte }

    private static func isLetterOrDigit(_ byte: UInt8) -> Bool { fold(byte) &- UInt8(ascii: "a") < 26 || byte &- UInt8(ascii: "0") < 10 }

    // MARK: Data

    /// Each string value, however deep, without its escapes, until `body` returns false. Names of members are not values.
    private static func forEachString(in data: Span<UInt8>, _ body: (Span<UInt8>) -> Bool) {
        var scanner = JSONScanner(over: data)
        var text = [UInt8]()
        do throws(JSONError) {
            while true {
                let token = try scanner.next(in: data)
                if token == .end { return }
                guard case .string(let value) = token else { continue }
                if value.hasEscapes {
                    text.removeAll(keepingCapacity: true)
                    value.appendValue(in: data, to: &text)
                    if !body(text.span) { return }
                } else if !body(data.extracting(value.range)) {
                    return
                }
            }
        } catch {
            // Data was checked when it was taken; what is not JSON has no string values.
            return
        }
    }
}

extension String {
    fileprivate func trimming(_ isOut: (Character) -> Bool) -> String {
        guard let first = firstIndex(where: { !isOut($0) }), let last = lastIndex(where: { !isOut($0) }) else { return "" }
        return String(self[first...last])
    }
}
