import Telemetry
import Testing

@Suite struct TimestampTests {
    @Test(
        arguments: [
            ("1970-01-01T00:00:00Z", 0),
            ("2026-11-01T00:00:00Z", 1_793_491_200_000_000_000),
            ("2026-11-01T00:00:00.000000001Z", 1_793_491_200_000_000_001),
            ("2026-11-01T02:00:00+02:00", 1_793_491_200_000_000_000),
            ("2026-10-31t19:30:00-04:30", 1_793_491_200_000_000_000),
            ("2026-11-01 00:00:00.5Z", 1_793_491_200_500_000_000),
            ("1969-12-31T23:59:59.999Z", -1_000_000),
            ("2024-02-29T12:00:00Z", 1_709_208_000_000_000_000),
            ("2016-12-31T23:59:60Z", 1_483_228_800_000_000_000),
            ("2026-11-01T00:00:00.1234567899Z", 1_793_491_200_123_456_789),
        ] as [(String, Int64)]
    )
    func `RFC 3339 is read to the nanosecond`(text: String, nanoseconds: Int64) {
        #expect(Timestamp(rfc3339: text)?.nanoseconds == nanoseconds)
    }

    @Test(arguments: [
        "", "2026", "2026-11-01", "2026-11-01T00:00:00", "2026-13-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-01T24:00:00Z",
        "2026-11-01T00:60:00Z", "2026-11-01T00:00:61Z", "2026-11-01T00:00:00.Z", "2026-11-01T00:00:00+2:00", "40000-01-01T00:00:00Z",
        "+02026-11-01T00:00:00Z", "2026-11-01T00:00:00Zx", "2300-01-01T00:00:00Z", "1600-01-01T00:00:00Z", "２026-11-01T00:00:00Z",
    ])
    func `what is not a time is refused`(text: String) {
        #expect(Timestamp(rfc3339: text) == nil)
    }

    @Test func `each time that is written reads back as itself`() {
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<2000 {
            let time = Timestamp(nanoseconds: Int64.random(in: -9_000_000_000_000_000_000...9_000_000_000_000_000_000, using: &generator))
            #expect(Timestamp(rfc3339: time.rfc3339) == time)
        }
        #expect(Timestamp(nanoseconds: 1_793_491_200_120_000_000).rfc3339 == "2026-11-01T00:00:00.120Z")
    }

    @Test func `milliseconds round toward the past on both sides of the epoch`() {
        #expect(Timestamp(nanoseconds: 1_999_999).milliseconds == 1)
        #expect(Timestamp(nanoseconds: -1).milliseconds == -1)
        #expect(Timestamp(nanoseconds: -1_000_000).milliseconds == -1)
        #expect(Timestamp.distantPast.milliseconds == -9_223_372_036_855)
    }

    @Test func `seconds outside the range are refused`() {
        #expect(Timestamp(seconds: .nan) == nil)
        #expect(Timestamp(seconds: 1e12) == nil)
        #expect(Timestamp(seconds: 1.5)?.nanoseconds == 1_500_000_000)
    }

    @Test func `weekdays and leap years follow the calendar`() {
        #expect(CivilDate(year: 2026, month: 11, day: 21).weekday == 6)
        #expect(CivilDate(year: 1969, month: 12, day: 31).weekday == 3)
        #expect(CivilDate.days(inMonth: 2, year: 2000) == 29)
        #expect(CivilDate.days(inMonth: 2, year: 1900) == 28)
        for days: Int64 in stride(from: -100_000, through: 100_000, by: 373) { #expect(CivilDate(daysSinceEpoch: days).daysSinceEpoch == days) }
    }
}
