/// `printf`: Go's verbs, flags, widths, precisions and words for what does not fit. Source: Go's fmt/print.go and fmt/format.go.
package enum GoFormat {
    private struct Directive {
        var isLeft = false, hasPlus = false, hasBlank = false, hasZero = false, isSharp = false
        var width: Int?
        var precision: Int?
        var verb: Unicode.Scalar = "v"
    }

    package static func print(_ format: String, _ values: [TemplateValue]) throws(TemplateProblem) -> String {
        let scalars = Array(format.unicodeScalars)
        var (output, place, used, isReordered) = (String.UnicodeScalarView(), 0, 0, false)

        /// `[2]`: the value that the next directive takes.
        func number(_ place: inout Int) -> Int? {
            var (value, start) = (0, place)
            while place < scalars.count, "0"..."9" ~= scalars[place], place - start < 7 {
                (value, place) = (value * 10 + Int(scalars[place].value - 48), place + 1)
            }
            start = place - start
            return start == 0 ? nil : value
        }

        while place < scalars.count {
            guard scalars[place] == "%" else {
                output.append(scalars[place])
                place += 1
                continue
            }
            place += 1
            var directive = Directive()
            flags: while place < scalars.count {
                switch scalars[place] {
                case "-": directive.isLeft = true
                case "+": directive.hasPlus = true
                case " ": directive.hasBlank = true
                case "0": directive.hasZero = true
                case "#": directive.isSharp = true
                default: break flags
                }
                place += 1
            }
            func index() {
                guard place < scalars.count, scalars[place] == "[" else { return }
                var ahead = place + 1
                guard let wanted = number(&ahead), ahead < scalars.count, scalars[ahead] == "]" else { return }
                (used, place, isReordered) = (wanted - 1, ahead + 1, true)
            }
            func size() throws(TemplateProblem) -> Int? {
                index()
                if place < scalars.count, scalars[place] == "*" {
                    place += 1
                    guard used >= 0, used < values.count, case .integer(let given) = values[used] else { return nil }
                    used += 1
                    if given < 0 { directive.isLeft = true }
                    return try checked(Int(given.magnitude))
                }
                return try number(&place).map { (number) throws(TemplateProblem) in try checked(number) }
            }
            directive.width = try size()
            if place < scalars.count, scalars[place] == "." {
                place += 1
                directive.precision = try size() ?? 0
            }
            index()
            guard place < scalars.count else {
                output += "%!(NOVERB)".unicodeScalars
                break
            }
            directive.verb = scalars[place]
            place += 1
            if directive.verb == "%" {
                output.append("%")
            } else if used < 0 || used >= values.count {
                output += "%!\(directive.verb)(\(isReordered ? "BADINDEX" : "MISSING"))".unicodeScalars
            } else {
                output += written(values[used], directive).unicodeScalars
                used += 1
            }
        }
        if !isReordered, used < values.count {
            let others = values[used...].map { if case .nothing = $0 { "<nil>" } else { "\($0.typeName)=\($0.printed)" } }
            output += "%!(EXTRA \(others.joined(separator: ", ")))".unicodeScalars
        }
        return String(output)
    }

    private static func checked(_ size: Int) throws(TemplateProblem) -> Int {
        guard size <= TemplatingLimits.widthMax else {
            throw TemplateProblem(.wrong, "printf: width and precision go up to \(TemplatingLimits.widthMax)")
        }
        return size
    }

    // MARK: Values

    private static func written(_ value: TemplateValue, _ directive: Directive) -> String {
        if directive.verb == "T" { return padded(text: value.typeName, directive) }
        switch value {
        case .nothing, .unknown:
            return directive.verb == "v" ? padded(text: "<nil>", directive) : "%!\(directive.verb)(<nil>)"
        case .bool(let value) where directive.verb == "t" || directive.verb == "v":
            return padded(text: "\(value)", directive)
        case .integer(let number): return integer(number, value, directive)
        case .float(let number): return float(number, value, directive)
        case .text(let text), .markup(let text), .json(let text): return self.text(text, value, directive)
        case .list(let elements): return "[" + elements.map { written($0, directive) }.joined(separator: " ") + "]"
        case .time(let time) where "vsqxX".unicodeScalars.contains(directive.verb): return text(time.description, value, directive)
        case .duration(let duration):
            return "vsqxX".unicodeScalars.contains(directive.verb)
                ? text(duration.description, value, directive) : integer(duration.nanoseconds, value, directive)
        case .object(let object):
            switch object.content {
            case .list(let elements): return "[" + elements.map { written($0, directive) }.joined(separator: " ") + "]"
            case .record(let fields): return "{" + fields.map { written($0.value, directive) }.joined(separator: " ") + "}"
            case .map(let pairs):
                return "map[" + pairs.map { "\(written(.text($0.key), directive)):\(written($0.value, directive))" }.joined(separator: " ") + "]"
            }
        default: return wrong(value, directive)
        }
    }

    private static func wrong(_ value: TemplateValue, _ directive: Directive) -> String {
        var plain = directive
        plain.verb = "v"
        return "%!\(directive.verb)(\(value.typeName)=\(written(value, plain)))"
    }

    private static func text(_ text: String, _ value: TemplateValue, _ directive: Directive) -> String {
        let shown = directive.precision.map { String(String.UnicodeScalarView(text.unicodeScalars.prefix($0))) } ?? text
        switch directive.verb {
        case "s": return padded(text: shown, directive)
        case "v": return padded(text: directive.isSharp ? GoEscaping.quoted(shown) : shown, directive)
        case "q": return padded(text: directive.isSharp && !shown.contains("`") ? "`\(shown)`" : GoEscaping.quoted(shown), directive)
        case "x", "X":
            let bytes = directive.precision.map { Array(text.utf8.prefix($0)) } ?? Array(text.utf8)
            let digits = bytes.map { GoEscaping.hexadecimal(UInt32($0), width: 2, isUpper: directive.verb == "X") }
            let prefix = directive.isSharp ? "0\(directive.verb)" : ""
            return padded(text: directive.hasBlank ? digits.map { prefix + $0 }.joined(separator: " ") : prefix + digits.joined(), directive)
        default: return wrong(value, directive)
        }
    }

    private static func integer(_ number: Int, _ value: TemplateValue, _ directive: Directive) -> String {
        let radix: Int
        var prefix = ""
        switch directive.verb {
        case "v", "d": radix = 10
        case "b": (radix, prefix) = (2, directive.isSharp ? "0b" : "")
        case "o": (radix, prefix) = (8, directive.isSharp ? "0" : "")
        case "O": (radix, prefix) = (8, "0o")
        case "x", "X": (radix, prefix) = (16, directive.isSharp ? "0\(directive.verb)" : "")
        case "c", "q", "U":
            guard number >= 0, number <= 0x10FFFF else { return wrong(value, directive) }
            let scalar = Unicode.Scalar(UInt32(number)) ?? "\u{FFFD}"
            switch directive.verb {
            case "c": return padded(text: String(scalar), directive)
            case "q": return padded(text: "'" + GoEscaping.escaped(scalar, quote: "'") + "'", directive)
            default: return padded(text: "U+" + GoEscaping.hexadecimal(UInt32(number), width: 4, isUpper: true), directive)
            }
        default: return wrong(value, directive)
        }
        var digits = String(number.magnitude, radix: radix, uppercase: directive.verb == "X")
        if let precision = directive.precision {
            digits = precision == 0 && number == 0 ? "" : String(repeating: "0", count: max(0, precision - digits.count)) + digits
        }
        let sign = number < 0 ? "-" : directive.hasPlus ? "+" : directive.hasBlank ? " " : ""
        return padded(sign: sign + prefix, digits: digits, directive, zeros: directive.precision == nil)
    }

    private static func float(_ number: Double, _ value: TemplateValue, _ directive: Directive) -> String {
        var text: String
        switch directive.verb {
        case "v", "g", "G":
            text = directive.precision.map { GoFloat.formatted("%.\($0)g", number.magnitude) } ?? GoFloat.shortest(number.magnitude)
            if directive.verb == "G" { text = text.uppercased() }
        case "e", "E", "f", "F": text = GoFloat.formatted("%.\(directive.precision ?? 6)\(directive.verb)", number.magnitude)
        default: return wrong(value, directive)
        }
        if text.first == "+" { text.removeFirst() }
        let isPositive = number.sign == .plus
        let sign =
            number.isNaN
            ? (directive.hasPlus ? "+" : "") : !isPositive ? "-" : directive.hasPlus || number.isInfinite ? "+" : directive.hasBlank ? " " : ""
        return padded(sign: sign, digits: text, directive, zeros: number.isFinite)
    }

    // MARK: Widths

    private static func padded(text: String, _ directive: Directive) -> String {
        let missing = String(repeating: " ", count: max(0, (directive.width ?? 0) - text.unicodeScalars.count))
        return directive.isLeft ? text + missing : missing + text
    }

    /// Zeros stand behind the sign.
    private static func padded(sign: String, digits: String, _ directive: Directive, zeros: Bool) -> String {
        guard zeros, directive.hasZero, !directive.isLeft else { return padded(text: sign + digits, directive) }
        return sign + String(repeating: "0", count: max(0, (directive.width ?? 0) - sign.count - digits.count)) + digits
    }
}
