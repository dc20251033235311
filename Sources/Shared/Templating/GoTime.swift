import Operating
package import Telemetry

/// Go's time.Time: a moment with the clock of a place.
package struct GoTime: Sendable, Equatable, CustomStringConvertible {
    /// Since 1970.
    let seconds: Int64
    /// 0 to 999 999 999.
    let nanoseconds: Int
    let zone: ZoneRules

    private init(seconds: Int64, nanoseconds: Int, zone: ZoneRules) { (self.seconds, self.nanoseconds, self.zone) = (seconds, nanoseconds, zone) }

    /// In UTC.
    package init(_ moment: Timestamp) {
        let (quotient, remainder) = moment.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        self.init(
            seconds: remainder < 0 ? quotient - 1 : quotient,
            nanoseconds: Int(remainder < 0 ? remainder + 1_000_000_000 : remainder),
            zone: .utc
        )
    }

    /// A time that is not set: the first moment of the year 1. Alertmanager's end of an alert that fires.
    package static let none = GoTime(seconds: -62_135_596_800, nanoseconds: 0, zone: .utc)

    package static func == (a: GoTime, b: GoTime) -> Bool { a.seconds == b.seconds && a.nanoseconds == b.nanoseconds }

    /// The clock of another place, by its name in the tz database.
    func `in`(zone name: String) throws(TemplateProblem) -> GoTime {
        let rules: ZoneRules
        do throws(ZoneRules.Unknown) { rules = try ZoneRules.named(name) } catch { throw TemplateProblem(.wrong, error.description) }
        return GoTime(seconds: seconds, nanoseconds: nanoseconds, zone: rules)
    }

    func since(_ earlier: GoTime) -> GoDuration {
        // Clamped, as in Go.
        let whole = seconds.subtractingReportingOverflow(earlier.seconds).partialValue.multipliedReportingOverflow(by: 1_000_000_000)
        guard !whole.overflow else { return GoDuration(nanoseconds: seconds < earlier.seconds ? .min : .max) }
        return GoDuration(nanoseconds: Int(clamping: whole.partialValue) &+ (nanoseconds - earlier.nanoseconds))
    }

    func adding(_ length: GoDuration) -> GoTime {
        let sum = nanoseconds + length.nanoseconds % 1_000_000_000
        let carry = sum < 0 ? -1 : sum >= 1_000_000_000 ? 1 : 0
        return GoTime(
            seconds: seconds + Int64(length.nanoseconds / 1_000_000_000 + carry),
            nanoseconds: sum - carry * 1_000_000_000,
            zone: zone
        )
    }

    private var sinceEpoch: Int { Int(seconds) &* 1_000_000_000 &+ nanoseconds }

    // MARK: Notations

    /// `2026-11-01 00:00:00.5 +0000 UTC`
    package var description: String { formatted("2006-01-02 15:04:05.999999999 -0700 MST") }

    var rfc3339: String { formatted("2006-01-02T15:04:05.999999999Z07:00") }

    package func formatted(_ layout: String) -> String { GoTimeLayout.format(self, layout) }

    /// What the clock shows.
    var clock: GoTimeLayout.Clock { GoTimeLayout.Clock(seconds: seconds, nanoseconds: nanoseconds, offset: zone.offset(atSecond: seconds)) }

    // MARK: Methods

    func member(_ name: String, _ arguments: [TemplateValue]) throws(TemplateProblem) -> TemplateValue? {
        switch name {
        case "Format":
            try TemplateMember.count(1, name, arguments)
            return .text(formatted(try TemplateFunction.text(arguments[0], of: name)))
        case "Add":
            try TemplateMember.count(1, name, arguments)
            return .time(adding(GoDuration(nanoseconds: try TemplateFunction.integer(arguments[0], of: name))))
        case "AddDate":
            try TemplateMember.count(3, name, arguments)
            var parts: [Int64] = []
            for argument in arguments { parts.append(Int64(max(-100_000, min(100_000, try TemplateFunction.integer(argument, of: name))))) }
            return .time(adding(years: parts[0], months: parts[1], days: parts[2]))
        case "Sub": return .duration(since(try other(name, arguments)))
        case "After": return .bool(since(try other(name, arguments)).nanoseconds > 0)
        case "Before": return .bool(since(try other(name, arguments)).nanoseconds < 0)
        case "Equal": return .bool(self == (try other(name, arguments)))
        default: break
        }
        let value: TemplateValue
        switch name {
        case "String": value = .text(description)
        case "Unix": value = .integer(Int(seconds))
        case "UnixMilli": value = .integer(Int(seconds) &* 1_000 &+ nanoseconds / 1_000_000)
        case "UnixMicro": value = .integer(Int(seconds) &* 1_000_000 &+ nanoseconds / 1_000)
        case "UnixNano": value = .integer(sinceEpoch)
        case "UTC": value = .time(GoTime(seconds: seconds, nanoseconds: nanoseconds, zone: .utc))
        case "Local": value = .time((try? `in`(zone: "Local")) ?? GoTime(seconds: seconds, nanoseconds: nanoseconds, zone: .utc))
        case "IsZero": value = .bool(self == .none)
        case "Year": value = .integer(Int(clock.date.year))
        case "Month": value = .text(GoTimeLayout.months[Int(clock.date.month) - 1])
        case "Day": value = .integer(Int(clock.date.day))
        case "YearDay": value = .integer(clock.dayOfYear)
        case "Weekday": value = .text(GoTimeLayout.weekdays[Int(clock.date.weekday)])
        case "Hour": value = .integer(clock.hour)
        case "Minute": value = .integer(clock.minute)
        case "Second": value = .integer(clock.second)
        case "Nanosecond": value = .integer(nanoseconds)
        default: return nil
        }
        try TemplateMember.count(0, name, arguments)
        return value
    }

    private func other(_ name: String, _ arguments: [TemplateValue]) throws(TemplateProblem) -> GoTime {
        try TemplateMember.count(1, name, arguments)
        guard case .time(let other) = arguments[0] else {
            throw TemplateProblem(.wrong, "\(name) wants a time, and this is \(arguments[0].typeName)")
        }
        return other
    }

    /// Months that are too many are years; a day that the month does not have is of the next.
    private func adding(years: Int64, months: Int64, days: Int64) -> GoTime {
        let date = clock.date
        let month = date.month - 1 + months
        let year = date.year + years + (month >= 0 ? month / 12 : (month - 11) / 12)
        let first = CivilDate(year: year, month: (month % 12 + 12) % 12 + 1, day: 1)
        let change = first.daysSinceEpoch + date.day - 1 + days - date.daysSinceEpoch
        let moved = GoTime(seconds: seconds + change * 86_400, nanoseconds: nanoseconds, zone: zone)
        // The same time by the clock, although the clock may have been changed in between.
        let drift = zone.offset(atSecond: seconds).seconds - zone.offset(atSecond: moved.seconds).seconds
        return GoTime(seconds: moved.seconds + drift, nanoseconds: nanoseconds, zone: zone)
    }
}

