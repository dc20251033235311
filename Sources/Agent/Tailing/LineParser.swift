import JSON
import Telemetry

/// Finds the time and the severity that a line gives itself. What it does not recognise is left to the reader: now, and info.
struct LineParser {
    typealias Found = (timestamp: Timestamp?, severity: Severity?)

    private let format: TailConfig.Format
    private var zone = LocalZone()

    /// A clock that is a day ahead is wrong: such a line would stand before all others for a day.
    private static let aheadMax = Duration.seconds(86_400)
    /// How far into a line severity words are looked for.
    private static let severityBytesMax = 160

    init(_ format: TailConfig.Format) { self.format = format }

    mutating func parse(_ line: Span<UInt8>, now: Timestamp) -> Found {
        if format == .raw || line.isEmpty { return (nil, nil) }
        var found: Found
        switch format {
        case .raw: found = (nil, nil)
        case .json: found = json(line)
        case .logfmt: found = logfmt(line)
        case .nginx: found = nginx(line) ?? (nil, nil)
        case .syslog: found = syslog(line, now)
        case .auto: found = auto(line, now)
        }
        if let timestamp = found.timestamp, timestamp > now.advanced(by: Self.aheadMax) { found.timestamp = nil }
        return found
    }

    private mutating func auto(_ line: Span<UInt8>, _ now: Timestamp) -> Found {
        if line[0] == UInt8(ascii: "{") { return json(line) }
        if let found = nginx(line) { return found }
        var found = syslog(line, now)
        if found.timestamp == nil || found.severity == nil {
            let keys = logfmt(line)
            found = (found.timestamp ?? keys.timestamp, found.severity ?? keys.severity)
        }
        if found.severity == nil { found.severity = SeverityWords.first(in: line, upTo: Self.severityBytesMax) }
        return found
    }

    // MARK: syslog

    /// `<PRI>` (RFC 5424 §6.2.1), then `1 TIMESTAMP` (RFC 5424), a bare RFC 3339 time (rsyslog's files) or `Mmm dd hh:mm:ss` (RFC 3164 §4.1.2).
    private mutating func syslog(_ line: Span<UInt8>, _ now: Timestamp) -> Found {
        var (start, severity): (Int, Severity?) = (0, nil)
        if line[0] == UInt8(ascii: "<") {
            var (index, number) = (1, 0)
            while index < min(line.count, 5), line[index].isDigit { (index, number) = (index + 1, number * 10 + Int(line[index] - 48)) }
            if index > 1, index < line.count, line[index] == UInt8(ascii: ">"), number <= 191 {
                severity = SeverityWords.syslog[number % 8]
                start = index + 1
                if line.holds("1 ", at: start) { start += 2 }
            }
        }
        if let time = DateText.rfc3339(line, at: start, &zone) { return (time, severity) }
        return (DateText.rfc3164(line, at: start, now: now, &zone), severity)
    }

    // MARK: nginx

    /// `… [10/Oct/2026:13:55:36 +0200] "GET / HTTP/1.1" 200 …`, or `2026/10/10 13:55:36 [error] …`; nil for another line.
    private mutating func nginx(_ line: Span<UInt8>) -> Found? {
        if line.count > 22, line[4] == UInt8(ascii: "/"), let time = DateText.nginxError(line, &zone) {
            return (time, SeverityWords.first(in: line, upTo: 40))
        }
        guard let bracket = line.index(of: UInt8(ascii: "["), from: 0, upTo: min(line.count, 200)),
            let time = DateText.commonLog(line, at: bracket + 1)
        else { return nil }
        // The status follows the request's closing quote; a quote in the request is written as \x22.
        guard let open = line.index(of: UInt8(ascii: "\""), from: bracket, upTo: line.count),
            let close = line.index(of: UInt8(ascii: "\""), from: open + 1, upTo: line.count), close + 2 < line.count
        else { return (time, nil) }
        return (time, line[close + 2] == UInt8(ascii: "5") ? .error : .info)
    }

    // MARK: JSON and logfmt

    private static let timeKeys: [StaticString] = ["time", "timestamp", "ts", "@timestamp"]
    private static let severityKeys: [StaticString] = ["level", "severity", "lvl", "log.level"]

