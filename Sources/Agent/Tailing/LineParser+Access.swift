import Telemetry

/// Access logs in the common and the combined format (nginx, Apache and their relatives), and the error logs of both.
extension LineParser {
    /// `10.0.0.1 - ann [10/Oct/2026:13:55:36 +0200] "GET /a HTTP/1.1" 502 12 "referer" "agent" 0.123`. A status from 500 on is an error. With
    /// fields the message is the request and the status; what stands behind the agent is `extra`. Nil: another line.
    mutating func access(_ line: Span<UInt8>) -> LineFindings? {
        guard let bracket = line.index(of: UInt8(ascii: "["), from: 0, upTo: min(line.count, 200)),
            let time = DateText.commonLog(line, at: bracket + 1)
        else { return nil }
        var found = LineFindings(timestamp: time)
        // A quote in the request is written as \" or \x22.
        guard let open = line.index(of: UInt8(ascii: "\""), from: bracket, upTo: line.count), let close = endOfQuoted(line, open),
            close + 2 < line.count
        else { return found }
        found.severity = line[close + 2] == UInt8(ascii: "5") ? .error : .info
        guard takesFields else { return found }
        head(line, upTo: bracket)
        request(line, open + 1..<close)
        guard let status = line.token(from: close + 2) else { return found }
        fields.number("status", line, status)
        found.message = open..<status.upperBound
        var index = status.upperBound + 1
        if let size = line.token(from: index) {
            if !line.equals("-", in: size) { fields.number("bytes", line, size) }
            index = size.upperBound + 1
        }
        for key in ["referer", "agent"] as [StaticString] {
            guard index < line.count, line[index] == UInt8(ascii: "\""), let end = endOfQuoted(line, index) else { break }
            if !line.equals("-", in: index + 1..<end) { fields.text(key, line, index + 1..<end) }
            index = min(end + 2, line.count)
        }
        if index < line.count { fields.text("extra", line, index..<line.count) }
        return found
    }

    private func endOfQuoted(_ line: Span<UInt8>, _ open: Int) -> Int? {
        var index = open + 1
        while index < line.count {
            if line[index] == UInt8(ascii: "\"") { return index }
            index += line[index] == UInt8(ascii: "\\") ? 2 : 1
        }
        return nil
    }

    /// `10.0.0.1 - ann `
    private mutating func head(_ line: Span<UInt8>, upTo end: Int) {
        guard let remote = line.token(from: 0), remote.upperBound < end else { return }
        fields.text("remote", line, remote)
        guard let identity = line.token(from: remote.upperBound + 1), identity.upperBound < end, identity.upperBound + 1 < end - 1 else { return }
        let user = identity.upperBound + 1..<end - 1
        if !line.equals("-", in: user) { fields.text("user", line, user) }
    }

    /// `GET /a HTTP/1.1`; whatever else came over the wire is left to the message.
    private mutating func request(_ line: Span<UInt8>, _ range: Range<Int>) {
        guard let first = line.index(of: UInt8(ascii: " "), from: range.lowerBound, upTo: range.upperBound), first > range.lowerBound else { return }
        var last = range.upperBound - 1
        while last > first, line[last] != UInt8(ascii: " ") { last -= 1 }
        guard last > first + 1, line.holds("HTTP/", at: last + 1) else { return }
        fields.text("method", line, range.lowerBound..<first)
        fields.text("path", line, first + 1..<last)
        fields.text("protocol", line, last + 1..<range.upperBound)
    }

    /// nginx: `2026/10/10 13:55:36 [crit] 1#1: *2 open() failed, client: 10.0.0.1, …`; Apache: `[Sat Oct 10 13:55:36.123456 2026] [core:error]
    /// [pid 12:tid 13] [client 10.0.0.1:5] AH00124: …`. Nil: another line.
    mutating func errorLog(_ line: Span<UInt8>) -> LineFindings? {
        if line[0] == UInt8(ascii: "[") { return apacheError(line) }
        guard line.count > 22, line[4] == UInt8(ascii: "/"), let time = DateText.nginxError(line, &zone) else { return nil }
        var found = LineFindings(timestamp: time, severity: SeverityWords.first(in: line, upTo: 40))
        guard takesFields, line[20] == UInt8(ascii: "["), let close = line.index(of: UInt8(ascii: "]"), from: 20, upTo: min(line.count, 40)) else {
            return found
        }
        var index = min(close + 2, line.count)
        if let token = line.token(from: index), line[token.upperBound - 1] == UInt8(ascii: ":"),
            let hash = line.index(of: UInt8(ascii: "#"), from: token.lowerBound, upTo: token.upperBound)
        {
            fields.number("pid", line, token.lowerBound..<hash)
            fields.number("tid", line, hash + 1..<token.upperBound - 1)
            index = min(token.upperBound + 1, line.count)
        }
        if let token = line.token(from: index), line[token.lowerBound] == UInt8(ascii: "*"), token.count > 1 {
            fields.number("connection", line, token.lowerBound + 1..<token.upperBound)
            index = min(token.upperBound + 1, line.count)
        }
        found.message = index..<line.count
        return found
    }

    private mutating func apacheError(_ line: Span<UInt8>) -> LineFindings? {
        guard let close = line.index(of: UInt8(ascii: "]"), from: 0, upTo: min(line.count, 40)),
            let time = DateText.apacheError(line, 1..<close, &zone)
        else { return nil }
        var found = LineFindings(timestamp: time)
        var index = close + 2
        while index < line.count, line[index] == UInt8(ascii: "["), let end = line.index(of: UInt8(ascii: "]"), from: index, upTo: line.count) {
            group(line, index + 1..<end, &found)
            index = min(end + 2, line.count)
        }
        if takesFields { found.message = min(index, line.count)..<line.count }
        return found
    }

    /// `core:error`, `error`, `pid 12:tid 13`, `pid 12`, `client 10.0.0.1:5`
    private mutating func group(_ line: Span<UInt8>, _ range: Range<Int>, _ found: inout LineFindings) {
        let colon = line.index(of: UInt8(ascii: ":"), from: range.lowerBound, upTo: range.upperBound)
        if line.holds("client ", at: range.lowerBound) {
            if takesFields { fields.text("remote", line, range.lowerBound + 7..<range.upperBound) }
        } else if line.holds("pid ", at: range.lowerBound) {
            guard takesFields else { return }
            fields.number("pid", line, range.lowerBound + 4..<max(range.lowerBound + 4, colon ?? range.upperBound))
            if let colon, line.holds("tid ", at: colon + 1), colon + 5 <= range.upperBound {
                fields.number("tid", line, colon + 5..<range.upperBound)
            }
        } else if found.severity == nil {
            let word = (colon.map { $0 + 1 } ?? range.lowerBound)..<range.upperBound
            found.severity = line.holds("trace", at: word.lowerBound) ? .debug : SeverityWords.word(line, word)
            if takesFields, let colon, colon > range.lowerBound { fields.text("module", line, range.lowerBound..<colon) }
        }
    }
}
