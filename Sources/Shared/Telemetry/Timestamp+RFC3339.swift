extension Timestamp {
    /// RFC 3339 in UTC with as many fraction digits as are needed in steps of three: `2026-11-01T00:00:00Z`, `…00.125Z`, `…00.000000001Z`.
    package var rfc3339: String {
        var days = nanoseconds / 86_400_000_000_000
        var rest = nanoseconds % 86_400_000_000_000
        if rest < 0 { (days, rest) = (days - 1, rest + 86_400_000_000_000) }
        let date = CivilDate(daysSinceEpoch: days)
        let second = rest / 1_000_000_000
        var fraction = rest % 1_000_000_000
        var text = [UInt8]()
        text.reserveCapacity(30)
        text.appendDecimal(date.year, width: 4)
        text.append(UInt8(ascii: "-"))
        text.appendDecimal(date.month, width: 2)
        text.append(UInt8(ascii: "-"))
        text.appendDecimal(date.day, width: 2)
        text.append(UInt8(ascii: "T"))
        text.appendDecimal(second / 3600, width: 2)
        text.append(UInt8(ascii: ":"))
        text.appendDecimal(second / 60 % 60, width: 2)
        text.append(UInt8(ascii: ":"))
        text.appendDecimal(second % 60, width: 2)
        if fraction != 0 {
            var width = 9
            while fraction % 1000 == 0 { (fraction, width) = (fraction / 1000, width - 3) }
            text.append(UInt8(ascii: "."))
            text.appendDecimal(fraction, width: width)
        }
        text.append(UInt8(ascii: "Z"))
        return String(decoding: text, as: UTF8.self)
    }

    package var description: String { rfc3339 }

    /// Reads RFC 3339 (`date-time` of §5.6): any number of fraction digits (those past nanoseconds are cut), `Z` or a numeric offset,
    /// `T` or a blank between date and time. Second 60 is read as the next minute's first. Nil for anything else, for dates that do
    /// not exist, and for years outside 1678…2261.
    package init?(rfc3339 text: some StringProtocol) {
        var copy = String(text)
        let parsed = copy.withUTF8 { buffer in unsafe Timestamp(rfc3339: buffer.span) }
        guard let parsed else { return nil }
        self = parsed
    }

    /// The same from bytes, without a String.
    package init?(rfc3339 bytes: Span<UInt8>) {
        var cursor = DigitCursor()
        guard let year = cursor.digits(4, in: bytes), cursor.skip(UInt8(ascii: "-"), in: bytes),
            let month = cursor.digits(2, in: bytes), cursor.skip(UInt8(ascii: "-"), in: bytes),
            let day = cursor.digits(2, in: bytes),
            cursor.skip(UInt8(ascii: "T"), in: bytes) || cursor.skip(UInt8(ascii: "t"), in: bytes) || cursor.skip(UInt8(ascii: " "), in: bytes),
            let hour = cursor.digits(2, in: bytes), cursor.skip(UInt8(ascii: ":"), in: bytes),
            let minute = cursor.digits(2, in: bytes), cursor.skip(UInt8(ascii: ":"), in: bytes),
            let second = cursor.digits(2, in: bytes)
        else { return nil }
        guard year >= 1678, year <= 2261, month >= 1, month <= 12, hour < 24, minute < 60, second <= 60 else { return nil }
        guard day >= 1, day <= CivilDate.days(inMonth: month, year: year) else { return nil }
        var fraction: Int64 = 0
        if cursor.skip(UInt8(ascii: "."), in: bytes) {
            var (seen, scale): (Int, Int64) = (0, 100_000_000)
            while let digit = cursor.digits(1, in: bytes) {
                fraction += digit * scale
                (seen, scale) = (seen + 1, scale / 10)
            }
            guard seen > 0 else { return nil }
        }
        var offset: Int64 = 0
        if !(cursor.skip(UInt8(ascii: "Z"), in: bytes) || cursor.skip(UInt8(ascii: "z"), in: bytes)) {
            let isEast = cursor.skip(UInt8(ascii: "+"), in: bytes)
            guard isEast || cursor.skip(UInt8(ascii: "-"), in: bytes) else { return nil }
            guard let hours = cursor.digits(2, in: bytes), cursor.skip(UInt8(ascii: ":"), in: bytes), let minutes = cursor.digits(2, in: bytes),
                hours < 24, minutes < 60
            else { return nil }
            offset = (isEast ? 1 : -1) * (hours * 3600 + minutes * 60)
        }
        guard cursor.offset == bytes.count else { return nil }
        let days = CivilDate(year: year, month: month, day: day).daysSinceEpoch
        self.init(nanoseconds: (days * 86_400 + hour * 3600 + minute * 60 + second - offset) * 1_000_000_000 + fraction)
    }
}

