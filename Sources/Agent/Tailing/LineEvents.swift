import Glibc
import Matching
import Telemetry

/// Makes events of lines, by one entry of the configuration.
struct LineEvents {
    private let host: String
    private let tags: [String]
    private let redact: [Pattern]
    private var parser: LineParser
    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    init(_ config: TailConfig, host: String, tags: [String]) {
        (self.host, self.tags, redact) = (host, tags, config.redact)
        parser = LineParser(config.format)
    }

    /// One event.
    /// - Parameters:
    ///   - line: the line without its line feed; broken UTF-8 is repaired, a carriage return at the end and NULs at the beginning (a file
    ///     truncated under its writer) are left out, other NULs replaced.
    ///   - offset: where it begins in the file.
    ///   - length: how long it is in the file, when `line` is only its beginning.
    /// - Returns: the event, and how many bytes of the line are not in it because it was too long.
    mutating func event(
        of line: UnsafeBufferPointer<UInt8>,
        at offset: UInt64,
        length: UInt64,
        in file: TailedFile,
        now: Timestamp
    ) -> (event: Event, cut: UInt64) {
        var (start, end) = (0, line.count)
        if end > 0, length == UInt64(end), unsafe line[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        while start < end, unsafe line[start] == 0 { start += 1 }
        let nuls = start
        var cut = length - UInt64(line.count)
        if end - start > TailingLimits.lineBytesMax {
            let whole = end
            end = start + TailingLimits.lineBytesMax
            // Not in the middle of a character.
            while end > start, unsafe line[end] & 0xC0 == 0x80 { end -= 1 }
            cut += UInt64(whole - end)
        }
        let text = unsafe UnsafeBufferPointer(rebasing: line[start..<end])

        let (timestamp, severity, message): (Timestamp?, Severity?, String)
        if let mended = unsafe mended(text) {
            (timestamp, severity) = parser.parse(mended.span, now: now)
            message = String(decoding: mended, as: UTF8.self)
        } else {
            (timestamp, severity) = unsafe parser.parse(text.span, now: now)
            message = unsafe String(decoding: text, as: UTF8.self)
        }
        let event = Event(
            timestamp: timestamp ?? now,
            source: file.source,
            type: Event.logLine,
            severity: severity ?? .info,
            host: host,
            tags: tags,
            message: message,
            data: data(file.dataPrefix, offset, nuls: nuls, cut: cut)
        )
        return (event, cut)
    }

    /// The text redacted and without NULs; nil when it can stay as it is, which is the usual case.
    private func mended(_ text: UnsafeBufferPointer<UInt8>) -> [UInt8]? {
        guard let base = text.baseAddress, !text.isEmpty else { return nil }
        var mended: [UInt8]?
        if unsafe memchr(base, 0, text.count) != nil {
            mended = unsafe text.flatMap { $0 == 0 ? Self.replacement : [$0] }
        }
        for pattern in redact {
            if let known = mended {
                mended = pattern.replacingMatches(in: known, with: Array(TailConfig.redaction.utf8)) ?? known
            } else if unsafe pattern.matches(text.span) {
                mended = unsafe pattern.replacingMatches(in: Array(text), with: Array(TailConfig.redaction.utf8))
            }
        }
        return mended
    }

    /// `{"path":"/var/log/app.log","offset":4711}`, with `"nuls":N` where NULs were left out and `"cut":N` where N bytes are missing.
    private func data(_ prefix: [UInt8], _ offset: UInt64, nuls: Int, cut: UInt64) -> String {
        unsafe String(unsafeUninitializedCapacity: prefix.count + 80) { buffer in
            var count = 0
            func put(_ byte: UInt8) {
                unsafe buffer[count] = byte
                count += 1
            }
            func put(_ number: UInt64) {
                var (digits, rest): (Int, UInt64) = (1, number)
                while rest >= 10 { (digits, rest) = (digits + 1, rest / 10) }
                rest = number
                for index in stride(from: count + digits - 1, through: count, by: -1) {
                    unsafe buffer[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
                    rest /= 10
                }
                count += digits
            }
            unsafe prefix.withUnsafeBufferPointer { unsafe buffer.baseAddress?.update(from: $0.baseAddress!, count: $0.count) }
            count = prefix.count
            put(offset)
            if nuls > 0 {
                for byte in ",\"nuls\":".utf8 { put(byte) }
                put(UInt64(nuls))
            }
            if cut > 0 {
                for byte in ",\"cut\":".utf8 { put(byte) }
                put(cut)
            }
            put(UInt8(ascii: "}"))
            return count
        }
    }
}
