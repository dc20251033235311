/// Refuses what RE2 does not know (as Prometheus does) although PCRE2 would take it: what needs backtracking without bound, and what means
/// something else in the two. Everything else is left to PCRE2 to judge. Source: RE2's syntax page, pcre2pattern(3).
struct PatternSyntax {
    /// RE2's limit for `{n,m}`; a nest of larger ones would make a program of any size.
    static let repeatsMax = 1000
    /// Bytes of a pattern: far more than a person writes; compiled, it is some ten times as large.
    static let patternBytesMax = 16 * 1024

    private let pattern: String
    private let bytes: [UInt8]
    private var offset = 0

    static func check(_ pattern: String) throws(PatternError) {
        var syntax = PatternSyntax(pattern)
        try syntax.check()
    }

    private init(_ pattern: String) { (self.pattern, bytes) = (pattern, Array(pattern.utf8)) }

    private mutating func check() throws(PatternError) {
        guard bytes.count <= Self.patternBytesMax else {
            throw PatternError(pattern: String(pattern.prefix(60)) + "…", offset: 0, problem: "it is longer than \(Self.patternBytesMax) bytes")
        }
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "\\"): try escape(inClass: false)
            case UInt8(ascii: "["): try characterClass()
            case UInt8(ascii: "("): try group()
            case UInt8(ascii: "*"), UInt8(ascii: "+"), UInt8(ascii: "?"):
                offset += 1
                try quantifierSuffix()
            case UInt8(ascii: "{"): try repetition()
            case 0: throw refusal("a zero byte; write \\x00")
            default: offset += 1
            }
        }
    }

    private func peek(_ distance: Int = 0) -> UInt8? { offset + distance < bytes.count ? bytes[offset + distance] : nil }

    private func isAt(_ text: StaticString, after distance: Int = 0) -> Bool {
        let wanted = Array(text.description.utf8)
        let start = offset + distance
        return start + wanted.count <= bytes.count && bytes[start..<start + wanted.count].elementsEqual(wanted)
    }

    private func refusal(_ problem: String) -> PatternError { PatternError(pattern: pattern, offset: offset, problem: problem) }

    /// `\` and what follows.
    private mutating func escape(inClass: Bool) throws(PatternError) {
        guard let next = peek(1) else { throw refusal("it ends in a backslash; write \\\\ for the character itself") }
        switch next {
        case UInt8(ascii: "1")...UInt8(ascii: "9"):
            throw refusal("backreferences are not supported, as in RE2; write the repeated part out")
        case UInt8(ascii: "g"), UInt8(ascii: "k"):
            throw refusal("\\\(Character(UnicodeScalar(next))) is a backreference, which is not supported, as in RE2")
        case UInt8(ascii: "K"), UInt8(ascii: "G"), UInt8(ascii: "R"), UInt8(ascii: "X"), UInt8(ascii: "Z"), UInt8(ascii: "N"), UInt8(ascii: "h"),
            UInt8(ascii: "H"), UInt8(ascii: "V"), UInt8(ascii: "e"), UInt8(ascii: "c"), UInt8(ascii: "C"), UInt8(ascii: "o"):
            throw refusal("\\\(Character(UnicodeScalar(next))) is not part of RE2's language; for the letter itself leave out the backslash")
        case UInt8(ascii: "Q") where !inClass:
            // Literal text up to \E or the end.
            offset += 2
            while peek() != nil, !isAt("\\E") { offset += 1 }
            if peek() != nil { offset += 2 }
        case UInt8(ascii: "p"), UInt8(ascii: "P"):
            offset += 2
            if peek() == UInt8(ascii: "{") {
                while let byte = peek(), byte != UInt8(ascii: "}") { offset += 1 }
            }
            if peek() != nil { offset += 1 }
        case UInt8(ascii: "x") where peek(2) == UInt8(ascii: "{"):
            while let byte = peek(), byte != UInt8(ascii: "}") { offset += 1 }
            if peek() != nil { offset += 1 }
        default: offset += 2
        }
    }

    private mutating func characterClass() throws(PatternError) {
        let start = offset
        offset += 1
        if peek() == UInt8(ascii: "^") { offset += 1 }
        // A bracket right at the beginning stands for itself.
        if peek() == UInt8(ascii: "]") { offset += 1 }
        while let byte = peek() {
            switch byte {
            case UInt8(ascii: "]"):
                offset += 1
                return
            case UInt8(ascii: "\\"): try escape(inClass: true)
            case UInt8(ascii: "[") where peek(1) == UInt8(ascii: ":"):
                // [:alpha:]; if it is not closed, the bracket is a character and goes on.
                var end = offset + 2
                while end + 1 < bytes.count, bytes[end] != UInt8(ascii: ":"), bytes[end] != UInt8(ascii: "]") { end += 1 }
                offset = end + 1 < bytes.count && bytes[end] == UInt8(ascii: ":") && bytes[end + 1] == UInt8(ascii: "]") ? end + 2 : offset + 1
            case UInt8(ascii: "[") where peek(1) == UInt8(ascii: ".") || peek(1) == UInt8(ascii: "="):
                throw refusal("[. .] and [= =] are not part of RE2's language")
            default: offset += 1
            }
        }
        offset = start
        throw refusal("the bracket is never closed; write \\[ for the character itself")
    }

    private mutating func group() throws(PatternError) {
        if isAt("(*") { throw refusal("(* is not part of RE2's language; write \\( for the character itself") }
        guard isAt("(?") else {
            offset += 1
            return
        }
        if isAt("(?=") || isAt("(?!") || isAt("(?<=") || isAt("(?<!") {
            throw refusal("look-around is not supported, as in RE2; match the text around and use a second pattern")
        }
        if isAt("(?P=") || isAt("(?P>") { throw refusal("backreferences and recursion are not supported, as in RE2") }
        if isAt("(?P<") || isAt("(?<") {
            offset += isAt("(?P<") ? 4 : 3
            return
        }
        // What is left of RE2's: flags i, m, s, U, with `-`, closed by `:` or `)`.
        var end = offset + 2
        while end < bytes.count, "imsU-".utf8.contains(bytes[end]) { end += 1 }
        guard end < bytes.count, bytes[end] == UInt8(ascii: ":") || bytes[end] == UInt8(ascii: ")") else {
            throw refusal("this kind of group is not part of RE2's language (there are (?:…), (?P<name>…) and the flags i, m, s, U)")
        }
        offset = end + 1
    }

    /// After `*`, `+`, `?` or `{…}`: `?` makes it lazy, `+` would make it possessive.
    private mutating func quantifierSuffix() throws(PatternError) {
        if peek() == UInt8(ascii: "?") {
            offset += 1
        } else if peek() == UInt8(ascii: "+") {
            throw refusal("possessive quantifiers are not part of RE2's language; leave out the second +")
        }
    }

    /// `{n}`, `{n,}`, `{n,m}`; anything else is a brace.
    private mutating func repetition() throws(PatternError) {
        var end = offset + 1
        func number() -> Int? {
            var value: Int?
            while end < bytes.count, case let digit = bytes[end] &- UInt8(ascii: "0"), digit < 10 {
                value = min((value ?? 0) * 10 + Int(digit), 1_000_000)
                end += 1
            }
            return value
        }
        guard let least = number() else {
            offset += 1
            return
        }
        var most = least
        if end < bytes.count, bytes[end] == UInt8(ascii: ",") {
            end += 1
            most = number() ?? least
        }
        guard end < bytes.count, bytes[end] == UInt8(ascii: "}") else {
            offset += 1
            return
        }
        guard max(least, most) <= Self.repeatsMax else { throw refusal("a repetition may be at most \(Self.repeatsMax), as in RE2") }
        offset = end + 1
        try quantifierSuffix()
    }
}
