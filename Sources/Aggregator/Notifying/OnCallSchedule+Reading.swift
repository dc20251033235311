import Configuring
import Operating
import Telemetry

/// `oncall: [{name, time_zone, rotation, handover, start, people, overrides}]`.
extension OnCallSchedule {
    /// What stands before a rota's name where a receiver's name would stand.
    static let prefix = "oncall:"
    private static let weekdays = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"]

    /// - Parameter receivers: the names that people may have.
    static func readAll(_ root: ConfigReader, receivers: [String]) -> [OnCallSchedule] {
        var names: Set<String> = []
        return root.sections("oncall").compactMap { reader in
            let name = reader.requiredString("name")
            if !name.isEmpty, !names.insert(name).inserted {
                reader.report("name", "\"\(name)\" is the name of another rota too", "give each its own")
            }
            let schedule = read(reader, name: name, receivers: receivers)
            reader.finish()
            return schedule
        }
    }

    private static func read(_ reader: ConfigReader, name: String, receivers: [String]) -> OnCallSchedule? {
        let zone = readZone(reader)
        let days = reader.choice("rotation", [("weekly", Int64(7)), ("daily", 1)], default: 7)
        let expected = days == 7 ? "a day and a time such as Monday 09:00" : "a time such as 09:00"
        let handover = reader.parsed("handover", expecting: expected) { parseHandover($0, needsWeekday: days == 7) } ?? (weekday: 1, minute: 9 * 60)
        if !reader.has("start") { reader.report("start", "missing", "write the day on which the first person begins: start: 2026-01-05") }
        var first = reader.parsed("start", expecting: "a day such as 2026-01-05") { parseDay($0) } ?? CivilDate(year: 2026, month: 1, day: 5)
        if let weekday = handover.weekday {
            first = CivilDate(daysSinceEpoch: first.daysSinceEpoch + (weekday - first.weekday + 7) % 7)
        }
        if !reader.has("people") { reader.report("people", "missing", "write the names of receivers, in their order") }
        let people = (reader.strings("people") ?? []).filter { isKnown($0, receivers, reader, "people") }
        let overrides = reader.sections("overrides").compactMap { readOverride($0, zone: zone, receivers: receivers) }
        guard !people.isEmpty else { return nil }
        return OnCallSchedule(
            name: name,
            zone: zone,
            days: days,
            firstDay: first,
            handover: handover.minute,
            people: people,
            overrides: overrides
        )
    }

    private static func readZone(_ reader: ConfigReader) -> ZoneRules {
        guard let name = reader.string("time_zone") else { return .utc }
        do throws(ZoneRules.Unknown) { return try ZoneRules.named(name) } catch {
            reader.report("time_zone", error.description, "")
            return .utc
        }
    }

    private static func readOverride(_ reader: ConfigReader, zone: ZoneRules, receivers: [String]) -> Override? {
        let person = reader.requiredString("person")
        let expected = "a time such as 2026-12-24 18:00 (by the rota's clock) or 2026-12-24T17:00:00Z"
        for key in ["start", "end"] where !reader.has(key) { reader.report(key, "missing", "write \(expected)") }
        let start = reader.parsed("start", expecting: expected) { parseMoment($0, zone) }
        let end = reader.parsed("end", expecting: expected) { parseMoment($0, zone) }
        reader.finish()
        guard !person.isEmpty, isKnown(person, receivers, reader, "person"), let start, let end else { return nil }
        guard start < end else {
            reader.report("end", "it is not after start", "write a later time")
            return nil
        }
        return Override(start: start, end: end, person: person)
    }

    private static func isKnown(_ person: String, _ receivers: [String], _ reader: ConfigReader, _ key: String) -> Bool {
        guard !receivers.contains(person) else { return true }
        let known = receivers.filter { !$0.isEmpty }.joined(separator: ", ")
        reader.report(key, "there is no receiver \"\(person)\"", known.isEmpty ? "define it under receivers" : "write one of \(known)")
        return false
    }

    // MARK: Values

    /// `Monday 09:00`; without a weekday for a daily rota.
    private static func parseHandover(_ text: String, needsWeekday: Bool) -> (weekday: Int64?, minute: Int)? {
        let words = text.split(separator: " ")
        guard words.count == (needsWeekday ? 2 : 1), let minute = words.last.flatMap({ parseMinute(String($0)) }) else { return nil }
        guard needsWeekday else { return (nil, minute) }
        guard let weekday = weekdays.firstIndex(of: words[0].lowercased()) else { return nil }
        return (Int64(weekday), minute)
    }

    /// `09:00`, `24:00` not included.
    private static func parseMinute(_ text: String) -> Int? {
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count == 2, parts.allSatisfy({ $0.utf8.count == 2 }), let hour = Int(parts[0]), let minute = Int(parts[1]),
            (0..<24).contains(hour), (0..<60).contains(minute)
        else { return nil }
        return hour * 60 + minute
    }

    /// `2026-01-05`.
    private static func parseDay(_ text: String) -> CivilDate? {
        Timestamp(rfc3339: text + "T00:00:00Z").map { CivilDate(daysSinceEpoch: $0.nanoseconds / 86_400_000_000_000) }
    }

    /// RFC 3339, or a day with or without a time by the rota's clock.
    private static func parseMoment(_ text: String, _ zone: ZoneRules) -> Timestamp? {
        if let moment = Timestamp(rfc3339: text) { return moment }
        let parts = text.split(whereSeparator: { $0 == " " || $0 == "T" })
        guard let first = parts.first, parts.count <= 2, let day = parseDay(String(first)) else { return nil }
        guard parts.count == 2 else { return zone.moment(day: day.daysSinceEpoch, minute: 0) }
        return parseMinute(String(parts[1])).map { zone.moment(day: day.daysSinceEpoch, minute: $0) }
    }
}
