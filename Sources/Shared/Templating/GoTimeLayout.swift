import Operating
import Telemetry

/// Go's layouts, which show how the second of January 2006, 15:04:05 in a zone seven hours west, would be written. Source: Go's time/format.go.
enum GoTimeLayout {
    static let months = [
        "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November", "December",
    ]
    static let weekdays = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"]

    /// What a clock shows.
    struct Clock {
        let date: CivilDate
        let hour, minute, second, nanoseconds: Int
        let offset: ZoneRules.Offset

        init(seconds: Int64, nanoseconds: Int, offset: ZoneRules.Offset) {
            let local = seconds + offset.seconds
            let days = local >= 0 ? local / 86_400 : (local - 86_399) / 86_400
            let rest = Int(local - days * 86_400)
            (date, hour, minute, second) = (CivilDate(daysSinceEpoch: days), rest / 3600, rest / 60 % 60, rest % 60)
            (self.nanoseconds, self.offset) = (nanoseconds, offset)
        }

        var dayOfYear: Int { Int(date.daysSinceEpoch - CivilDate(year: date.year, month: 1, day: 1).daysSinceEpoch) + 1 }
    }

    /// Longer ones first: the first that fits is meant.
    private static let pieces: [(text: String, write: @Sendable (Clock) -> String)] = [
        ("January", { months[Int($0.date.month) - 1] }),
        ("Jan", { String(months[Int($0.date.month) - 1].prefix(3)) }),
        ("Monday", { weekdays[Int($0.date.weekday)] }),
        ("Mon", { String(weekdays[Int($0.date.weekday)].prefix(3)) }),
        ("MST", { zoneName($0.offset) }),
        ("2006", { padded(Int($0.date.year), 4) }),
        ("002", { padded($0.dayOfYear, 3) }),
        ("__2", { padded($0.dayOfYear, 3, by: " ") }),
        ("_2006", { "_" + padded(Int($0.date.year), 4) }),
        ("01", { padded(Int($0.date.month), 2) }),
        ("02", { padded(Int($0.date.day), 2) }),
        ("03", { padded(($0.hour + 11) % 12 + 1, 2) }),
        ("04", { padded($0.minute, 2) }),
        ("05", { padded($0.second, 2) }),
        ("06", { padded(Int($0.date.year % 100), 2) }),
        ("15", { padded($0.hour, 2) }),
        ("_2", { padded(Int($0.date.day), 2, by: " ") }),
        ("1", { "\($0.date.month)" }),
        ("2", { "\($0.date.day)" }),
        ("3", { "\(($0.hour + 11) % 12 + 1)" }),
        ("4", { "\($0.minute)" }),
        ("5", { "\($0.second)" }),
        ("PM", { $0.hour >= 12 ? "PM" : "AM" }),
        ("pm", { $0.hour >= 12 ? "pm" : "am" }),
        ("Z07:00:00", { zone($0.offset, ":", hasSeconds: true, hasZ: true) }),
        ("Z070000", { zone($0.offset, "", hasSeconds: true, hasZ: true) }),
        ("Z07:00", { zone($0.offset, ":", hasZ: true) }),
        ("Z0700", { zone($0.offset, "", hasZ: true) }),
        ("Z07", { zone($0.offset, nil, hasZ: true) }),
        ("-07:00:00", { zone($0.offset, ":", hasSeconds: true) }),
        ("-070000", { zone($0.offset, "", hasSeconds: true) }),
        ("-07:00", { zone($0.offset, ":") }),
        ("-0700", { zone($0.offset, "") }),
        ("-07", { zone($0.offset, nil) }),
    ]

    static func format(_ time: GoTime, _ layout: String) -> String {
        let clock = time.clock
        let bytes = Array(layout.utf8)
        var (output, place) = ([UInt8](), 0)
        while place < bytes.count {
            if let (length, text) = fraction(bytes, at: place, clock) {
                output += text.utf8
                place += length
            } else if let piece = pieces.first(where: { stands($0.text, in: bytes, at: place) }) {
                output += piece.write(clock).utf8
                place += piece.text.utf8.count
            } else {
                output.append(bytes[place])
                place += 1
            }
        }
        return String(decoding: output, as: UTF8.self)
    }

    private static func stands(_ piece: String, in layout: [UInt8], at place: Int) -> Bool {
        let end = place + piece.utf8.count
        guard end <= layout.count, layout[place..<end].elementsEqual(piece.utf8) else { return false }
        // "Janus" is no month.
        if piece == "Jan" || piece == "Mon" { return end == layout.count || !(UInt8(ascii: "a")...UInt8(ascii: "z") ~= layout[end]) }
        return true
    }

    /// `.000`, `,000`: as many digits; `.999`: as many as there are, without zeros at the end.
    private static func fraction(_ layout: [UInt8], at place: Int, _ clock: Clock) -> (length: Int, text: String)? {
        guard layout[place] == UInt8(ascii: ".") || layout[place] == UInt8(ascii: ","), place + 1 < layout.count else { return nil }
        let digit = layout[place + 1]
        guard digit == UInt8(ascii: "0") || digit == UInt8(ascii: "9") else { return nil }
        var end = place + 1
        while end < layout.count, layout[end] == digit { end += 1 }
        if end < layout.count, UInt8(ascii: "0")...UInt8(ascii: "9") ~= layout[end] { return nil }
        var digits = String(padded(clock.nanoseconds, 9).prefix(end - place - 1))
        digits += String(repeating: "0", count: max(0, end - place - 1 - digits.count))
        if digit == UInt8(ascii: "9") { while digits.last == "0" { digits.removeLast() } }
        let point = String(UnicodeScalar(layout[place]))
        return (end - place, digits.isEmpty ? "" : point + digits)
    }

    private static func padded(_ value: Int, _ width: Int, by filler: String = "0") -> String {
        let digits = "\(value.magnitude)"
        return (value < 0 ? "-" : "") + String(repeating: filler, count: max(0, width - digits.count)) + digits
    }

    private static func zone(_ offset: ZoneRules.Offset, _ between: String?, hasSeconds: Bool = false, hasZ: Bool = false) -> String {
        if hasZ, offset.seconds == 0 { return "Z" }
        let size = Int(offset.seconds.magnitude)
        var text = (offset.seconds < 0 ? "-" : "+") + padded(size / 3600, 2)
        guard let between else { return text }
        text += between + padded(size / 60 % 60, 2)
        return hasSeconds ? text + between + padded(size % 60, 2) : text
    }

    /// Zones without a name are called by their distance.
    private static func zoneName(_ offset: ZoneRules.Offset) -> String {
        guard offset.name.isEmpty else { return offset.name }
        return zone(offset, offset.seconds % 3600 == 0 ? nil : "")
    }
}
