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
        var index = 0
        while index < text.count {
            guard kind(text[index]) != .other else {
                index += 1
                continue
            }
            let start = index
            var (hasLetter, hasJoint, isASCII) = (false, false, true)
            scan: while index < text.count {
                switch kind(text[index]) {
                case .other: break scan
                case .letter: hasLetter = true
                case .joint: hasJoint = true
                case .underscore: break
                case .wide: isASCII = false
                }
                index += 1
            }
            if !isASCII {
                visitWide(text.extracting(start..<index), body)
            } else if hasLetter {
                visit(run: start..<index, hasJoint: hasJoint, in: text, body)
            }
        }
    }

    /// Each word of the string values, however deep, of a JSON value; names of members are not values.
    /// - Parameter data: compact JSON that was checked before.
    package static func visit(data: Span<UInt8>, _ body: (UInt64) -> Void) {
        var index = 0
        while index < data.count {
            guard data[index] == UInt8(ascii: "\"") else {
                index += 1
                continue
            }
            let start = index + 1
            index = start
            var hasEscapes = false
            while index < data.count, data[index] != UInt8(ascii: "\"") {
                if data[index] == UInt8(ascii: "\\") {
                    hasEscapes = true
                    index += 1
                }
                index += 1
            }
            let end = min(index, data.count)
            index += 1
            if index < data.count, data[index] == UInt8(ascii: ":") { continue }
            if hasEscapes {
                visit(escaped: data.extracting(start - 1..<min(end + 1, data.count)), body)
            } else {
                visit(text: data.extracting(start..<end), body)
            }
        }
    }

    // MARK: One run

    private static func visit(run: Range<Int>, hasJoint: Bool, in text: Span<UInt8>, _ body: (UInt64) -> Void) {
        guard hasJoint else { return body(WordHash.folded(text, run)) }
        var (start, end) = (run.lowerBound, run.upperBound)
        while kind(text[start]) == .joint { start += 1 }
        while kind(text[end - 1]) == .joint { end -= 1 }
        body(WordHash.folded(text, start..<end))
        var part = start
        for index in start...end where index == end || kind(text[index]) == .joint {
            // The run itself was told already when it has no joint inside.
            if index > part, !(part == start && index == end) { body(WordHash.folded(text, part..<index)) }
            part = index + 1
        }
    }

    /// A stretch with bytes beyond ASCII: letters of any script belong to words, other characters end them.
    private static func visitWide(_ text: Span<UInt8>, _ body: (UInt64) -> Void) {
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
    private static func kind(_ byte: UInt8) -> Kind {
        if byte >= 0x80 { return .wide }
        if (byte | 0x20) &- 0x61 < 26 || byte &- 0x30 < 10 { return .letter }
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
