import JSON
import Telemetry

/// What a line says about itself.
struct LineFindings: Equatable {
    var timestamp: Timestamp?
    var severity: Severity?
    /// Which part of the line is its message; nil: all of it.
    var message: Range<Int>?
    /// The message stands in the parser's ``FieldBuffer/message`` instead.
    var hasOwnMessage = false
    /// Whether the line is of the format that it was read as.
    var isKnown = true

    static let nothing = LineFindings()
    static let unknown = LineFindings(isKnown: false)
}

/// Finds the time and the severity that a line gives itself and, where fields are wanted, what else it says. What it does not recognise is
/// left to the reader: now, info, and the whole line.
///
/// Times without an offset are of the configured zone (the host's own by default). Times without a year are of the year that brings them
/// nearest before now; a day ahead is allowed for.
struct LineParser {
    let format: TailConfig.Format
    /// Whether ``fields`` are filled and the message is cut out.
    let takesFields: Bool
    var zone: LocalZone
    var fields = FieldBuffer()

    /// A clock that is a day ahead is wrong: such a line would stand before all others for a day.
    private static let aheadMax = Duration.seconds(86_400)
    /// How far into a line severity words are looked for.
    private static let severityBytesMax = 160

    init(_ format: TailConfig.Format, takesFields: Bool? = nil, zone: TailConfig.Zone = .local) {
        (self.format, self.zone) = (format, LocalZone(zone))
        self.takesFields = takesFields ?? (format != .auto && format != .plain)
    }

    /// - Parameter line: UTF-8 without its line feed.
    mutating func parse(_ line: Span<UInt8>, now: Timestamp) -> LineFindings {
        if format == .plain || line.isEmpty { return .nothing }
        if takesFields { fields.clear() }
        var found: LineFindings
        switch format {
        case .plain: found = .nothing
        case .json: found = json(line) ?? .unknown
        case .logfmt: found = logfmt(line) ?? .unknown
        case .nginx, .apache: found = access(line) ?? errorLog(line) ?? .unknown
        case .syslog: found = syslog(line, now) ?? .unknown
        case .auto: found = auto(line, now)
        }
        if takesFields, !found.isKnown { fields.clear() }
        if let timestamp = found.timestamp, timestamp > now.advanced(by: Self.aheadMax) { found.timestamp = nil }
        return found
    }

    /// Each format has marks that are looked for first, so that a line of another one costs little.
    private mutating func auto(_ line: Span<UInt8>, _ now: Timestamp) -> LineFindings {
        if line[0] == UInt8(ascii: "{"), let found = json(line) { return found }
        if takesFields { fields.clear() }
        if let found = access(line) ?? errorLog(line) { return found }
        var found = syslog(line, now) ?? .nothing
        if found.timestamp == nil || found.severity == nil, line.index(of: UInt8(ascii: "="), from: 0, upTo: min(line.count, 512)) != nil {
            let start = fields.count
            if let pairs = logfmt(line), pairs.timestamp != nil || pairs.severity != nil {
                if found.timestamp == nil, takesFields { (found.message, found.hasOwnMessage) = (pairs.message, pairs.hasOwnMessage) }
                found.timestamp = found.timestamp ?? pairs.timestamp
                found.severity = found.severity ?? pairs.severity
            } else if takesFields {
                fields.cut(to: start)
            }
        }
        if found.severity == nil { found.severity = SeverityWords.first(in: line, upTo: Self.severityBytesMax) }
        return found
    }

    /// RFC 3339, or seconds, milliseconds, microseconds or nanoseconds since the epoch, told apart by their size.
    mutating func time(_ line: Span<UInt8>, _ range: Range<Int>) -> Timestamp? {
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

    /// The piece up to the next blank, from `start`; nil when there is none.
    func token(from start: Int) -> Range<Int>? {
        guard start < count, self[start] != UInt8(ascii: " ") else { return nil }
        return start..<(index(of: UInt8(ascii: " "), from: start, upTo: count) ?? count)
    }
}
