import Configuring
import Operating

extension TimeInterval {
    /// `time_intervals`, and `mute_time_intervals` as it was called before, by name.
    static func readAll(_ root: ConfigReader) -> [String: [TimeInterval]] {
        var intervals: [String: [TimeInterval]] = [:]
        for key in ["time_intervals", "mute_time_intervals"] {
            for reader in root.sections(key) {
                let name = reader.requiredString("name")
                let own = reader.sections("time_intervals").map { TimeInterval(reading: $0) }
                if !name.isEmpty, intervals.updateValue(own, forKey: name) != nil {
                    reader.report("name", "\"\(name)\" is the name of another time interval too", "give each its own")
                }
                reader.finish()
            }
        }
        return intervals
    }

    private init(reading reader: ConfigReader) {
        self.init()
        if reader.has("times") { times = reader.sections("times").compactMap { TimeInterval.times($0) } }
        weekdays = TimeInterval.ranges(reader, "weekdays", expecting: "a day of the week, or a range such as monday:friday") {
            TimeInterval.dayNames.firstIndex(of: $0)
        }
        months = TimeInterval.ranges(reader, "months", expecting: "a month, or a range such as january:march or 1:3") { word in
            TimeInterval.monthNames.firstIndex(of: word).map { $0 + 1 } ?? Int(word).flatMap { (1...12).contains($0) ? $0 : nil }
        }
        years = TimeInterval.ranges(reader, "years", expecting: "a year, or a range such as 2026:2028") { word in
            Int(word).flatMap { (1...9999).contains($0) ? $0 : nil }
        }
        daysOfMonth = reader.located("days_of_month")?.compactMap { item in
            if let range = TimeInterval.days(item.text) { return range }
            TimeInterval.report(
                reader,
                "days_of_month",
                item,
                "a day from 1 to 31 or, from the month's end, -1 to -31, or a range such as 1:5 or -3:-1"
            )
            return nil
        }
        if let name = reader.string("location") {
            do throws(ZoneRules.Unknown) { location = try ZoneRules.named(name) } catch { reader.report("location", error.description, "") }
        }
        reader.finish()
    }

    static let dayNames = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]
    private static let monthNames = [
        "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december",
    ]

    private static func times(_ reader: ConfigReader) -> Range<Int>? {
        var minutes: [Int] = []
        for key in ["start_time", "end_time"] {
            if !reader.has(key) { reader.report(key, "missing", "write \(key): 08:00") }
            if let minute = reader.parsed(key, expecting: "a time from 00:00 to 24:00", minute(of:)) { minutes.append(minute) }
        }
        reader.finish()
        guard minutes.count == 2 else { return nil }
        guard minutes[0] < minutes[1] else {
            reader.report("end_time", "the end is not after the start", "write two ranges for a time over midnight: until 24:00, and from 00:00")
            return nil
        }
        return minutes[0]..<minutes[1]
    }

    private static func minute(of text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 && $0.utf8.allSatisfy { (48...57).contains($0) } }),
            let hour = Int(parts[0]), let minute = Int(parts[1]), minute < 60, hour < 24 || hour == 24 && minute == 0
        else { return nil }
        return hour * 60 + minute
    }

    /// Words and ranges of words with a colon, in whatever case.
    private static func ranges(
        _ reader: ConfigReader,
        _ key: String,
        expecting: String,
        _ number: (String) -> Int?
    ) -> [ClosedRange<Int>]? {
        reader.located(key)?.compactMap { item in
            let parts = item.text.lowercased().split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            let ends = parts.compactMap(number)
            if ends.count == parts.count, ends.count <= 2, let first = ends.first, let last = ends.last, first <= last { return first...last }
            report(reader, key, item, ends.count == 2 && ends[0] > ends[1] ? "a range whose end is not before its start" : expecting)
            return nil
        }
    }

    private static func days(_ text: String) -> DayRange? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        let ends = parts.compactMap { Int($0) }.filter { (1...31).contains(abs($0)) }
        guard ends.count == parts.count, ends.count <= 2, let first = ends.first, let last = ends.last else { return nil }
        // Counted from the end, the last day must be too: what lies between depends on the month otherwise.
        if first < 0, last > 0 { return nil }
        if (first > 0) == (last > 0), first > last { return nil }
        return DayRange(first, last)
    }

    private static func report(_ reader: ConfigReader, _ key: String, _ item: (text: String, line: Int), _ expecting: String) {
        let node = YAMLNode(.scalar(item.text, isPlain: false), line: item.line, column: 1)
        reader.report(at: node, key, "\"\(item.text.prefix(60))\" is not \(expecting)", "write \(expecting)")
    }
}
