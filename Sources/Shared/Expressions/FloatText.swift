/// Numbers as Go writes them with the fewest digits that read back the same (`strconv.FormatFloat(…, -1, 64)`).
package enum FloatText {
    /// Verb `f`: never an exponent. `count_values` labels and the HTTP interface use it.
    package static func plain(_ value: Double) -> String { special(value) ?? layout(value, exponentFrom: .max, exponentBelow: .min) }

    /// `fmt.Print`'s `%v`: an exponent below 1e-4 and from 1e6 on (`1.536e+06`). `{{ $value }}` uses it.
    package static func general(_ value: Double) -> String { special(value) ?? layout(value, exponentFrom: 6, exponentBelow: -4) }

    private static func special(_ value: Double) -> String? {
        if value.isNaN { return "NaN" }
        if value.isInfinite { return value < 0 ? "-Inf" : "+Inf" }
        if value == 0 { return value.sign == .minus ? "-0" : "0" }
        return nil
    }

    private static func layout(_ value: Double, exponentFrom high: Int, exponentBelow low: Int) -> String {
        let (digits, point) = shortest(value.magnitude)
        let sign = value < 0 ? "-" : ""
        let exponent = point - 1
        if exponent < low || exponent >= high {
            let rest = digits.dropFirst()
            let size = exponent.magnitude
            return sign + String(digits.prefix(1)) + (rest.isEmpty ? "" : "." + rest) + "e" + (exponent < 0 ? "-" : "+") + (size < 10 ? "0" : "")
                + "\(size)"
        }
        if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
        if point >= digits.count { return sign + digits + String(repeating: "0", count: point - digits.count) }
        return sign + digits.prefix(point) + "." + digits.dropFirst(point)
    }

    /// The shortest digits, and how many of them stand before the decimal point. Swift's `description` finds them.
    private static func shortest(_ value: Double) -> (digits: String, point: Int) {
        let parts = value.description.split(separator: "e", maxSplits: 1)
        let exponent = parts.count > 1 ? Int(parts[1]) ?? 0 : 0
        let mantissa = parts[0].split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        var digits = String(mantissa[0]) + (mantissa.count > 1 ? mantissa[1] : "")
        var point = mantissa[0].count + exponent
        while digits.hasPrefix("0") && digits.count > 1 { (digits, point) = (String(digits.dropFirst()), point - 1) }
        while digits.hasSuffix("0") && digits.count > 1 { digits.removeLast() }
        return (digits, point)
    }
}

/// Strings between quotation marks.
enum Quoting {
    static func quote(_ value: String) -> String {
        var text = "\""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": text += "\\\\"
            case "\"": text += "\\\""
            case "\n": text += "\\n"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text + "\""
    }
}
