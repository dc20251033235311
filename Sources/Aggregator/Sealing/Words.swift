import JSON

/// The words of an event, as a filter knows them: what `q` can find. A word is a run of letters, digits, `_`, `-` and `.` that holds a letter or digit,
/// without the `-` and `.` at its ends; and each part of it between `-` and `.`. Case does not matter. Whoever searches must use the same rules, or
/// a filter would hide what is there.
package enum Words {
    /// - Parameter word: in lower case, as ``visit(text:_:)`` cuts it.
    package static func hash(ofWord word: Span<UInt8>) -> UInt64 { WordHash.folded(word, 0..<word.count) }

    package static func hash(ofCorrelationID id: Span<UInt8>) -> UInt64 { WordHash.hash(id, seed: 0xC0_44E1_A710_41D5) }

    /// Each word of a text, the same one as often as it stands there.
    package static func visit(text: Span<UInt8>, _ body: (UInt64) -> Void) {
        forEachWord(in: text, 0..<text.count, isTemplate: false) { range, isWide in
            if isWide { visitWide(text.extracting(range), body) } else { body(WordHash.folded(text, range)) }
        }
    }

    /// Each word of the string values, however deep, of a JSON value; names of members are not values.
    /// - Parameter data: compact JSON that was checked before.
    package static func visit(data: Span<UInt8>, _ body: (UInt64) -> Void) {
        forEachString(in: data) { range, hasEscapes in
            if hasEscapes {
                visit(escaped: data.extracting(range.lowerBound - 1..<min(range.upperBound + 1, data.count)), body)
            } else {
                visit(text: data.extracting(range), body)
            }
        }
    }

    /// Where words stand in a part of a text. A stretch with bytes beyond ASCII is given whole, as wide: its words are cut by ``visitWide(_:_:)``.
    /// - Parameter isTemplate: a byte 0 stands for digits (TextPage); in a text it is no letter.
    static func forEachWord(in text: Span<UInt8>, _ part: Range<Int>, isTemplate: Bool, _ body: (Range<Int>, _ isWide: Bool) -> Void) {
        precondition(part.lowerBound >= 0 && part.upperBound <= text.count, "a part lies outside of its text")
        unsafe text.withUnsafeBufferPointer { text in
            var index = part.lowerBound
            let end = part.upperBound
            let zero: Kind = isTemplate ? .letter : .other
            while index < end {
                if unsafe kind(text[index], zero: zero) == .other {
                    index += 1
                    continue
                }
                let start = index
                var (hasLetter, hasJoint, isASCII) = (false, false, true)
                scan: while index < end {
                    switch unsafe kind(text[index], zero: zero) {
                    case .other: break scan
                    case .letter: hasLetter = true
                    case .joint: hasJoint = true
                    case .underscore: break
                    case .wide: isASCII = false
                    }
                    index += 1
                }
                if !isASCII {
                    body(start..<index, true)
                } else if hasLetter {
                    if hasJoint { unsafe forEachPart(of: start..<index, in: text, body) } else { body(start..<index, false) }
                }
            }
        }
    }

    /// The string values of compact JSON: where they stand between their quotes, and whether they have escapes.
    static func forEachString(in data: Span<UInt8>, _ body: (Range<Int>, _ hasEscapes: Bool) -> Void) {
        unsafe data.withUnsafeBufferPointer { data in
            var index = 0
            while index < data.count {
                guard unsafe data[index] == UInt8(ascii: "\"") else {
                    index += 1
                    continue
                }
                let start = index + 1
                index = start
                var hasEscapes = false
                while index < data.count, unsafe data[index] != UInt8(ascii: "\"") {
                    if unsafe data[index] == UInt8(ascii: "\\") {
                        hasEscapes = true
                        index += 1
                    }
                    index += 1
                }
                let end = min(index, data.count)
                index += 1
                if index < data.count, unsafe data[index] == UInt8(ascii: ":") { continue }
                body(start..<end, hasEscapes)
            }
        }
    }

    // MARK: One run

    /// A run without its joints at the ends, and its parts.
    private static func forEachPart(of run: Range<Int>, in text: UnsafeBufferPointer<UInt8>, _ body: (Range<Int>, Bool) -> Void) {
        var (start, end) = (run.lowerBound, run.upperBound)
        while unsafe kind(text[start]) == .joint { start += 1 }
        while unsafe kind(text[end - 1]) == .joint { end -= 1 }
        body(start..<end, false)
        var part = start
        for index in start...end where unsafe index == end || kind(text[index]) == .joint {
            // The run itself was told already when it has no joint inside.
            if index > part, !(part == start && index == end) { body(part..<index, false) }
            part = index + 1
        }
    }

    /// A stretch with bytes beyond ASCII: letters of any script belong to words, other characters end them.
    static func visitWide(_ text: Span<UInt8>, _ body: (UInt64) -> Void) {
        let lowered = unsafe text.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }.lowercased()
        var run = String.UnicodeScalarView()
        func finish() {
            let parts = run.split { $0 == "-" || $0 == "." }
            if let first = parts.first, let last = parts.last, run.contains(where: { $0 != "_" && $0 != "-" && $0 != "." }) {
                body(hash(of: run[first.startIndex..<last.endIndex]))
                if parts.count > 1 { for part in parts { body(hash(of: part)) } }
            }
            run = String.UnicodeScalarView()
        }
        for scalar in lowered.unicodeScalars {
            if scalar == "-" || scalar == "." || isWordScalar(scalar) { run.append(scalar) } else { finish() }
        }
        finish()
    }

    private static func hash(of scalars: Substring.UnicodeScalarView) -> UInt64 {
        let bytes = Array(String(scalars).utf8)
        return hash(ofWord: bytes.span)
    }

    private static func visit(escaped string: Span<UInt8>, _ body: (UInt64) -> Void) {
        var scanner = JSONScanner(over: string)
        guard let token = try? scanner.next(in: string), case .string(let value) = token else { return }
        var text = [UInt8]()
        value.appendValue(in: string, to: &text)
        visit(text: text.span, body)
    }

    // MARK: Characters

    private enum Kind: UInt8 { case other = 0, letter, underscore, joint, wide }

    @inline(__always)
    private static func kind(_ byte: UInt8, zero: Kind = .other) -> Kind {
        if byte >= 0x80 { return .wide }
        if (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 { return .letter }
        if byte == 0 { return zero }
        if byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") { return .joint }
        return byte == UInt8(ascii: "_") ? .underscore : .other
    }

    /// Letters, their marks, and digits of any script, and `_`.
    package static func isWordScalar(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII {
            let kind = kind(UInt8(scalar.value))
            return kind == .letter || kind == .underscore
        }
        switch scalar.properties.generalCategory {
        case .uppercaseLetter, .lowercaseLetter, .titlecaseLetter, .modifierLetter, .otherLetter, .nonspacingMark, .spacingMark, .enclosingMark,
            .decimalNumber, .letterNumber, .otherNumber:
            return true
        default: return false
        }
    }
}
