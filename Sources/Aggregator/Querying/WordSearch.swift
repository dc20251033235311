import JSON
import Sealing
import Telemetry

/// `q`: whole words, case-insensitive. A word is a run of letters, digits, `_`, `-` and `.` that holds a letter or digit, without the `-` and
/// `.` at its ends; and each part of it between `-` and `.`. So `web-1` and `web` are found in "web-1.example.org is up.", `exam` is not.
struct WordSearch: Sendable {
    /// A word that is wanted, in lower case.
    struct Word: Sendable, Hashable {
        let search: ByteSearch
        /// Holds `-` or `.`: then it must be the whole run.
        let isCompound: Bool
        let isASCII: Bool
    }

    let words: [Word]

    /// All of `text`'s words are wanted. Throws when there is none in it.
    init(_ text: String) throws(QueryError) {
        var words = [Word]()
        for run in text.split(whereSeparator: { !WordSearch.isWordCharacter($0) }) {
            let trimmed = String(run).trimming { $0 == "-" || $0 == "." }
            guard trimmed.contains(where: { $0 != "_" && $0 != "-" && $0 != "." }) else { continue }
            let bytes = Array(trimmed.lowercased().utf8)
            let isCompound = bytes.contains { $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") }
            words.append(Word(search: ByteSearch(lowered: bytes), isCompound: isCompound, isASCII: bytes.allSatisfy { $0 < 0x80 }))
        }
        guard !words.isEmpty else { throw .invalid("q=\(text): there is no word in it; a word holds a letter or a digit") }
        self.words = Array(Set(words))
    }

    /// What a filter of a sealed block is asked for: it holds all of these, or no row matches.
    var hashes: [UInt64] { words.map { Words.hash(ofWord: $0.search.needle.span) } }

    /// False: the words occur nowhere in a block with these bytes.
    func mayOccur(in block: [UInt8]) -> Bool {
        let span = block.span
        return words.allSatisfy { !$0.isASCII || $0.search.first(in: span) != nil } || WordSearch.unicodeEscape.first(in: span) != nil
    }

    /// Only such an escape of JSON's can hide a letter or digit from a search of the raw text.
    private static let unicodeEscape = ByteSearch(lowered: Array("\\u".utf8))

    /// Whether each word occurs in the message or in a string value of the data.
    func matches(message: Range<Int>?, data: Range<Int>?, in bytes: [UInt8]) -> Bool {
        matches(message: message, in: bytes, data: data, in: bytes)
    }

    /// The same for texts of two buffers.
    func matches(message: Range<Int>?, in bytes: [UInt8], data: Range<Int>?, in dataBytes: [UInt8]) -> Bool {
        var missing = words
        if let message { missing.removeAll { WordSearch.occurs($0, in: bytes.span.extracting(message)) } }
        if missing.isEmpty { return true }
        guard let data else { return false }
        let span = dataBytes.span.extracting(data)
        // Most rows have none of the words: a search of the raw text says so without parsing.
        if missing.contains(where: { $0.isASCII && $0.search.first(in: span) == nil }), WordSearch.unicodeEscape.first(in: span) == nil {
            return false
        }
        WordSearch.forEachString(in: span) { text in
            missing.removeAll { WordSearch.occurs($0, in: text) }
            return !missing.isEmpty
        }
        return missing.isEmpty
    }

    // MARK: One text

    static func occurs(_ word: Word, in text: Span<UInt8>) -> Bool {
        if word.isASCII { return occurs(word, foldedIn: text) }
        guard (0..<text.count).contains(where: { text[$0] >= 0x80 }) else { return false }
        let lowered = unsafe text.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }.lowercased()
        return occurs(word, foldedIn: lowered.utf8Span.span)
    }

    private static func occurs(_ word: Word, foldedIn text: Span<UInt8>) -> Bool {
        var start = 0
        while let found = word.search.first(in: text, from: start) {
            if isBounded(found, found + word.search.needle.count, isCompound: word.isCompound, in: text) { return true }
            start = found + 1
        }
        return false
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
        return scalar(at: first, in: text).map { isWordScalar($0) } ?? false
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

    private static func isWordCharacter(_ character: Character) -> Bool {
        character == "-" || character == "." || character == "_" || character.unicodeScalars.allSatisfy(isWordScalar)
    }

    /// Letters, their marks, and digits of any script.
    private static func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return isLetterOrDigit(UInt8(scalar.value)) || scalar == "_" }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark, .spacingMark, .enclosingMark,
            .decimalNumber, .letterNumber, .otherNumber:
            return true
        default: return false
        }
    }

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
