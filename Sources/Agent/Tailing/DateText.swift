import Glibc
import Telemetry

/// The ways in which logs write a moment. Each reads it at one place of a line, without a String; nil for anything else.
enum DateText {
    /// RFC 3339, and its relatives: a blank for `T`, a comma for the point, no offset (then local time), an offset without colon.
    static func rfc3339(_ line: Span<UInt8>, at start: Int, _ zone: inout LocalZone) -> Timestamp? {
        guard start + 19 <= line.count, line[start + 4] == UInt8(ascii: "-"), line[start + 7] == UInt8(ascii: "-"),
            line[start + 10] == UInt8(ascii: "T") || line[start + 10] == UInt8(ascii: " "),
            let seconds = civil(line, year: start, month: start + 5, day: start + 8, clock: start + 11)
        else { return nil }
        var (index, fraction, scale): (Int, Int64, Int64) = (start + 19, 0, 1_000_000_000)
        if index + 1 < line.count, line[index] == UInt8(ascii: ".") || line[index] == UInt8(ascii: ","), line[index + 1].isDigit {
            index += 1
            while index < line.count, line[index].isDigit {
                scale /= 10
                fraction += Int64(line[index] - 48) * scale
                index += 1
            }
        }
        if index < line.count, line[index] == UInt8(ascii: "Z") || line[index] == UInt8(ascii: "z") {
            return moment(seconds, fraction)
        }
        // An offset with a colon, or without one; after a blank only if it is clearly one ("+0200").
        if let offset = offset(line, at: index) { return moment(seconds - offset, fraction) }
        if index < line.count, line[index].isDigit || line[index].isLetter { return nil }
        return moment(seconds - zone.offset(atLocal: seconds), fraction)
    }

    /// `Oct  9 13:55:36`: no year, local time. The year is the one that brings it nearest to now, at most a day ahead.
    static func rfc3164(_ line: Span<UInt8>, at start: Int, now: Timestamp, _ zone: inout LocalZone) -> Timestamp? {
        guard start + 15 <= line.count, line[start + 3] == UInt8(ascii: " "), line[start + 6] == UInt8(ascii: " "),
            let month = month(line, at: start), let time = clock(line, at: start + 7)
        else { return nil }
        let tens = line[start + 4] == UInt8(ascii: " ") ? 0 : digits(line, at: start + 4, 1)
        guard let tens, let units = digits(line, at: start + 5, 1) else { return nil }
        let today = now.nanoseconds / 1_000_000_000
        let year = CivilDate(daysSinceEpoch: today / 86_400 + 1).year
        // 29 February may be up to eight years back; others one.
        for candidate in stride(from: year, to: year - 9, by: -1) {
            let day = tens * 10 + units
            guard day >= 1, day <= CivilDate.days(inMonth: month, year: candidate) else { continue }
            let seconds = CivilDate(year: candidate, month: month, day: day).daysSinceEpoch * 86_400 + time
            let utc = seconds - zone.offset(atLocal: seconds)
            if utc <= today + 86_400 { return moment(utc, 0) }
        }
        return nil
    }

    /// `10/Oct/2026:13:55:36 +0200`
    static func commonLog(_ line: Span<UInt8>, at start: Int) -> Timestamp? {
        guard start + 26 <= line.count, line[start + 2] == UInt8(ascii: "/"), line[start + 6] == UInt8(ascii: "/"),
            line[start + 11] == UInt8(ascii: ":"), line[start + 20] == UInt8(ascii: " "),
            let day = digits(line, at: start, 2), let month = month(line, at: start + 3), let year = digits(line, at: start + 7, 4),
            day >= 1, day <= CivilDate.days(inMonth: month, year: year), year >= 1971, year <= 2261,
            let time = clock(line, at: start + 12), let offset = offset(line, at: start + 21)
        else { return nil }
        return moment(CivilDate(year: year, month: month, day: day).daysSinceEpoch * 86_400 + time - offset, 0)
    }

    /// `2026/10/10 13:55:36`, local time.
    static func nginxError(_ line: Span<UInt8>, _ zone: inout LocalZone) -> Timestamp? {
        guard line.count >= 19, line[7] == UInt8(ascii: "/"), line[10] == UInt8(ascii: " "),
            let seconds = civil(line, year: 0, month: 5, day: 8, clock: 11)
        else { return nil }
        return moment(seconds - zone.offset(atLocal: seconds), 0)
    }

    /// `Sat Oct 10 13:55:36.123456 2026`, local time; the fraction may be missing.
    static func apacheError(_ line: Span<UInt8>, _ range: Range<Int>, _ zone: inout LocalZone) -> Timestamp? {
        let start = range.lowerBound
        guard range.count >= 24, line[start + 3] == UInt8(ascii: " "), let month = month(line, at: start + 4),
            line[start + 7] == UInt8(ascii: " "), let time = clock(line, at: start + 11), let year = digits(line, at: range.upperBound - 4, 4),
            let units = digits(line, at: start + 9, 1)
        else { return nil }
        guard let tens = line[start + 8] == UInt8(ascii: " ") ? 0 : digits(line, at: start + 8, 1) else { return nil }
        let day = tens * 10 + units
        guard day >= 1, day <= CivilDate.days(inMonth: month, year: year), year >= 1971, year <= 2261 else { return nil }
        var (index, fraction, scale): (Int, Int64, Int64) = (start + 20, 0, 1_000_000_000)
        if line[start + 19] == UInt8(ascii: ".") {
            while index < range.upperBound, line[index].isDigit, scale > 1 {
                scale /= 10
                fraction += Int64(line[index] - 48) * scale
                index += 1
            }
        }
        let seconds = CivilDate(year: year, month: month, day: day).daysSinceEpoch * 86_400 + time
        return moment(seconds - zone.offset(atLocal: seconds), fraction)
    }

