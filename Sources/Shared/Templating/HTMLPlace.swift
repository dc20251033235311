/// Where a text of HTML stands, and what becomes of a value there, as in Go's html/template: a label can neither end what it stands in nor become a
/// script. Unlike Go's it follows the text that is made, not all that could be made.
struct HTMLPlace {
    private enum State: Equatable {
        case text, comment
        /// Behind `<`, in the name of an element.
        case element(String)
        /// Between attributes.
        case tag
        case attribute(String)
        /// Behind the name of an attribute, before `=`; behind it.
        case behindName(String), beforeValue(String)
        /// In a value; nil: without quotes.
        case value(Attribute, quote: Unicode.Scalar?)
        /// Until `</name`: `script`, `style`, `textarea`, `title`.
        case raw(String)
    }

    private enum Attribute: Equatable {
        case plain, style, script
        /// How much of the address stands there already.
        case address(AddressPart)
    }

    private enum AddressPart { case nothing, path, query }

    private var state = State.text
    private var element = ""

    // MARK: The template's words

    /// Goes through words of the template and gives them back without comments.
    mutating func passing(_ words: String) -> String {
        let scalars = Array(words.unicodeScalars)
        var (output, place) = (String.UnicodeScalarView(), 0)
        while place < scalars.count {
            let scalar = scalars[place]
            func isAt(_ text: String) -> Bool { scalars[place...].starts(with: text.unicodeScalars) }
            if state == .text, isAt("<!--") {
                state = .comment
                place += 4
            } else if state == .comment {
                let isEnd = isAt("-->")
                if isEnd { state = .text }
                place += isEnd ? 3 : 1
            } else {
                if case .raw(let name) = state, scalar == "<", scalars[place...].starts(with: "</\(name)".unicodeScalars, by: Self.isSameLetter) {
                    state = .text
                }
                let next = place + 1 < scalars.count ? scalars[place + 1] : " "
                let isLess = state == .text && scalar == "<" && !Self.isLetter(next) && next != "/" && next != "!"
                pass(scalar, next: next)
                if isLess { output += "&lt;".unicodeScalars } else { output.append(scalar) }
                place += 1
            }
        }
        return String(output)
    }

