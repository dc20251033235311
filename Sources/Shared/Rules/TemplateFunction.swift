import Expressions
import Glibc
import Telemetry

/// A value in a template.
enum TemplateValue {
    case string(String)
    case number(Double)
    case integer(Int)

    /// As Go prints it.
    var text: String {
        switch self {
        case .string(let text): text
        case .number(let number): FloatText.general(number)
        case .integer(let number): String(number)
        }
    }

    /// As Prometheus's functions convert it; nil for a text that is no number.
    var number: Double? {
        switch self {
        case .string(let text): Double(text)
        case .number(let number): number
        case .integer(let number): Double(number)
        }
    }
}

/// The functions of Prometheus's templates that we know.
enum TemplateFunction: Sendable, Hashable {
    case humanize, humanize1024, humanizeDuration, humanizePercentage, humanizeTimestamp
    case title, toUpper, toLower
    /// The format, taken apart when the template is loaded.
    case printf([PrintfPart])

    static let names = [
        "humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp", "printf", "title", "toLower", "toUpper",
    ]

    func apply(_ arguments: [TemplateValue]) -> String {
        if case .printf(let parts) = self { return PrintfPart.render(parts, arguments) }
        guard let argument = arguments.first else { return "" }
        switch self {
        case .title: return Self.title(argument.text)
        case .toUpper: return argument.text.uppercased()
        case .toLower: return argument.text.lowercased()
        default: break
        }
        // A label's text that is no number is shown as it is.
        guard let number = argument.number else { return argument.text }
        if !number.isFinite { return FloatText.general(number) + (self == .humanizePercentage ? "%" : "") }
        switch self {
        case .humanize: return Self.humanize(number)
        case .humanize1024: return Self.humanize1024(number)
        case .humanizeDuration: return Self.humanizeDuration(number)
        case .humanizePercentage: return PrintfPart.format("%.4g", number * 100) + "%"
        default: return Self.humanizeTimestamp(number)
        }
    }

    private static func title(_ text: String) -> String {
        var (result, atStart) = ("", true)
        for character in text {
            result += atStart ? character.uppercased() : String(character)
            atStart = !(character.isLetter || character.isNumber || character == "_")
        }
        return result
    }

    private static func scaled(_ value: Double, by factor: Double, _ prefixes: [String], while goesOn: (Double) -> Bool) -> String {
        var (value, prefix) = (value, "")
        for next in prefixes where goesOn(value) { (value, prefix) = (value * factor, next) }
        return PrintfPart.format("%.4g", value) + prefix
    }

    private static let small = ["m", "u", "n", "p", "f", "a", "z", "y"]

    static func humanize(_ value: Double) -> String {
        if value == 0 { return PrintfPart.format("%.4g", value) }
        if value.magnitude >= 1 { return scaled(value, by: 1e-3, ["k", "M", "G", "T", "P", "E", "Z", "Y"]) { $0.magnitude >= 1000 } }
        return scaled(value, by: 1e3, small) { $0.magnitude < 1 }
    }

    static func humanize1024(_ value: Double) -> String {
        if value.magnitude <= 1 { return PrintfPart.format("%.4g", value) }
        return scaled(value, by: 1.0 / 1024, ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"]) { $0.magnitude >= 1024 }
    }

    static func humanizeDuration(_ value: Double) -> String {
        if value == 0 { return "0s" }
        guard value.magnitude >= 1 else { return scaled(value, by: 1e3, small) { $0.magnitude < 1 } + "s" }
        let sign = value < 0 ? "-" : ""
        // Longer than 292 billion years it is no duration any more.
        guard value.magnitude < 9e18 else { return PrintfPart.format("%.4g", value) + "s" }
        let whole = Int64(value.magnitude)
        let (days, hours, minutes, seconds) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60)
        if days != 0 { return "\(sign)\(days)d \(hours)h \(minutes)m \(seconds)s" }
        if hours != 0 { return "\(sign)\(hours)h \(minutes)m \(seconds)s" }
        if minutes != 0 { return "\(sign)\(minutes)m \(seconds)s" }
        return sign + PrintfPart.format("%.4g", value.magnitude) + "s"
    }

    /// Go's notation of a time, to the millisecond: `2026-11-01 00:00:00.5 +0000 UTC`.
    static func humanizeTimestamp(_ value: Double) -> String {
        guard let exact = Timestamp(seconds: value) else { return FloatText.general(value) }
        let text = Timestamp(nanoseconds: exact.milliseconds * 1_000_000).rfc3339
        var clock = text.dropLast().split(separator: "T").joined(separator: " ")
        if clock.contains(".") { while clock.hasSuffix("0") { clock.removeLast() } }
        return clock + " +0000 UTC"
    }
}

/// A piece of a `printf` format.
enum PrintfPart: Sendable, Hashable {
    case text(String)
    /// A C format for one floating-point number, and how it looks without precision for what is not finite.
    case float(String)
    case integer(String)
    /// Go's `%v` of a number, `%s` and `%v` of a text; width, padded on the left or, with `-`, on the right.
    case plain(width: Int)
    case quoted

    static func render(_ parts: [PrintfPart], _ arguments: [TemplateValue]) -> String {
        var (result, rest) = ("", arguments[...])
        for part in parts {
            switch part {
            case .text(let text): result += text
            case .float(let format): result += Self.format(format, rest.popFirst()?.number ?? .nan)
            case .integer(let format):
                if case .integer(let number)? = rest.popFirst() { result += Self.format(format, number) }
            case .plain(let width):
                let text = rest.popFirst()?.text ?? ""
                let padding = String(repeating: " ", count: max(0, abs(width) - text.count))
                result += width < 0 ? text + padding : padding + text
            case .quoted: result += "\"" + (rest.popFirst()?.text ?? "").map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : String($0) }.joined() + "\""
            }
        }
        return result
    }

    static func format(_ format: String, _ number: Double) -> String {
        number.isFinite ? print(format, number) : FloatText.general(number)
    }

    static func format(_ format: String, _ number: Int) -> String { print(format, number) }

    /// Formats are ours or were checked when the template was loaded: one directive of one known type.
    private static func print(_ format: String, _ argument: some CVarArg) -> String {
        var buffer = [CChar](repeating: 0, count: 512)
        let length = unsafe withVaList([argument]) { list in unsafe vsnprintf(&buffer, buffer.count, format, list) }
        return String(decoding: buffer.prefix(min(max(0, Int(length)), buffer.count - 1)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
