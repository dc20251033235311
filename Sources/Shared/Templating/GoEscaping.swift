/// Texts as Go escapes them.
package enum GoEscaping {
    /// template.HTMLEscapeString.
    static func html(_ text: String) -> String {
        var output = String.UnicodeScalarView()
        for scalar in text.unicodeScalars { if let name = htmlName(of: scalar) { output += name.unicodeScalars } else { output.append(scalar) } }
        return String(output)
    }

    /// What stands for a character in HTML; nil: itself.
    static func htmlName(of scalar: Unicode.Scalar) -> String? {
        switch scalar {
        case "&": "&amp;"
        case "<": "&lt;"
        case ">": "&gt;"
        case "\"": "&#34;"
        case "'": "&#39;"
        case "\u{0}": "\u{FFFD}"
        default: nil
        }
    }

    /// template.JSEscapeString.
    static func script(_ text: String) -> String {
        var output = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": output += "\\\\"
            case "'": output += "\\'"
            case "\"": output += "\\\""
            case "<", ">", "&", "=": output += "\\u00" + hexadecimal(scalar.value, width: 2, isUpper: true)
            case _ where scalar.value < 0x20: output += "\\u00" + hexadecimal(scalar.value, width: 2, isUpper: true)
            case _ where !scalar.isASCII && !isPrintable(scalar): output += "\\u" + hexadecimal(scalar.value, width: 4, isUpper: true)
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output
    }

    /// url.QueryEscape.
    static func query(_ text: String) -> String {
        var output: [UInt8] = []
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: " "): output.append(UInt8(ascii: "+"))
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                output.append(byte)
            default: output += Array("%\(hexadecimal(UInt32(byte), width: 2, isUpper: true))".utf8)
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// url.QueryUnescape.
    static func unescapedQuery(_ text: String) throws(TemplateProblem) -> String {
        let bytes = Array(text.utf8)
        var (output, place) = ([UInt8](), 0)
        while place < bytes.count {
            switch bytes[place] {
            case UInt8(ascii: "+"): output.append(UInt8(ascii: " "))
            case UInt8(ascii: "%"):
                guard place + 2 < bytes.count, let value = UInt8(String(decoding: bytes[place + 1...place + 2], as: UTF8.self), radix: 16) else {
                    throw TemplateProblem(.unfit, "urlUnescape: behind % stand two digits of a hexadecimal number")
                }
                output.append(value)
                place += 2
            default: output.append(bytes[place])
            }
            place += 1
        }
        return String(decoding: output, as: UTF8.self)
    }

    /// Each word's first letter large and the others small, as cases.Title of golang.org/x/text: `it's`, `a.b`, `3Rd`.
    static func title(_ text: String) -> String {
        var (output, isInWord, hasLetter) = ("", false, false)
        let characters = Array(text)
        for (index, character) in characters.enumerated() {
            let isPart = character.isLetter || character.isNumber || character == "_"
            if isPart {
                output += !character.isLetter ? String(character) : hasLetter ? character.lowercased() : character.uppercased()
                (isInWord, hasLetter) = (true, hasLetter || character.isLetter)
                continue
            }
            output.append(character)
            let next = index + 1 < characters.count ? characters[index + 1] : " "
            let joins = isInWord && "'’.:·".contains(character) && (next.isLetter || next.isNumber)
            if !joins { (isInWord, hasLetter) = (false, false) }
        }
        return output
    }

    /// strconv.Quote.
    static func quoted(_ text: String) -> String { "\"" + text.unicodeScalars.map { escaped($0, quote: "\"") }.joined() + "\"" }

    static func escaped(_ scalar: Unicode.Scalar, quote: Unicode.Scalar) -> String {
        switch scalar {
        case "\\": return "\\\\"
        case quote: return "\\\(scalar)"
        case "\u{07}": return "\\a"
        case "\u{08}": return "\\b"
        case "\u{0C}": return "\\f"
        case "\n": return "\\n"
        case "\r": return "\\r"
        case "\t": return "\\t"
        case "\u{0B}": return "\\v"
        default: break
        }
        if isPrintable(scalar) { return String(scalar) }
        if scalar.value < 0x80 { return "\\x" + hexadecimal(scalar.value, width: 2) }
        return scalar.value < 0x10000 ? "\\u" + hexadecimal(scalar.value, width: 4) : "\\U" + hexadecimal(scalar.value, width: 8)
    }

    /// strconv.IsPrint: letters, marks, numbers, punctuation, symbols, and the blank.
    private static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
        if scalar.isASCII { return (0x20..<0x7F).contains(scalar.value) }
        switch scalar.properties.generalCategory {
        case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator: return false
        default: return true
        }
    }

    static func hexadecimal(_ value: UInt32, width: Int, isUpper: Bool = false) -> String {
        let digits = String(value, radix: 16, uppercase: isUpper)
        return String(repeating: "0", count: max(0, width - digits.count)) + digits
    }
}
