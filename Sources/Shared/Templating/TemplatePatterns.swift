import Matching

/// `match` and `reReplaceAll`: RE2's language, found anywhere in the text.
enum TemplatePatterns {
    /// To compile a pattern is as much work as to write so many bytes.
    static let bytes = 16 * 1024

    private static func pattern(_ source: String) throws(TemplateProblem) -> Pattern {
        do throws(PatternError) { return try Pattern(source) } catch {
            throw TemplateProblem(.wrong, "\"\(source)\" is no regular expression: \(error)")
        }
    }

    static func matches(_ source: String, _ text: String) throws(TemplateProblem) -> Bool { try pattern(source).matches(text) }

    static func replace(_ source: String, by replacement: String, in text: String) throws(TemplateProblem) -> String {
        let pattern = try pattern(source)
        let pieces = Self.pieces(of: replacement, in: pattern)
        let bytes = Array(text.utf8)
        var (result, copied, start) = ([UInt8](), 0, 0)
        while start <= bytes.count, let groups = pattern.captures(in: bytes.span, from: start), let match = groups.first ?? nil {
            // An empty match right behind another match is none, as in RE2 and Go.
            if !match.isEmpty || copied == 0 || match.lowerBound > copied {
                result += bytes[copied..<match.lowerBound]
                for piece in pieces {
                    switch piece {
                    case .text(let text): result += text
                    case .group(let number): if number < groups.count, let range = groups[number] { result += bytes[range] }
                    }
                }
                copied = match.upperBound
            }
            guard result.count <= TemplatingLimits.textBytesMax else {
                throw TemplateProblem(.limit, "reReplaceAll makes a text of more than \(TemplatingLimits.textBytesMax) bytes")
            }
            start = match.upperBound
            if match.isEmpty {
                start += 1
                while start < bytes.count, bytes[start] & 0xC0 == 0x80 { start += 1 }
            }
        }
        return String(decoding: result + bytes[copied...], as: UTF8.self)
    }

    private enum Piece {
        case text([UInt8])
        case group(Int)
    }

    /// Go's `$1`, `${1}`, `$name`, `$$`: a name is as long as it can be, and one that the pattern does not have is empty.
    private static func pieces(of replacement: String, in pattern: Pattern) -> [Piece] {
        var (pieces, rest) = ([Piece](), Substring(replacement))
        while let dollar = rest.firstIndex(of: "$") {
            pieces.append(.text(Array(rest[..<dollar].utf8)))
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                rest.removeFirst()
                pieces.append(.text([UInt8(ascii: "$")]))
                continue
            }
            let isBraced = rest.first == "{"
            let name = (isBraced ? rest.dropFirst() : rest).prefix { $0 == "_" || $0.isLetter || $0.isNumber }
            let behind = rest[name.endIndex...]
            guard !name.isEmpty, !isBraced || behind.first == "}" else {
                pieces.append(.text([UInt8(ascii: "$")]))
                continue
            }
            rest = isBraced ? behind.dropFirst() : behind
            if let number = Int(name) {
                pieces.append(.group(number))
            } else if let named = pattern.captureNames.first(where: { $0.name == name }) {
                pieces.append(.group(named.index))
            }
        }
        pieces.append(.text(Array(rest.utf8)))
        return pieces
    }
}