    private static func isSameLetter(_ a: Unicode.Scalar, _ b: Unicode.Scalar) -> Bool {
        a.properties.lowercaseMapping == b.properties.lowercaseMapping
    }
    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || ("\u{09}"..."\u{0D}").contains(scalar) }
    private static func isLetter(_ scalar: Unicode.Scalar) -> Bool { "a"..."z" ~= scalar || "A"..."Z" ~= scalar }

    private mutating func pass(_ scalar: Unicode.Scalar, next: Unicode.Scalar) {
        switch state {
        case .text: if scalar == "<", Self.isLetter(next) || next == "/" { state = .element("") }
        case .element(let name):
            if scalar == ">" || Self.isBlank(scalar) { enter(name) }
            if scalar == ">" { endTag() } else if !Self.isBlank(scalar) { state = .element(name + String(scalar).lowercased()) }
        case .tag:
            if scalar == ">" { endTag() } else if !Self.isBlank(scalar), scalar != "/" { state = .attribute(String(scalar).lowercased()) }
        case .attribute(let name), .behindName(let name):
            if scalar == "=" {
                state = .beforeValue(name)
            } else if scalar == ">" {
                endTag()
            } else if Self.isBlank(scalar) {
                state = .behindName(name)
            } else if case .behindName = state {
                state = .attribute(String(scalar).lowercased())
            } else {
                state = .attribute(name + String(scalar).lowercased())
            }
        case .beforeValue(let name):
            if Self.isBlank(scalar) { return }
            if scalar == ">" {
                endTag()
            } else if scalar == "\"" || scalar == "'" {
                state = .value(Self.kind(of: name), quote: scalar)
            } else {
                state = .value(Self.followed(Self.kind(of: name), by: scalar), quote: nil)
            }
        case .value(let kind, let quote):
            if let quote, scalar == quote {
                state = .tag
            } else if quote == nil, Self.isBlank(scalar) {
                state = .tag
            } else if quote == nil, scalar == ">" {
                endTag()
            } else {
                state = .value(Self.followed(kind, by: scalar), quote: quote)
            }
        case .comment, .raw: break
        }
    }

    private mutating func enter(_ name: String) { (element, state) = (name, .tag) }

    private mutating func endTag() {
        state = ["script", "style", "textarea", "title"].contains(element) ? .raw(element) : .text
        element = ""
    }

    private static func kind(of name: String) -> Attribute {
        let bare = name.hasPrefix("data-") ? name.dropFirst(5) : name.split(separator: ":").last ?? ""
        if bare.hasPrefix("on") { return .script }
        if bare == "style" { return .style }
        let addresses = [
            "action", "archive", "background", "cite", "classid", "codebase", "data", "formaction", "href", "icon", "longdesc", "manifest",
            "poster", "profile", "usemap",
        ]
        return addresses.contains(String(bare)) || ["src", "uri", "url"].contains { bare.contains($0) } ? .address(.nothing) : .plain
    }

    private static func followed(_ kind: Attribute, by scalar: Unicode.Scalar) -> Attribute {
        guard case .address(let part) = kind else { return kind }
        if scalar == "?" || scalar == "#" { return .address(.query) }
        return part == .nothing && !isBlank(scalar) ? .address(.path) : kind
    }

    // MARK: Values

    /// - Parameter isMarkup: it is HTML, or was escaped, already.
    mutating func escaped(_ value: String, isMarkup: Bool) -> String {
        switch state {
        case .text: return isMarkup ? value : Self.escaped(value)
        case .comment: return ""
        case .raw("script"): return Self.script(value)
        case .raw("style"): return Self.style(value)
        case .raw: return Self.escaped(value)
        case .beforeValue(let name):
            state = .value(Self.kind(of: name), quote: nil)
            return escaped(value, isMarkup: isMarkup)
        case .value(let kind, let quote):
            let shown: String
            switch kind {
            case .plain: shown = value
            case .style: shown = Self.style(value)
            case .script: shown = Self.script(value)
            case .address(.nothing): shown = Self.address(Self.isAddress(value) ? value : "#ZgotmplZ", isWhole: true)
            case .address(.path): shown = Self.address(value, isWhole: true)
            case .address(.query): shown = Self.address(value, isWhole: isMarkup)
            }
            return Self.escaped(shown, withoutQuotes: quote == nil)
        case .element, .tag, .attribute, .behindName:
            // A name is made of letters, and none that begins a script.
            let isName = !value.isEmpty && value.unicodeScalars.allSatisfy { Self.isLetter($0) || "0"..."9" ~= $0 || $0 == "-" }
            return isName && Self.kind(of: value.lowercased()) == .plain ? value : "ZgotmplZ"
        }
    }

    private static func escaped(_ text: String, withoutQuotes: Bool = false) -> String {
        var output = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            switch scalar {
            case "+": output += "&#43;".unicodeScalars
            case "=" where withoutQuotes, "`" where withoutQuotes, _ where withoutQuotes && isBlank(scalar):
                output += "&#\(scalar.value);".unicodeScalars
            default: if let name = GoEscaping.htmlName(of: scalar) { output += name.unicodeScalars } else { output.append(scalar) }
            }
        }
        return String(output)
    }

    /// No scheme, or one that is no script.
    private static func isAddress(_ text: String) -> Bool {
        guard let colon = text.firstIndex(of: ":"), !text[..<colon].contains("/") else { return true }
        return ["http", "https", "mailto"].contains(text[..<colon].lowercased())
    }

    /// - Parameter isWhole: what means something in an address stays, as does what is escaped already.
    private static func address(_ text: String, isWhole: Bool) -> String {
        var output: [UInt8] = []
        let bytes = Array(text.utf8)
        for (place, byte) in bytes.enumerated() {
            let isPlain: Bool
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                isPlain = true
            case UInt8(ascii: "%"):
                isPlain = isWhole && place + 2 < bytes.count && isHexadecimal(bytes[place + 1]) && isHexadecimal(bytes[place + 2])
            default: isPlain = isWhole && "!#$&*+,/:;=?@[]".utf8.contains(byte)
            }
            if isPlain { output.append(byte) } else { output += "%\(GoEscaping.hexadecimal(UInt32(byte), width: 2))".utf8 }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool { UnicodeScalar(byte).properties.isASCIIHexDigit }

    /// A value of CSS, without anything that could be more.
    private static func style(_ text: String) -> String {
        let lower = text.lowercased()
        let isSafe = !text.unicodeScalars.contains { "\u{0}\"'()/;@[\\]`{}<>".unicodeScalars.contains($0) } && !lower.contains("--")
        return isSafe && !lower.contains("expression") && !lower.contains("mozbinding") ? text : "ZgotmplZ"
    }

    /// A string of JavaScript.
    private static func script(_ text: String) -> String {
        var output = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\", "\"": output += "\\\(scalar)"
            case _ where scalar.value < 0x20 || "'&<>`\u{2028}\u{2029}".unicodeScalars.contains(scalar):
                output += "\\u" + GoEscaping.hexadecimal(scalar.value, width: 4)
            default: output.unicodeScalars.append(scalar)
            }
        }
        return output + "\""
    }
}
