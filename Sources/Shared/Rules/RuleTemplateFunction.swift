import Templating

/// The functions of Prometheus's templates that rules may call.
enum RuleTemplateFunction: Sendable, Hashable {
    case humanize, humanize1024, humanizeDuration, humanizePercentage, humanizeTimestamp
    case title, toUpper, toLower
    /// The format, checked when the template is loaded.
    case printf(String)

    static let names = [
        "humanize", "humanize1024", "humanizeDuration", "humanizePercentage", "humanizeTimestamp", "printf", "title", "toLower", "toUpper",
    ]

    func apply(_ arguments: [TemplateValue]) -> String {
        // What does not fit was refused when the template was loaded.
        if case .printf(let format) = self { return (try? GoFormat.print(format, arguments)) ?? "" }
        guard let argument = arguments.first else { return "" }
        switch self {
        case .title: return Self.title(argument.printed)
        case .toUpper: return argument.printed.uppercased()
        case .toLower: return argument.printed.lowercased()
        default: break
        }
        // A label's text that is no number is shown as it is.
        guard let number = Self.number(argument) else { return argument.printed }
        switch self {
        case .humanize: return Humanizing.humanize(number)
        case .humanize1024: return Humanizing.humanize1024(number)
        case .humanizeDuration: return Humanizing.duration(number)
        case .humanizePercentage: return Humanizing.percentage(number)
        default: return Humanizing.timestamp(number)
        }
    }

    /// As Prometheus's functions convert it; nil for a text that is no number.
    private static func number(_ value: TemplateValue) -> Double? {
        switch value {
        case .text(let text): Double(text)
        case .float(let number): number
        case .integer(let number): Double(number)
        default: nil
        }
    }

    /// Each word's first letter large: strings.Title, which Prometheus uses, leaves the others.
    private static func title(_ text: String) -> String {
        var (result, atStart) = ("", true)
        for character in text {
            result += atStart ? character.uppercased() : String(character)
            atStart = !(character.isLetter || character.isNumber || character == "_")
        }
        return result
    }
}
