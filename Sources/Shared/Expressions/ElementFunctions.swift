import Glibc
import Telemetry

/// Functions of one number.
enum ElementFunctions {
    static func function(_ function: Function) -> ((Double) -> Double)? {
        switch function {
        case .abs: { $0.magnitude }
        case .ceil: { $0.rounded(.up) }
        case .floor: { $0.rounded(.down) }
        case .exp: { Glibc.exp($0) }
        case .ln: { Glibc.log($0) }
        case .log2: { Glibc.log2($0) }
        case .log10: { Glibc.log10($0) }
        case .sqrt: { $0.squareRoot() }
        case .sgn: { $0 < 0 ? -1 : $0 > 0 ? 1 : $0 }
        case .deg: { $0 * 180 / .pi }
        case .rad: { $0 * .pi / 180 }
        case .sin: { Glibc.sin($0) }
        case .cos: { Glibc.cos($0) }
        case .tan: { Glibc.tan($0) }
        case .asin: { Glibc.asin($0) }
        case .acos: { Glibc.acos($0) }
        case .atan: { Glibc.atan($0) }
        case .sinh: { Glibc.sinh($0) }
        case .cosh: { Glibc.cosh($0) }
        case .tanh: { Glibc.tanh($0) }
        case .asinh: { Glibc.asinh($0) }
        case .acosh: { Glibc.acosh($0) }
        case .atanh: { Glibc.atanh($0) }
        default: nil
        }
    }

    /// Halves go up; by way of the inverse, as in Prometheus, so that `round(x, 0.1)` gives the same digits.
    static func round(_ value: Double, toNearest nearest: Double) -> Double {
        let inverse = 1 / nearest
        return (value * inverse + 0.5).rounded(.down) / inverse
    }

    /// Go's `math.Max` and `math.Min`: NaN wins.
    static func max(_ a: Double, _ b: Double) -> Double { a.isNaN || b.isNaN ? .nan : a > b ? a : b }
    static func min(_ a: Double, _ b: Double) -> Double { a.isNaN || b.isNaN ? .nan : a < b ? a : b }
}

/// Parts of a date in UTC, from seconds since 1970.
enum CalendarFunctions {
    static func value(_ function: Function, at seconds: Double) -> Double {
        // Times past the year 292 billion have no date; NaN has none either.
        guard seconds.isFinite, seconds.magnitude < 9.2e18 else { return .nan }
        let whole = Int64(seconds.rounded(.towardZero))
        let days = whole >= 0 ? whole / 86_400 : -((-whole + 86_399) / 86_400)
        let secondOfDay = whole - days * 86_400
        let date = CivilDate(daysSinceEpoch: days)
        switch function {
        case .minute: return Double(secondOfDay / 60 % 60)
        case .hour: return Double(secondOfDay / 3600)
        case .dayOfMonth: return Double(date.day)
        case .dayOfWeek: return Double(((days + 4) % 7 + 7) % 7)
        case .dayOfYear: return Double(days - CivilDate(year: date.year, month: 1, day: 1).daysSinceEpoch + 1)
        case .daysInMonth: return Double(CivilDate.days(inMonth: date.month, year: date.year))
        case .month: return Double(date.month)
        default: return Double(date.year)
        }
    }
}