/// Go's time.Duration.
package struct GoDuration: Sendable, Equatable, CustomStringConvertible {
    package let nanoseconds: Int

    package init(nanoseconds: Int) { self.nanoseconds = nanoseconds }

    /// `1h2m3.5s`, `1.5ms`, `0s`
    package var description: String {
        if nanoseconds == 0 { return "0s" }
        let sign = nanoseconds < 0 ? "-" : ""
        let size = nanoseconds.magnitude
        func fraction(_ value: UInt, of unit: UInt) -> String {
            var (rest, digits) = (value % unit, "")
            var scale = unit / 10
            while rest > 0, scale > 0 { (digits, rest, scale) = (digits + "\(rest / scale)", rest % scale, scale / 10) }
            return "\(value / unit)" + (digits.isEmpty ? "" : "." + digits)
        }
        if size < 1_000 { return "\(sign)\(size)ns" }
        if size < 1_000_000 { return "\(sign)\(fraction(size, of: 1_000))µs" }
        if size < 1_000_000_000 { return "\(sign)\(fraction(size, of: 1_000_000))ms" }
        let (minutes, rest) = (size / 60_000_000_000, size % 60_000_000_000)
        let seconds = fraction(rest, of: 1_000_000_000) + "s"
        if minutes == 0 { return sign + seconds }
        return minutes < 60 ? "\(sign)\(minutes)m\(seconds)" : "\(sign)\(minutes / 60)h\(minutes % 60)m\(seconds)"
    }

    func member(_ name: String, _ arguments: [TemplateValue]) throws(TemplateProblem) -> TemplateValue? {
        if name == "Round" || name == "Truncate" {
            try TemplateMember.count(1, name, arguments)
            let unit = try TemplateFunction.integer(arguments[0], of: name)
            guard unit > 0 else { return .duration(self) }
            let rest = nanoseconds % unit
            var whole = nanoseconds - rest
            if name == "Round", rest.magnitude >= (unit.magnitude + 1) / 2 {
                whole = whole.addingReportingOverflow(rest < 0 ? -unit : unit).partialValue
            }
            return .duration(GoDuration(nanoseconds: whole))
        }
        let value: TemplateValue
        switch name {
        case "String": value = .text(description)
        case "Hours": value = .float(Double(nanoseconds) / 3.6e12)
        case "Minutes": value = .float(Double(nanoseconds) / 6e10)
        case "Seconds": value = .float(Double(nanoseconds) / 1e9)
        case "Milliseconds": value = .integer(nanoseconds / 1_000_000)
        case "Microseconds": value = .integer(nanoseconds / 1_000)
        case "Nanoseconds": value = .integer(nanoseconds)
        case "Abs": value = .duration(GoDuration(nanoseconds: nanoseconds == .min ? .max : abs(nanoseconds)))
        default: return nil
        }
        try TemplateMember.count(0, name, arguments)
        return value
    }
}
