import JSON
import Telemetry

/// Lines of names and values: JSON objects and logfmt.
extension LineParser {
    private static let timeKeys: [StaticString] = ["time", "timestamp", "ts", "@timestamp"]
    private static let severityKeys: [StaticString] = ["level", "severity", "lvl", "log.level"]
    private static let messageKeys: [StaticString] = ["msg", "message", "MESSAGE"]

    private enum Meaning { case time, severity, message }

    private static func meaning(_ line: Span<UInt8>, _ key: Range<Int>) -> Meaning? {
        // All of the words have between two and ten letters.
        guard key.count >= 2, key.count <= 10 else { return nil }
        if timeKeys.contains(where: { line.equals($0, in: key) }) { return .time }
        if severityKeys.contains(where: { line.equals($0, in: key) }) { return .severity }
        return messageKeys.contains { line.equals($0, in: key) } ? .message : nil
    }

    /// An object's own members. The first time, severity and message that mean something are taken, all other members are fields as they
    /// stand. Nil: the line is no JSON object. Half an object gives what it says without fields.
    mutating func json(_ line: Span<UInt8>) -> LineFindings? {
        var found = LineFindings()
        var scanner = JSONScanner(over: line)
        var isMessageFound = false
        do throws(JSONError) {
            guard case .beginObject = try scanner.next(in: line) else { return nil }
            while case .key(let key) = try scanner.next(in: line) {
                if !takesFields, found.timestamp != nil, found.severity != nil { return found }
                let token = try scanner.next(in: line)
                let value = try scanner.skipRest(of: token, in: line)
                let text = line[value.lowerBound] == UInt8(ascii: "\"") ? value.lowerBound + 1..<value.upperBound - 1 : value
                switch Self.meaning(line, key.range) {
                case .time? where found.timestamp == nil:
                    found.timestamp = time(line, text)
                    if found.timestamp != nil { continue }
                case .severity? where found.severity == nil:
                    found.severity = SeverityWords.word(line, text)
                    if found.severity != nil { continue }
                case .message? where !isMessageFound:
                    guard takesFields, case .string(let string) = token else { break }
                    isMessageFound = true
                    if string.hasEscapes {
                        string.appendValue(in: line, to: &fields.message)
                        found.hasOwnMessage = true
                    } else {
                        found.message = text
                    }
                    continue
                default: break
                }
                if takesFields { fields.raw(key.range, value, line) }
            }
            guard !takesFields || scanner.depth == 0 else { return nil }
            if takesFields { _ = try scanner.next(in: line) }
            return found
        } catch {
            // Half an object, or none: what was found before stands, the line stays whole.
            fields.clear()
            return LineFindings(timestamp: found.timestamp, severity: found.severity, isKnown: false)
        }
    }

    /// `ts=2026-10-10T13:55:36Z level=error msg="it = broken" user=ann`. Nil: there is no pair in it.
    mutating func logfmt(_ line: Span<UInt8>) -> LineFindings? {
        var found = LineFindings()
        var (index, pairs) = (0, 0)
        let end = takesFields ? line.count : min(line.count, 512)
        while index < end, takesFields || found.timestamp == nil || found.severity == nil {
            if line[index] == UInt8(ascii: " ") {
                index += 1
                continue
            }
            let start = index
            while index < line.count, line[index] != UInt8(ascii: "="), line[index] > 0x20, line[index] != UInt8(ascii: "\"") { index += 1 }
            guard index < line.count, line[index] == UInt8(ascii: "="), index > start else {
                // A word without a value, or a quote that belongs to nobody.
                index = max(index, start + 1)
                continue
            }
            let key = start..<index
            index += 1
            pairs += 1
            let isQuoted = index < line.count && line[index] == UInt8(ascii: "\"")
            let valueStart = isQuoted ? index + 1 : index
            var hasEscapes = false
            index = valueStart
            while index < line.count, line[index] != (isQuoted ? UInt8(ascii: "\"") : UInt8(ascii: " ")) {
                if isQuoted, line[index] == UInt8(ascii: "\\") { (index, hasEscapes) = (index + 1, true) }
                index += 1
            }
            let value = valueStart..<min(index, line.count)
            index = isQuoted ? index + 1 : index
            take(line, key, value, isQuoted: isQuoted, hasEscapes: hasEscapes, &found)
        }
        return pairs == 0 ? nil : found
    }

    private mutating func take(
        _ line: Span<UInt8>,
        _ key: Range<Int>,
        _ value: Range<Int>,
        isQuoted: Bool,
        hasEscapes: Bool,
        _ found: inout LineFindings
    ) {
        switch Self.meaning(line, key) {
        case .time? where found.timestamp == nil:
            found.timestamp = time(line, value)
            if found.timestamp != nil { return }
        case .severity? where found.severity == nil:
            found.severity = SeverityWords.word(line, value)
            if found.severity != nil { return }
        case .message? where takesFields && found.message == nil && !found.hasOwnMessage:
            if hasEscapes {
                unescape(line, value)
                found.hasOwnMessage = true
            } else {
                found.message = value
            }
            return
        default: break
        }
        if takesFields { fields.text(key, line, value) }
    }

    /// Go's quoting, as far as logfmt writers use it: `\"`, `\\`, `\n`, `\t`, `\r`; any other stays as it is.
    private mutating func unescape(_ line: Span<UInt8>, _ range: Range<Int>) {
        var index = range.lowerBound
        while index < range.upperBound {
            var byte = line[index]
            if byte == UInt8(ascii: "\\"), index + 1 < range.upperBound {
                let plain: UInt8? =
                    switch line[index + 1] {
                    case UInt8(ascii: "n"): 10
                    case UInt8(ascii: "t"): 9
                    case UInt8(ascii: "r"): 13
                    case UInt8(ascii: "\""), UInt8(ascii: "\\"): line[index + 1]
                    default: nil
                    }
                if let plain { (byte, index) = (plain, index + 1) }
            }
            fields.message.append(byte)
            index += 1
        }
    }
}
