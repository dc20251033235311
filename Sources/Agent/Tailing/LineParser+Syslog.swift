import Telemetry

/// RFC 5424 with structured data, RFC 3164, and what rsyslog and systemd write into files (the same without `<PRI>`, with either time).
extension LineParser {
    /// RFC 5424 §6.2.1, table 1.
    private static let facilities: [StaticString] = [
        "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "cron", "authpriv", "ftp", "ntp", "audit", "alert", "clock",
        "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
    ]

    /// Nil: neither a priority nor a time of syslog's.
    mutating func syslog(_ line: Span<UInt8>, _ now: Timestamp) -> LineFindings? {
        var found = LineFindings()
        var (start, isNew) = (0, false)
        if line[0] == UInt8(ascii: "<") {
            var (index, number) = (1, 0)
            while index < min(line.count, 5), line[index].isDigit { (index, number) = (index + 1, number * 10 + Int(line[index] - 48)) }
            guard index > 1, index < line.count, line[index] == UInt8(ascii: ">"), number <= 191 else { return nil }
            found.severity = SeverityWords.syslog[number % 8]
            start = index + 1
            if line.holds("1 ", at: start) { (start, isNew) = (start + 2, true) }
            if takesFields { fields.word("facility", Self.facilities[number / 8]) }
        }
        let time = DateText.rfc3339(line, at: start, &zone) ?? DateText.rfc3164(line, at: start, now: now, &zone)
        guard time != nil || found.severity != nil else { return nil }
        found.timestamp = time
        if takesFields { found.message = isNew ? newHeader(line, from: start) : oldHeader(line, from: start, hasTime: time != nil) }
        return found
    }

    /// `TIMESTAMP HOSTNAME APP-NAME PROCID MSGID STRUCTURED-DATA [MSG]`, each `-` where there is none. Nil: it ends too early.
    private mutating func newHeader(_ line: Span<UInt8>, from start: Int) -> Range<Int>? {
        guard let time = line.token(from: start) else { return nil }
        var index = time.upperBound + 1
        for key in ["hostname", "app", "pid", "msgid"] as [StaticString] {
            guard let token = line.token(from: index) else { return nil }
            if !line.equals("-", in: token) { key.utf8CodeUnitCount == 3 ? fields.number(key, line, token) : fields.text(key, line, token) }
            index = token.upperBound + 1
        }
        guard index < line.count else { return nil }
        if line[index] == UInt8(ascii: "-") {
            index += 1
        } else if line[index] == UInt8(ascii: "[") {
            let before = fields.count
            fields.beginObject("sd")
            let inside = fields.count
            while index < line.count, line[index] == UInt8(ascii: "[") {
                guard let end = element(line, from: index + 1) else {
                    fields.cut(to: before)
                    return nil
                }
                index = end
            }
            fields.endObject(from: inside)
        }
        if index < line.count, line[index] == UInt8(ascii: " ") { index += 1 }
        // RFC 5424 §6.4: UTF-8 messages begin with a byte order mark.
        if index + 3 <= line.count, line[index] == 0xEF, line[index + 1] == 0xBB, line[index + 2] == 0xBF { index += 3 }
        return min(index, line.count)..<line.count
    }

    /// `id name="value" …]`; values escape `"`, `\` and `]` with a backslash. Returns what follows the bracket; nil when it is never closed.
    private mutating func element(_ line: Span<UInt8>, from start: Int) -> Int? {
        var index = start
        while index < line.count, line[index] != UInt8(ascii: " "), line[index] != UInt8(ascii: "]") { index += 1 }
        guard index < line.count, index > start else { return nil }
        fields.beginObject(line, start..<index)
        let inside = fields.count
        while index < line.count, line[index] == UInt8(ascii: " ") {
            let nameStart = index + 1
            guard let equals = line.index(of: UInt8(ascii: "="), from: nameStart, upTo: line.count), equals > nameStart,
                equals + 1 < line.count, line[equals + 1] == UInt8(ascii: "\"")
            else { return nil }
            var (end, hasEscapes) = (equals + 2, false)
            while end < line.count, line[end] != UInt8(ascii: "\"") {
                if line[end] == UInt8(ascii: "\\") { (end, hasEscapes) = (end + 1, true) }
                end += 1
            }
            guard end < line.count else { return nil }
            if hasEscapes {
                fields.text(nameStart..<equals, line, unescaping: equals + 2..<end)
            } else {
                fields.text(nameStart..<equals, line, equals + 2..<end)
            }
            index = end + 1
        }
        guard index < line.count, line[index] == UInt8(ascii: "]") else { return nil }
        fields.endObject(from: inside)
        return index + 1
    }

    /// `TIME HOSTNAME TAG[PID]: MSG`; the kernel has no pid, and some programs no tag. Nil: there is no such header.
    private mutating func oldHeader(_ line: Span<UInt8>, from start: Int, hasTime: Bool) -> Range<Int>? {
        var index = start
        if hasTime {
            // "Oct 10 13:55:36", or one word.
            index = line[start].isDigit ? (line.token(from: start)?.upperBound ?? line.count) : start + 15
            guard index < line.count, line[index] == UInt8(ascii: " "), let host = line.token(from: index + 1) else { return nil }
            fields.text("hostname", line, host)
            index = host.upperBound + 1
        }
        let tagStart = index
        while index < line.count, index - tagStart < 48, !isTagEnd(line[index]) { index += 1 }
        guard index > tagStart, index < line.count else { return min(tagStart, line.count)..<line.count }
        let tag = tagStart..<index
        var pid: Range<Int>?
        if line[index] == UInt8(ascii: "[") {
            guard let close = line.index(of: UInt8(ascii: "]"), from: index, upTo: min(line.count, index + 16)) else {
                return tagStart..<line.count
            }
            pid = index + 1..<close
            index = close + 1
        }
        guard index < line.count, line[index] == UInt8(ascii: ":") else { return tagStart..<line.count }
        fields.text("app", line, tag)
        if let pid { fields.number("pid", line, pid) }
        index += 1
        if index < line.count, line[index] == UInt8(ascii: " ") { index += 1 }
        return index..<line.count
    }

    private func isTagEnd(_ byte: UInt8) -> Bool { byte == UInt8(ascii: ":") || byte == UInt8(ascii: "[") || byte == UInt8(ascii: " ") }
}

extension FieldBuffer {
    /// A value of structured data with its backslashes resolved.
    fileprivate mutating func text(_ key: Range<Int>, _ line: Span<UInt8>, unescaping range: Range<Int>) {
        var value: [UInt8] = []
        var index = range.lowerBound
        while index < range.upperBound {
            let isEscape =
                line[index] == UInt8(ascii: "\\") && index + 1 < range.upperBound
                && (line[index + 1] == UInt8(ascii: "\"") || line[index + 1] == UInt8(ascii: "\\") || line[index + 1] == UInt8(ascii: "]"))
            if isEscape { index += 1 }
            value.append(line[index])
            index += 1
        }
        let name = (key.lowerBound..<key.upperBound).map { line[$0] }
        let both = name + value
        text(0..<name.count, both.span, name.count..<both.count)
    }
}
