/// A constant of a template.
enum TemplateLiteral: Equatable, Sendable {
    case text(String)
    case integer(Int)
    case float(Double)

    /// Go's notation of numbers; nil for others.
    init?(number text: String) {
        let digits = text.filter { $0 != "_" }
        let sign = digits.first == "-" ? -1 : 1
        let magnitude = digits.first == "-" || digits.first == "+" ? digits.dropFirst() : digits[...]
        let lower = magnitude.lowercased()
        for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] where lower.hasPrefix(prefix) {
            guard let value = Int(lower.dropFirst(2), radix: radix), !lower.dropFirst(2).hasPrefix("-"), !lower.dropFirst(2).hasPrefix("+") else {
                return nil
            }
            self = .integer(sign * value)
            return
        }
        guard let first = magnitude.first, first.isASCII, first.isNumber || first == "." else { return nil }
        if let value = Int(digits) {
            // 010 is eight, as in C.
            let octal = magnitude.count > 1 && first == "0" ? Int(magnitude, radix: 8).map { sign * $0 } : value
            guard let octal else { return nil }
            self = .integer(octal)
        } else if let value = Double(magnitude.last == "." ? digits + "0" : first == "." ? (sign < 0 ? "-0" : "0") + magnitude : digits),
            value.isFinite
        {
            self = .float(value)
        } else {
            return nil
        }
    }

    var value: TemplateValue {
        switch self {
        case .text(let text): .text(text)
        case .integer(let number): .integer(number)
        case .float(let number): .float(number)
        }
    }
}
