import Telemetry

/// The rule for all times to come, in POSIX's notation: `CET-1CEST,M3.5.0,M10.5.0/3`, `<+03>-3` (POSIX.1-2017 §8.3, RFC 8536 §3.3.1).
struct ZoneRule: Sendable, Hashable {
    private struct Change: Sendable, Hashable {
        enum Day: Sendable, Hashable {
            /// Week 5 is the month's last.
            case weekday(month: Int64, week: Int64, day: Int64)
            /// From 1, 29 February not counted.
            case julian(Int64)
            /// From 0, 29 February counted.
            case ordinal(Int64)
        }

        var day: Day
        /// Of the day, by the clock before the change; may lie in the day before or behind.
        var second: Int64

        /// Seconds since the epoch by the clock before the change.
        func local(in year: Int64) -> Int64 {
            let newYear = CivilDate(year: year, month: 1, day: 1).daysSinceEpoch
            let days: Int64
            switch day {
            case .weekday(let month, let week, let day):
                let first = CivilDate(year: year, month: month, day: 1)
                let length = CivilDate.days(inMonth: month, year: year)
                var date = 1 + (day - first.weekday + 7) % 7 + (week - 1) * 7
                while date > length { date -= 7 }
                days = first.daysSinceEpoch + date - 1
            case .julian(let day):
                let isBehindLeapDay = day >= 60 && CivilDate.days(inMonth: 2, year: year) == 29
                days = newYear + day - 1 + (isBehindLeapDay ? 1 : 0)
            case .ordinal(let day): days = newYear + day
            }
            return days * 86_400 + second
        }
    }

    private let standard: ZoneRules.Offset
    private let summer: (offset: ZoneRules.Offset, start: Change, end: Change)?

    init?(_ text: String) {
        var cursor = Cursor(text)
        guard let name = cursor.name(), let west = cursor.time() else { return nil }
        standard = ZoneRules.Offset(seconds: -west, name: name)
        guard !cursor.isAtEnd else {
            summer = nil
            return
        }
        guard let summerName = cursor.name() else { return nil }
        var offset = standard.seconds + 3600
        if !cursor.isAt(",") {
            guard let west = cursor.time() else { return nil }
            offset = -west
        }
        guard let start = cursor.change(), let end = cursor.change(), cursor.isAtEnd else { return nil }
        summer = (ZoneRules.Offset(seconds: offset, name: summerName), start, end)
    }

    func offset(at second: Int64) -> ZoneRules.Offset {
        guard let summer else { return standard }
        let local = second + standard.seconds
        let year = CivilDate(daysSinceEpoch: local >= 0 ? local / 86_400 : (local - 86_399) / 86_400).year
        let start = summer.start.local(in: year) - standard.seconds
        let end = summer.end.local(in: year) - summer.offset.seconds
        // South of the equator summer spans the new year.
        let isSummer = start < end ? start <= second && second < end : !(end <= second && second < start)
        return isSummer ? summer.offset : standard
    }

    static func == (a: ZoneRule, b: ZoneRule) -> Bool {
        a.standard == b.standard && a.summer?.offset == b.summer?.offset && a.summer?.start == b.summer?.start && a.summer?.end == b.summer?.end
    }

    func hash(into hasher: inout Hasher) {
        hasher.combine(standard)
        hasher.combine(summer?.offset)
    }

    private struct Cursor {
        private var rest: Substring

        init(_ text: String) { rest = text[...] }

        var isAtEnd: Bool { rest.isEmpty }

        func isAt(_ character: Character) -> Bool { rest.first == character }

        mutating func take(_ character: Character) -> Bool {
            guard rest.first == character else { return false }
            rest.removeFirst()
            return true
        }

        /// `CET`, `<+03>`.
        mutating func name() -> String? {
            if take("<") {
                guard let end = rest.firstIndex(of: ">") else { return nil }
                let name = rest[..<end]
                rest = rest[rest.index(after: end)...]
                return String(name)
            }
            let name = rest.prefix { $0.isLetter && $0.isASCII }
            rest = rest.dropFirst(name.count)
            return name.count >= 3 ? String(name) : nil
        }

        mutating func number() -> Int64? {
            let digits = rest.prefix { $0.isNumber && $0.isASCII }
            guard !digits.isEmpty, digits.count <= 3 else { return nil }
            rest = rest.dropFirst(digits.count)
            return Int64(digits)
        }

        /// `[+-]hh[:mm[:ss]]` in seconds.
        mutating func time() -> Int64? {
            let isNegative = take("-")
            if !isNegative { _ = take("+") }
            guard let hours = number(), hours <= 167 else { return nil }
            var seconds = hours * 3600
            for unit in [Int64(60), 1] where take(":") {
                guard let part = number(), part < 60 else { return nil }
                seconds += part * unit
            }
            return isNegative ? -seconds : seconds
        }

        /// `,M3.5.0/2`, `,J60`, `,59`.
        mutating func change() -> Change? {
            guard take(",") else { return nil }
            let day: Change.Day
            if take("M") {
                guard let month = number(), (1...12).contains(month), take("."), let week = number(), (1...5).contains(week), take("."),
                    let weekday = number(), (0...6).contains(weekday)
                else { return nil }
                day = .weekday(month: month, week: week, day: weekday)
            } else if take("J") {
                guard let number = number(), (1...365).contains(number) else { return nil }
                day = .julian(number)
            } else {
                guard let number = number(), (0...365).contains(number) else { return nil }
                day = .ordinal(number)
            }
            guard take("/") else { return Change(day: day, second: 7200) }
            guard let second = time() else { return nil }
            return Change(day: day, second: second)
        }
    }
}