/// A day of the proleptic Gregorian calendar. The two conversions are Howard Hinnant's `days_from_civil` and `civil_from_days`.
package struct CivilDate: Sendable, Equatable {
    package let year: Int64
    package let month: Int64
    package let day: Int64

    package init(year: Int64, month: Int64, day: Int64) { (self.year, self.month, self.day) = (year, month, day) }

    package init(daysSinceEpoch: Int64) {
        let z = daysSinceEpoch + 719_468
        let era = (z >= 0 ? z : z - 146_096) / 146_097
        let dayOfEra = z - era * 146_097
        let yearOfEra = (dayOfEra - dayOfEra / 1460 + dayOfEra / 36_524 - dayOfEra / 146_096) / 365
        let dayOfYear = dayOfEra - (365 * yearOfEra + yearOfEra / 4 - yearOfEra / 100)
        let shifted = (5 * dayOfYear + 2) / 153
        day = dayOfYear - (153 * shifted + 2) / 5 + 1
        month = shifted < 10 ? shifted + 3 : shifted - 9
        year = yearOfEra + era * 400 + (month <= 2 ? 1 : 0)
    }

    package var daysSinceEpoch: Int64 {
        let y = month <= 2 ? year - 1 : year
        let era = (y >= 0 ? y : y - 399) / 400
        let yearOfEra = y - era * 400
        let dayOfYear = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1
        return era * 146_097 + yearOfEra * 365 + yearOfEra / 4 - yearOfEra / 100 + dayOfYear - 719_468
    }

    /// 0 is Sunday. 1970-01-01 was a Thursday.
    package var weekday: Int64 { ((daysSinceEpoch + 4) % 7 + 7) % 7 }

    package static func days(inMonth month: Int64, year: Int64) -> Int64 {
        switch month {
        case 2: (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 ? 29 : 28
        case 4, 6, 9, 11: 30
        default: 31
        }
    }
}

/// Reads runs of digits of a fixed width; keeps only an offset, so that a span can be passed along.
private struct DigitCursor {
    private(set) var offset = 0

    mutating func digits(_ width: Int, in bytes: Span<UInt8>) -> Int64? {
        guard offset + width <= bytes.count else { return nil }
        var value: Int64 = 0
        for index in offset..<offset + width {
            let digit = bytes[index] &- UInt8(ascii: "0")
            guard digit < 10 else { return nil }
            value = value * 10 + Int64(digit)
        }
        offset += width
        return value
    }

    mutating func skip(_ byte: UInt8, in bytes: Span<UInt8>) -> Bool {
        guard offset < bytes.count, bytes[offset] == byte else { return false }
        offset += 1
        return true
    }
}

extension [UInt8] {
    /// Appends a number in decimal, filled with zeros on the left to `width`.
    fileprivate mutating func appendDecimal(_ value: Int64, width: Int) {
        var divisor: Int64 = 1
        for _ in 1..<width { divisor *= 10 }
        while divisor > 0 {
            append(UInt8(ascii: "0") + UInt8(value / divisor % 10))
            divisor /= 10
        }
    }
}
