import Telemetry
import TestSupport
import Testing

@testable import Operating

@Suite struct ZoneRulesTests {
    private func hours(_ zone: String, _ moment: String) throws -> Double {
        let rules = try ZoneRules.named(zone)
        return Double(rules.offset(at: try #require(Timestamp(rfc3339: moment)))) / 3600
    }

    @Test func `a zone's clock is what the tz database says, past and to come`() throws {
        #expect(try hours("Europe/Berlin", "2026-01-15T12:00:00Z") == 1)
        #expect(try hours("Europe/Berlin", "2026-07-15T12:00:00Z") == 2)
        // The switch of 29 March 2026 is at 01:00 UTC.
        #expect(try hours("Europe/Berlin", "2026-03-29T00:59:59Z") == 1)
        #expect(try hours("Europe/Berlin", "2026-03-29T01:00:00Z") == 2)
        #expect(try hours("Europe/Berlin", "2026-10-25T00:59:59Z") == 2)
        #expect(try hours("Europe/Berlin", "2026-10-25T01:00:00Z") == 1)
        #expect(try hours("Asia/Kolkata", "2026-07-15T12:00:00Z") == 5.5)
        #expect(try hours("America/New_York", "1975-02-23T12:00:00Z") == -4)
        #expect(try hours("UTC", "2026-07-15T12:00:00Z") == 0)
        // Behind the last transition of the file: the rule of its last line.
        #expect(try hours("Europe/Berlin", "2099-07-15T12:00:00Z") == 2)
        #expect(try hours("Europe/Berlin", "2099-12-15T12:00:00Z") == 1)
        #expect(try hours("Australia/Sydney", "2099-01-15T12:00:00Z") == 11)
        #expect(try hours("Australia/Sydney", "2099-07-15T12:00:00Z") == 10)
        #expect(try hours("America/New_York", "2099-07-15T12:00:00Z") == -4)
    }

    @Test func `the wall clock shows the day and the minute there`() throws {
        let moment = try #require(Timestamp(rfc3339: "2026-12-31T23:30:00Z"))
        let berlin = try ZoneRules.named("Europe/Berlin").wallClock(at: moment)
        #expect(berlin.date == CivilDate(year: 2027, month: 1, day: 1))
        #expect(berlin.minute == 30)
        let york = try ZoneRules.named("America/New_York").wallClock(at: moment)
        #expect(york.date == CivilDate(year: 2026, month: 12, day: 31))
        #expect(york.minute == 18 * 60 + 30)
        let before = ZoneRules.utc.wallClock(at: Timestamp(nanoseconds: -1))
        #expect(before.date == CivilDate(year: 1969, month: 12, day: 31))
        #expect(before.minute == 23 * 60 + 59)
    }

    @Test func `names that lead out of the folder, or to nothing, are refused`() {
        for name in ["", "../../etc/passwd", "/etc/localtime", "Europe/Nowhere", "Europe", "Berlin; rm"] {
            #expect(throws: ZoneRules.Unknown.self) { try ZoneRules.named(name) }
        }
    }

    @Test(arguments: [
        ("EST5", -5.0, -5.0), ("<+0330>-3:30", 3.5, 3.5), ("CET-1CEST,M3.5.0,M10.5.0/3", 1, 2), ("NZST-12NZDT,M9.5.0,M4.1.0/3", 13, 12),
        ("IST-2IDT,M3.4.4/26,M10.5.0", 2, 3), ("AAA-1BBB,J60/0,J300/0", 1, 2), ("AAA-1BBB-3,59,299", 1, 3),
    ])
    func `POSIX's rules`(text: String, january: Double, july: Double) throws {
        let rule = try #require(ZoneRule(text))
        let (winter, summer) = (try #require(Timestamp(rfc3339: "2040-01-15T12:00:00Z")), try #require(Timestamp(rfc3339: "2040-07-15T12:00:00Z")))
        #expect(Double(rule.offset(at: winter.nanoseconds / 1_000_000_000).seconds) / 3600 == january)
        #expect(Double(rule.offset(at: summer.nanoseconds / 1_000_000_000).seconds) / 3600 == july)
    }

    @Test(arguments: ["", "A", "CET", "CET-1CEST", "CET-1CEST,M13.1.0,M10.5.0", "CET-1CEST,M3.5.0", "CET-1CEST,M3.5.0,M10.5.0x", "CET-999"])
    func `what is no rule is refused`(text: String) {
        #expect(ZoneRule(text) == nil)
    }

    @Test func `a file that is cut anywhere is refused or read, and never traps`() throws {
        var header = Array("TZif".utf8) + [UInt8(ascii: "1")] + [UInt8](repeating: 0, count: 15)
        for count in [0, 0, 0, 1, 1, 4] as [UInt8] { header += [0, 0, 0, count] }
        let file = header + [0, 0, 0, 100, 0, 0, 0, 0x0E, 0x10, 0, 0] + Array("CET\0".utf8)
        let whole = try #require(ZoneRules(name: "x", file: file))
        #expect(whole.offset(at: Timestamp(nanoseconds: 200_000_000_000)) == 3600)
        for length in 0..<file.count { #expect(ZoneRules(name: "x", file: Array(file[..<length])) == nil) }
        var hostile = file
        for index in hostile.indices {
            hostile[index] = 0xFF
            _ = ZoneRules(name: "x", file: hostile)?.offset(at: Timestamp(nanoseconds: 5))
            hostile[index] = file[index]
        }
    }
}
