import Telemetry

/// The words by which logs say how much a line matters.
enum SeverityWords {
    /// RFC 5424 §6.2.1, table 2: emergency … debug.
    static let syslog: [Severity] = [.critical, .critical, .critical, .error, .warning, .info, .info, .debug]

    /// In capitals; what log libraries, nginx, PostgreSQL, Java and syslog write.
    private static let words: [(word: [UInt8], severity: Severity)] =
        ([
            ("TRACE", .debug), ("DEBUG", .debug), ("FINE", .debug), ("INFO", .info), ("INFORMATION", .info), ("NOTICE", .info), ("WARN", .warning),
            ("WARNING", .warning), ("ERR", .error), ("ERROR", .error), ("SEVERE", .error), ("FATAL", .critical), ("CRIT", .critical),
            ("CRITICAL", .critical), ("ALERT", .critical), ("EMERG", .critical), ("EMERGENCY", .critical), ("PANIC", .critical),
        ] as [(String, Severity)]).map { (Array($0.0.utf8), $0.1) }

    /// The whole range as one word in any case, or a number of syslog's or of bunyan's and pino's; nil for anything else.
    static func word(_ line: Span<UInt8>, _ range: Range<Int>) -> Severity? {
        if range.isEmpty || range.count > 11 { return nil }
        if line[range.lowerBound].isDigit {
            let number = range.reduce(0) { $0 * 10 + Int(line[$1] &- 48) }
            return number < 8 && range.count == 1
                ? syslog[number] : [10: .debug, 20: .debug, 30: .info, 40: .warning, 50: .error, 60: .critical][number]
        }
        for (word, severity) in words where word.count == range.count {
            var matches = true
            for index in 0..<word.count where line[range.lowerBound + index] & 0xDF != word[index] {
                matches = false
                break
            }
            if matches { return severity }
        }
        return nil
    }

    /// The first severity word near the line's beginning: in capitals, or in brackets (`[error]`), or right before a colon (`error:`).
    static func first(in line: Span<UInt8>, upTo limit: Int) -> Severity? {
        let end = min(line.count, limit)
        var index = 0
        while index < end {
            guard line[index].isLetter else {
                index += 1
                continue
            }
            let start = index
            var isCapital = true
            while index < line.count, line[index].isLetter {
                if line[index] & 0x20 != 0 { isCapital = false }
                index += 1
            }
            // A part of a longer name (`error_log`, `x-error`) says nothing.
            if start > 0, isJoint(line[start - 1]) || line[start - 1].isDigit { continue }
            if index < line.count, isJoint(line[index]) || line[index].isDigit { continue }
            let inBrackets = start > 0 && line[start - 1] == UInt8(ascii: "[") && index < line.count && line[index] == UInt8(ascii: "]")
            let beforeColon = index < line.count && line[index] == UInt8(ascii: ":")
            guard isCapital || inBrackets || beforeColon, index - start >= 3, index - start <= 11 else { continue }
            if let severity = word(line, start..<index) { return severity }
        }
        return nil
    }

    private static func isJoint(_ byte: UInt8) -> Bool {
        byte == UInt8(ascii: "_") || byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") || byte == UInt8(ascii: "/") || byte >= 0x80
    }
}