    // MARK: Parts

    /// Seconds from the epoch to this date and time as if it were UTC.
    private static func civil(_ line: Span<UInt8>, year: Int, month: Int, day: Int, clock: Int) -> Int64? {
        guard let y = digits(line, at: year, 4), let m = digits(line, at: month, 2), let d = digits(line, at: day, 2),
            y >= 1971, y <= 2261, m >= 1, m <= 12, d >= 1, d <= CivilDate.days(inMonth: m, year: y), let time = self.clock(line, at: clock)
        else { return nil }
        return CivilDate(year: y, month: m, day: d).daysSinceEpoch * 86_400 + time
    }

    /// `hh:mm:ss` in seconds.
    private static func clock(_ line: Span<UInt8>, at start: Int) -> Int64? {
        guard start + 8 <= line.count, line[start + 2] == UInt8(ascii: ":"), line[start + 5] == UInt8(ascii: ":"),
            let hour = digits(line, at: start, 2), let minute = digits(line, at: start + 3, 2), let second = digits(line, at: start + 6, 2),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        return hour * 3600 + minute * 60 + second
    }

    private static func offset(_ line: Span<UInt8>, at start: Int) -> Int64? {
        guard start + 5 <= line.count, line[start] == UInt8(ascii: "+") || line[start] == UInt8(ascii: "-"),
            let hours = digits(line, at: start + 1, 2)
        else { return nil }
        let minutesAt = line[start + 3] == UInt8(ascii: ":") ? start + 4 : start + 3
        guard let minutes = digits(line, at: minutesAt, 2), hours < 24, minutes < 60 else { return nil }
        return (line[start] == UInt8(ascii: "-") ? -1 : 1) * (hours * 3600 + minutes * 60)
    }

    /// Three letters, as in C's locale.
    private static func month(_ line: Span<UInt8>, at start: Int) -> Int64? {
        guard start + 3 <= line.count else { return nil }
        switch UInt32(line[start]) << 16 | UInt32(line[start + 1]) << 8 | UInt32(line[start + 2]) {
        case 0x4A_61_6E: return 1
        case 0x46_65_62: return 2
        case 0x4D_61_72: return 3
        case 0x41_70_72: return 4
        case 0x4D_61_79: return 5
        case 0x4A_75_6E: return 6
        case 0x4A_75_6C: return 7
        case 0x41_75_67: return 8
        case 0x53_65_70: return 9
        case 0x4F_63_74: return 10
        case 0x4E_6F_76: return 11
        case 0x44_65_63: return 12
        default: return nil
        }
    }

    private static func digits(_ line: Span<UInt8>, at start: Int, _ width: Int) -> Int64? {
        guard start >= 0, start + width <= line.count else { return nil }
        var value: Int64 = 0
        for index in start..<start + width {
            guard line[index].isDigit else { return nil }
            value = value * 10 + Int64(line[index] - 48)
        }
        return value
    }

    private static func moment(_ seconds: Int64, _ fraction: Int64) -> Timestamp {
        Timestamp(nanoseconds: seconds * 1_000_000_000 + fraction)
    }
}

/// The offset from UTC of times that name none. For the host's own zone glibc is asked, which costs a microsecond, so the answer is kept for the
/// quarter of an hour that it is about.
struct LocalZone {
    private var quarter: Int64 = .min
    private var known: Int64 = 0
    private let fixed: Int64?

    init(_ zone: TailConfig.Zone = .local) {
        switch zone {
        case .local: fixed = nil
        case .offset(let seconds): fixed = Int64(seconds)
        }
    }

    /// Seconds east of UTC at this local time, given as seconds from the epoch as if it were UTC.
    mutating func offset(atLocal seconds: Int64) -> Int64 {
        if let fixed { return fixed }
        let wanted = seconds / 900
        if wanted == quarter { return known }
        let date = CivilDate(daysSinceEpoch: seconds / 86_400)
        let rest = seconds % 86_400
        var parts = unsafe tm()
        unsafe (parts.tm_year, parts.tm_mon, parts.tm_mday) = (Int32(date.year - 1900), Int32(date.month - 1), Int32(date.day))
        unsafe (parts.tm_hour, parts.tm_min, parts.tm_sec) = (Int32(rest / 3600), Int32(rest / 60 % 60), Int32(rest % 60))
        unsafe parts.tm_isdst = -1
        let utc = Int64(unsafe mktime(&parts))
        (quarter, known) = (wanted, utc == -1 ? 0 : seconds - utc)
        return known
    }
}