    /// Of an object's own members; a line that is no object gives nothing.
    private mutating func json(_ line: Span<UInt8>) -> Found {
        var found: Found = (nil, nil)
        var scanner = JSONScanner(over: line)
        do throws(JSONError) {
            guard case .beginObject = try scanner.next(in: line) else { return found }
            while case .key(let key) = try scanner.next(in: line), found.timestamp == nil || found.severity == nil {
                let value = try scanner.skipValue(in: line)
                let text = line[value.lowerBound] == UInt8(ascii: "\"") ? value.lowerBound + 1..<value.upperBound - 1 : value
                if Self.timeKeys.contains(where: { line.equals($0, in: key.range) }) {
                    found.timestamp = time(line, text)
                } else if Self.severityKeys.contains(where: { line.equals($0, in: key.range) }) {
                    found.severity = SeverityWords.word(line, text)
                }
            }
        } catch {
            // Half an object, or none: what was found before stands.
        }
        return found
    }

    private mutating func logfmt(_ line: Span<UInt8>) -> Found {
        var found: Found = (nil, nil)
        var index = 0
        let end = min(line.count, 512)
        while index < end, found.timestamp == nil || found.severity == nil {
            guard let equals = line.index(of: UInt8(ascii: "="), from: index, upTo: end) else { break }
            var start = equals
            while start > index, line[start - 1] > UInt8(ascii: " ") { start -= 1 }
            var value = equals + 1..<equals + 1
            if value.lowerBound < line.count, line[value.lowerBound] == UInt8(ascii: "\"") {
                let close = line.index(of: UInt8(ascii: "\""), from: value.lowerBound + 1, upTo: line.count) ?? line.count
                value = value.lowerBound + 1..<close
            } else {
                var close = value.lowerBound
                while close < line.count, line[close] > UInt8(ascii: " ") { close += 1 }
                value = value.lowerBound..<close
            }
            if Self.timeKeys.contains(where: { line.equals($0, in: start..<equals) }) {
                found.timestamp = time(line, value)
            } else if Self.severityKeys.contains(where: { line.equals($0, in: start..<equals) }) {
                found.severity = SeverityWords.word(line, value)
            }
            index = max(value.upperBound, equals + 1)
        }
        return found
    }

    /// RFC 3339, or seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by their size.
    private mutating func time(_ line: Span<UInt8>, _ range: Range<Int>) -> Timestamp? {
        if let time = DateText.rfc3339(line, at: range.lowerBound, &zone) { return time }
        var (whole, fraction, scale): (Int64, Int64, Int64) = (0, 0, 1_000_000_000)
        var (index, digits) = (range.lowerBound, 0)
        while index < range.upperBound, line[index].isDigit, digits < 19 {
            whole = whole &* 10 &+ Int64(line[index] - 48)
            (index, digits) = (index + 1, digits + 1)
        }
        if index < range.upperBound, line[index] == UInt8(ascii: "."), digits <= 10 {
            index += 1
            while index < range.upperBound, line[index].isDigit, scale > 1 {
                scale /= 10
                fraction += Int64(line[index] - 48) * scale
                index += 1
            }
        }
        switch digits {
        case 9, 10: return Timestamp(nanoseconds: whole * 1_000_000_000 + fraction)
        case 12, 13: return Timestamp(nanoseconds: whole * 1_000_000)
        case 15, 16: return Timestamp(nanoseconds: whole * 1000)
        case 18, 19: return whole > 0 ? Timestamp(nanoseconds: whole) : nil
        default: return nil
        }
    }
}

extension UInt8 {
    var isDigit: Bool { self &- UInt8(ascii: "0") < 10 }
    var isLetter: Bool { (self | 0x20) &- UInt8(ascii: "a") < 26 }
}

extension Span<UInt8> {
    func index(of byte: UInt8, from start: Int, upTo end: Int) -> Int? {
        var index = start
        while index < end {
            if self[index] == byte { return index }
            index += 1
        }
        return nil
    }

    /// Whether this word stands at `start`.
    func holds(_ word: StaticString, at start: Int) -> Bool {
        start >= 0 && start + word.utf8CodeUnitCount <= count && equals(word, in: start..<start + word.utf8CodeUnitCount)
    }

    func equals(_ word: StaticString, in range: Range<Int>) -> Bool {
        guard range.count == word.utf8CodeUnitCount else { return false }
        return word.withUTF8Buffer { buffer in
            for index in 0..<buffer.count where unsafe self[range.lowerBound + index] != buffer[index] { return false }
            return true
        }
    }
}
