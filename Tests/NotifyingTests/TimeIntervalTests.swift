import Configuring
import Operating
import Telemetry
import Testing

@testable import Notifying

@Suite struct TimeIntervalTests {
    private func read(_ yaml: String) throws -> (intervals: [String: [TimeInterval]], problems: [String]) {
        let problems = ConfigProblems()
        let root = ConfigReader(try YAML.parse(yaml), file: "a.yaml", problems: problems)
        let intervals = TimeInterval.readAll(root)
        root.finish()
        return (intervals, problems.all.map(\.description))
    }

    /// One interval under the name `x`, and the moments of a list at which it holds.
    private func holding(_ interval: String, at moments: [String]) throws -> [String] {
        let (intervals, problems) = try read("time_intervals: [{name: x, time_intervals: [\(interval)]}]")
        #expect(problems == [])
        let own = try #require(intervals["x"])
        return try moments.filter { moment in
            let timestamp = try #require(Timestamp(rfc3339: moment))
            return own.contains { $0.contains(timestamp) }
        }
    }

    @Test func `times of the day begin with their start and end before their end, by UTC`() throws {
        let times = "{times: [{start_time: 08:00, end_time: 17:30}, {start_time: '23:00', end_time: '24:00'}]}"
        let moments = [
            "2026-11-02T07:59:59.999Z", "2026-11-02T08:00:00Z", "2026-11-02T17:29:59Z", "2026-11-02T17:30:00Z", "2026-11-02T23:00:00Z",
            "2026-11-02T23:59:59Z", "2026-11-03T00:00:00Z",
        ]
        #expect(try holding(times, at: moments) == ["2026-11-02T08:00:00Z", "2026-11-02T17:29:59Z", "2026-11-02T23:00:00Z", "2026-11-02T23:59:59Z"])
    }

    @Test func `weekdays, in whatever case, and ranges of them`() throws {
        let week = (1...7).map { "2026-11-0\($0)T12:00:00Z" }
        // 1 November 2026 is a Sunday.
        #expect(try holding("{weekdays: ['Monday:friday', SUNDAY]}", at: week) == week.filter { $0 != "2026-11-07T12:00:00Z" })
        #expect(try holding("{weekdays: [saturday]}", at: week) == ["2026-11-07T12:00:00Z"])
    }

    @Test func `days of the month, from its end too, in months of every length`() throws {
        let ends = ["2026-02-26", "2026-02-27", "2026-02-28", "2028-02-29", "2026-04-30", "2026-12-29", "2026-12-31"].map { $0 + "T12:00:00Z" }
        #expect(try holding("{days_of_month: ['-1']}", at: ends) == [ends[2], ends[3], ends[4], ends[6]])
        #expect(try holding("{days_of_month: ['-3:-2']}", at: ends) == [ends[0], ends[1], ends[5]])
        // What begins behind the month's end holds on no day of it, what reaches over it ends with it.
        #expect(try holding("{days_of_month: [29:31]}", at: ends) == [ends[3], ends[4], ends[5], ends[6]])
        #expect(try holding("{days_of_month: [31]}", at: ends) == [ends[6]])
        #expect(try holding("{days_of_month: ['27:-2']}", at: ends) == [ends[1], ends[5]])
    }

    @Test func `months by name and number, and years`() throws {
        let moments = ["2025-12-01", "2026-01-01", "2026-03-01", "2026-04-01", "2028-02-01"].map { $0 + "T00:00:00Z" }
        #expect(try holding("{months: ['january:march']}", at: moments) == [moments[1], moments[2], moments[4]])
        #expect(try holding("{months: ['1:3', December], years: ['2025:2026']}", at: moments) == [moments[0], moments[1], moments[2]])
        #expect(try holding("{years: [2028]}", at: moments) == [moments[4]])
    }

    @Test func `all fields must hold, and of several intervals one`() throws {
        let moments = ["2026-12-24T10:00:00Z", "2026-12-24T20:00:00Z", "2026-12-31T20:00:00Z"]
        let fields = "{months: [december], days_of_month: ['24:26'], times: [{start_time: 18:00, end_time: 24:00}]}"
        #expect(try holding(fields, at: moments) == [moments[1]])
        #expect(try holding(fields + ", {days_of_month: ['-1']}", at: moments) == [moments[1], moments[2]])
        #expect(try holding("{}", at: moments) == moments)
    }

    @Test func `a location has its own clock, and its day is not ours`() throws {
        let interval = "{times: [{start_time: 09:00, end_time: 17:00}], weekdays: ['monday:friday'], location: Europe/Berlin}"
        // In winter Berlin is an hour ahead, in summer two.
        let moments = ["2026-01-05T07:59:00Z", "2026-01-05T08:00:00Z", "2026-07-06T06:59:00Z", "2026-07-06T07:00:00Z", "2026-07-06T15:00:00Z"]
        #expect(try holding(interval, at: moments) == [moments[1], moments[3]])
        let sydney = ["2026-11-01T12:59:00Z", "2026-11-01T13:00:00Z"]
        #expect(try holding("{weekdays: [monday], location: Australia/Sydney}", at: sydney) == [sydney[1]])
    }

    @Test func `what cannot be is refused with its line and what to write`() throws {
        let (_, problems) = try read(
            """
            time_intervals:
              - name: a
                time_intervals:
                  - times: [{start_time: 17:00, end_time: 09:00}, {start_time: 9:00, end_time: 24:01}, {start_time: 08:00}]
                    weekdays: [someday, 'friday:monday']
                    days_of_month: ['0', 32, '5:1', '-1:5']
                    months: [13, 'march:january']
                    years: ['x']
                    location: Mars/Olympus
                    hours: []
            mute_time_intervals:
              - name: a
            """
        )
        for (place, words) in [
            ("4: time_intervals[0].time_intervals[0].times[0].end_time", "not after the start"),
            ("4: time_intervals[0].time_intervals[0].times[1].start_time", "9:00"),
            ("4: time_intervals[0].time_intervals[0].times[1].end_time", "24:01"),
            ("4: time_intervals[0].time_intervals[0].times[2].end_time", "missing"),
            ("5: time_intervals[0].time_intervals[0].weekdays", "someday"), ("5: time_intervals[0].time_intervals[0].weekdays", "friday:monday"),
            ("6: time_intervals[0].time_intervals[0].days_of_month", "\"0\""), ("6: time_intervals[0].time_intervals[0].days_of_month", "\"32\""),
            ("6: time_intervals[0].time_intervals[0].days_of_month", "5:1"), ("6: time_intervals[0].time_intervals[0].days_of_month", "-1:5"),
            ("7: time_intervals[0].time_intervals[0].months", "13"), ("7: time_intervals[0].time_intervals[0].months", "march:january"),
            ("8: time_intervals[0].time_intervals[0].years", "\"x\""), ("9: time_intervals[0].time_intervals[0].location", "Mars/Olympus"),
            ("10: time_intervals[0].time_intervals[0].hours", "no such key"), ("12: mute_time_intervals[0].name", "another time interval"),
        ] {
            #expect(problems.contains { $0.hasPrefix("a.yaml:\(place): ") && $0.contains(words) }, "\(place)\n\(problems.joined(separator: "\n"))")
        }
        #expect(problems.count == 16)
    }
}
