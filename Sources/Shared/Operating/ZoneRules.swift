import Glibc
package import Telemetry

/// A place's clock: how far it is from UTC at a moment. Read from the system's time zone data (RFC 8536, `/usr/share/zoneinfo`) without
/// touching the process's own zone.
package struct ZoneRules: Sendable, Hashable {
    /// Why there is no such clock.
    package struct Unknown: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// `Europe/Berlin`, `UTC`, `Local`.
    package let name: String
    /// Moments in seconds since the epoch from which an offset holds, ascending.
    private let transitions: [Int64]
    /// By transition.
    private let offsets: [Offset]
    /// Before the first transition.
    private let first: Offset
    /// Behind the last transition; nil: the last offset goes on.
    private let rule: ZoneRule?

    /// How far a clock is from UTC, and what people call it then: `CET`, `CEST`, `+03`.
    package struct Offset: Sendable, Hashable {
        /// East of UTC.
        package let seconds: Int64
        package let name: String
    }

    package static let utc = ZoneRules(name: "UTC", transitions: [], offsets: [], first: Offset(seconds: 0, name: "UTC"), rule: nil)
    private static let folder = "/usr/share/zoneinfo/"
    /// The largest file of the tz database has 4 kB.
    private static let bytesMax = 256 * 1024

    /// - Parameter name: of the tz database; `Local` is this machine's zone, as in Alertmanager.
    package static func named(_ name: String) throws(Unknown) -> ZoneRules {
        if name == "UTC" || name == "Etc/UTC" { return utc }
        let isName = !name.isEmpty && name.utf8.allSatisfy { isNameByte($0) } && !name.hasPrefix("/")
        guard isName, name.utf8.count < 100 else {
            throw Unknown(description: "\"\(name.prefix(60))\" is not the name of a time zone; write one like Europe/Berlin")
        }
        guard let bytes = read(name == "Local" ? "/etc/localtime" : folder + name) else {
            let hasData = unsafe access(folder, F_OK) == 0
            throw Unknown(
                description: hasData
                    ? "there is no time zone \"\(name)\" in \(folder); write one like Europe/Berlin"
                    : "the time zones are missing: install the package tzdata"
            )
        }
        guard let rules = ZoneRules(name: name, file: bytes) else {
            throw Unknown(description: "the time zone file of \"\(name)\" cannot be read: install the package tzdata anew")
        }
        return rules
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
            UInt8(ascii: "_"), UInt8(ascii: "-"), UInt8(ascii: "+"), UInt8(ascii: "/"):
            true
        default: false
        }
    }

    private init(name: String, transitions: [Int64], offsets: [Offset], first: Offset, rule: ZoneRule?) {
        (self.name, self.transitions, self.offsets, self.first, self.rule) = (name, transitions, offsets, first, rule)
    }

    /// Seconds east of UTC.
    package func offset(at moment: Timestamp) -> Int64 {
        // Rounded toward the past also before 1970.
        let (quotient, remainder) = moment.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        return offset(atSecond: remainder < 0 ? quotient - 1 : quotient).seconds
    }

    /// The same with its name, at any second since the epoch.
    package func offset(atSecond second: Int64) -> Offset {
        guard let last = transitions.last, second < last else { return rule?.offset(at: second) ?? offsets.last ?? first }
        var (low, high) = (0, transitions.count)
        while low < high {
            let middle = (low + high) / 2
            if transitions[middle] <= second { low = middle + 1 } else { high = middle }
        }
        return low == 0 ? first : offsets[low - 1]
    }

    /// The clock on the wall: the day, and the minute of the day.
    package func wallClock(at moment: Timestamp) -> (date: CivilDate, minute: Int) {
        let (quotient, remainder) = moment.nanoseconds.quotientAndRemainder(dividingBy: 1_000_000_000)
        let second = (remainder < 0 ? quotient - 1 : quotient) + offset(at: moment)
        let day = second >= 0 ? second / 86_400 : (second - 86_399) / 86_400
        return (CivilDate(daysSinceEpoch: day), Int((second - day * 86_400) / 60))
    }

    // MARK: The file

    private static func read(_ path: String) -> [UInt8]? {
        let descriptor = unsafe open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return nil }
        defer { close(descriptor) }
        var bytes = [UInt8]()
        var buffer = [UInt8](repeating: 0, count: 16 * 1024)
        while bytes.count <= bytesMax {
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            guard count >= 0 else { return nil }
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
        return nil
    }

    /// RFC 8536 §3: a header and data with times of four bytes, then, from version 2 on, both again with eight bytes, and a line with the rule.
    package init?(name: String, file bytes: [UInt8]) {
        guard let head = Header(bytes, at: 0) else { return nil }
        var start = Header.size
        var (header, width) = (head, 4)
        if head.version >= UInt8(ascii: "2") {
            start += head.length(timeBytes: 4)
            guard let second = Header(bytes, at: start) else { return nil }
            (header, width, start) = (second, 8, start + Header.size)
        }
        guard header.types > 0, start + header.length(timeBytes: width) <= bytes.count else { return nil }
        let indices = start + header.times * width
        let types = indices + header.times
        var transitions: [Int64] = []
        var offsets: [Offset] = []
        let names = types + header.types * 6
        func offset(ofType type: Int) -> Offset? {
            guard type < header.types, Int(bytes[types + type * 6 + 5]) < header.characters else { return nil }
            let name = bytes[(names + Int(bytes[types + type * 6 + 5]))..<(names + header.characters)].prefix { $0 != 0 }
            return Offset(seconds: ZoneRules.integer(bytes, at: types + type * 6, width: 4), name: String(decoding: name, as: UTF8.self))
        }
        for index in 0..<header.times {
            guard let offset = offset(ofType: Int(bytes[indices + index])) else { return nil }
            let time = ZoneRules.integer(bytes, at: start + index * width, width: width)
            if let last = transitions.last, time <= last { return nil }
            transitions.append(time)
            offsets.append(offset)
        }
        var rule: ZoneRule?
        let footer = start + header.length(timeBytes: width)
        if width == 8, footer < bytes.count, bytes[footer] == 0x0A, let end = bytes[(footer + 1)...].firstIndex(of: 0x0A), end > footer + 1 {
            guard let parsed = ZoneRule(String(decoding: bytes[(footer + 1)..<end], as: UTF8.self)) else { return nil }
            rule = parsed
        }
        self.init(name: name, transitions: transitions, offsets: offsets, first: offset(ofType: 0) ?? Offset(seconds: 0, name: "UTC"), rule: rule)
    }

    private struct Header {
        static let size = 44
        let version: UInt8
        let universal, standard, leaps, times, types, characters: Int

        init?(_ bytes: [UInt8], at start: Int) {
            guard bytes.count >= start + Header.size, Array(bytes[start..<start + 4]) == Array("TZif".utf8) else { return nil }
            let counts = (0..<6).map { Int(ZoneRules.integer(bytes, at: start + 20 + $0 * 4, width: 4)) }
            guard counts.allSatisfy({ (0...100_000).contains($0) }) else { return nil }
            version = bytes[start + 4]
            (universal, standard, leaps) = (counts[0], counts[1], counts[2])
            (times, types, characters) = (counts[3], counts[4], counts[5])
        }

        func length(timeBytes: Int) -> Int {
            times * timeBytes + times + types * 6 + characters + leaps * (timeBytes + 4) + standard + universal
        }
    }

    /// Big-endian, signed.
    private static func integer(_ bytes: [UInt8], at start: Int, width: Int) -> Int64 {
        var value: UInt64 = 0
        for byte in bytes[start..<start + width] { value = value << 8 | UInt64(byte) }
        return width == 4 ? Int64(Int32(truncatingIfNeeded: value)) : Int64(bitPattern: value)
    }
}
