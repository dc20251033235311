package import Operating
package import Telemetry

/// Recurring times, as Alertmanager has them: all fields that are given must hold, and of each field one range. Nothing given holds always.
package struct TimeInterval: Sendable, Hashable {
    /// Minutes of the day, the end excluded; 1440 is the day's end.
    package var times: [Range<Int>]?
    /// 0 is Sunday.
    package var weekdays: [ClosedRange<Int>]?
    /// From 1; below 0 from the month's end: -1 is its last day.
    package var daysOfMonth: [DayRange]?
    /// 1 to 12.
    package var months: [ClosedRange<Int>]?
    package var years: [ClosedRange<Int>]?
    /// Whose clock and calendar; UTC unless told.
    package var location: ZoneRules

    package struct DayRange: Sendable, Hashable {
        package var first: Int
        package var last: Int

        package init(_ first: Int, _ last: Int) { (self.first, self.last) = (first, last) }

        /// What reaches over the month's end is cut off there; what begins behind it holds on no day.
        func contains(day: Int, inMonthOf length: Int) -> Bool {
            let begin = first < 0 ? length + first + 1 : first
            let end = last < 0 ? length + last + 1 : last
            return begin <= length && day >= begin && day <= min(end, length)
        }
    }

    package init(
        times: [Range<Int>]? = nil,
        weekdays: [ClosedRange<Int>]? = nil,
        daysOfMonth: [DayRange]? = nil,
        months: [ClosedRange<Int>]? = nil,
        years: [ClosedRange<Int>]? = nil,
        location: ZoneRules = .utc
    ) {
        (self.times, self.weekdays, self.daysOfMonth) = (times, weekdays, daysOfMonth)
        (self.months, self.years, self.location) = (months, years, location)
    }

    package func contains(_ moment: Timestamp) -> Bool {
        let (date, minute) = location.wallClock(at: moment)
        if let times, !times.contains(where: { $0.contains(minute) }) { return false }
        if let daysOfMonth {
            let length = Int(CivilDate.days(inMonth: date.month, year: date.year))
            guard daysOfMonth.contains(where: { $0.contains(day: Int(date.day), inMonthOf: length) }) else { return false }
        }
        if let months, !months.contains(where: { $0.contains(Int(date.month)) }) { return false }
        if let weekdays, !weekdays.contains(where: { $0.contains(Int(date.weekday)) }) { return false }
        if let years, !years.contains(where: { $0.contains(Int(date.year)) }) { return false }
        return true
    }
}

/// Why a route tells nobody at the moment: fixed words for logs and the record.
package enum RoutePause: Sendable, Hashable {
    /// One of its `mute_time_intervals` holds.
    case muted(by: String)
    /// It has `active_time_intervals`, and none of them holds.
    case inactive
}

extension NotifyingConfig {
    /// Why a route tells nobody now; nil: it does. First what says when it is active, then what mutes it: as in Alertmanager.
    func pause(of route: Route, at now: Timestamp) -> RoutePause? {
        func holds(_ name: String) -> Bool { timeIntervals[name]?.contains { $0.contains(now) } == true }
        if !route.activeDuring.isEmpty, !route.activeDuring.contains(where: holds) { return .inactive }
        return route.mutedDuring.first(where: holds).map { .muted(by: $0) }
    }
}
