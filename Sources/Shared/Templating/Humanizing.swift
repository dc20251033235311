import Expressions
import Glibc
import Telemetry

/// Go's notations of floating-point numbers.
package enum GoFloat {
    /// `%v`: an exponent below 1e-4 and from 1e6 on.
    package static func shortest(_ value: Double) -> String { FloatText.general(value) }

    /// Never an exponent.
    static func plain(_ value: Double) -> String { FloatText.plain(value) }

    /// A C format for one number; what is not finite has no digits.
    package static func formatted(_ format: String, _ number: Double) -> String {
        guard number.isFinite else { return FloatText.general(number) }
        var buffer = [CChar](repeating: 0, count: 512 + TemplatingLimits.widthMax)
        let length = unsafe withVaList([number]) { list in unsafe vsnprintf(&buffer, buffer.count, format, list) }
        return String(decoding: buffer.prefix(min(max(0, Int(length)), buffer.count - 1)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}

/// Numbers for people, as Prometheus's `template` package writes them.
package enum Humanizing {
    private static let small = ["m", "u", "n", "p", "f", "a", "z", "y"]

    private static func scaled(_ value: Double, by factor: Double, _ prefixes: [String], while goesOn: (Double) -> Bool) -> String {
        var (value, prefix) = (value, "")
        for next in prefixes where goesOn(value) { (value, prefix) = (value * factor, next) }
        return GoFloat.formatted("%.4g", value) + prefix
    }

    package static func humanize(_ value: Double) -> String {
        if value == 0 || !value.isFinite { return GoFloat.formatted("%.4g", value) }
        if value.magnitude >= 1 { return scaled(value, by: 1e-3, ["k", "M", "G", "T", "P", "E", "Z", "Y"]) { $0.magnitude >= 1000 } }
        return scaled(value, by: 1e3, small) { $0.magnitude < 1 }
    }

    package static func humanize1024(_ value: Double) -> String {
        if value.magnitude <= 1 || !value.isFinite { return GoFloat.formatted("%.4g", value) }
        return scaled(value, by: 1.0 / 1024, ["ki", "Mi", "Gi", "Ti", "Pi", "Ei", "Zi", "Yi"]) { $0.magnitude >= 1024 }
    }

    package static func percentage(_ value: Double) -> String { GoFloat.formatted("%.4g", value * 100) + "%" }

    package static func duration(_ value: Double) -> String {
        if value == 0 { return "0s" }
        guard value.isFinite else { return GoFloat.shortest(value) }
        guard value.magnitude >= 1 else { return scaled(value, by: 1e3, small) { $0.magnitude < 1 } + "s" }
        let sign = value < 0 ? "-" : ""
        // Longer than 292 billion years it is no duration any more.
        guard value.magnitude < 9e18 else { return GoFloat.formatted("%.4g", value) + "s" }
        let whole = Int64(value.magnitude)
        let (days, hours, minutes, seconds) = (whole / 86_400, whole / 3600 % 24, whole / 60 % 60, whole % 60)
        if days != 0 { return "\(sign)\(days)d \(hours)h \(minutes)m \(seconds)s" }
        if hours != 0 { return "\(sign)\(hours)h \(minutes)m \(seconds)s" }
        if minutes != 0 { return "\(sign)\(minutes)m \(seconds)s" }
        return sign + GoFloat.formatted("%.4g", value.magnitude) + "s"
    }

    /// Go's notation of a time, to the millisecond: `2026-11-01 00:00:00.5 +0000 UTC`.
    package static func timestamp(_ value: Double) -> String {
        guard let exact = Timestamp(seconds: value) else { return GoFloat.shortest(value) }
        return GoTime(Timestamp(nanoseconds: exact.milliseconds * 1_000_000)).description
    }

    /// The function of Alertmanager's templates: of a number, a duration, or a text that is a number.
    static let ofDuration = TemplateFunction(1...1) { (given, _) throws(TemplateProblem) in
        switch given[0] {
        case .integer(let number): return .text(duration(Double(number)))
        case .float(let number): return .text(duration(number))
        case .duration(let length): return .text(duration(Double(length.nanoseconds) / 1e9))
        default: break
        }
        let text = try TemplateFunction.text(given[0], of: "humanizeDuration")
        guard let number = Double(text) else { throw TemplateProblem(.unfit, "humanizeDuration: \"\(text.prefix(60))\" is no number") }
        return .text(duration(number))
    }
}
