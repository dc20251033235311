import Glibc
import Matching
import Operating
import Telemetry

/// Makes events of lines, by one entry of the configuration.
///
/// The order is: repair, drop, sample, redact, parse. So rules of `drop` and `sample` are written for the line as the program wrote it, and
/// nothing that is to be redacted gets into a field.
struct LineEvents {
    /// What is said about a line in its `data`.
    struct Remarks {
        /// Its end was not written in time, or never.
        var isPartial = false
        /// It goes on with a line whose beginning was handed on alone.
        var isContinued = false
    }

    /// What became of a line.
    struct Made {
        /// Nil: it was dropped, or left out by a sample.
        var event: Event?
        /// Bytes of the line that are not in the event because it was too long.
        var cut: UInt64
    }

    private let host: String
    private let tags: [String]
    private let drop: [Pattern]
    private var samples: [(rule: TailConfig.Sampling, seen: Int)]
    private let redaction: Redaction
    private let takesFields: Bool
    private let isPlain: Bool
    private var parser: LineParser
    private let counters: LineCounters?
    private static let replacement: [UInt8] = [0xEF, 0xBF, 0xBD]

    init(_ config: TailConfig, host: String, tags: [String], counters: LineCounters? = nil) {
        (self.host, self.tags, drop) = (host, tags, config.drop)
        samples = config.sample.map { ($0, 0) }
        redaction = Redaction(config.redact)
        parser = LineParser(config.format, takesFields: config.takesFields, zone: config.zone)
        (takesFields, isPlain) = (parser.takesFields, config.format == .plain || config.format == .auto)
        self.counters = counters
    }

    /// One event, or none.
    /// - Parameters:
    ///   - line: the line without its line feed; broken UTF-8 is repaired, a carriage return at the end and NULs at the beginning (a file
    ///     truncated under its writer) are left out, other NULs replaced.
    ///   - offset: where it begins in the file.
    ///   - length: how long it is in the file, when `line` is only its beginning.
    mutating func make(
        of line: UnsafeBufferPointer<UInt8>,
        at offset: UInt64,
        length: UInt64,
        in file: TailedFile,
        remarks: Remarks,
        now: Timestamp
    ) -> Made {
        var facts = Facts(offset: offset, remarks: remarks)
        let text = unsafe trimmed(line, length: length, &facts)
        if let repaired = unsafe repaired(text, &facts) { return make(of: repaired.span, known: nil, facts, in: file, now: now) }
        // Most lines become a String at once, and its check is the check for UTF-8.
        guard let message = unsafe String(validating: text, as: UTF8.self) else {
            let mended = unsafe String(decoding: text, as: UTF8.self)
            facts.isInvalid = true
            return make(of: Array(mended.utf8).span, known: mended, facts, in: file, now: now)
        }
        return unsafe make(of: text.span, known: message, facts, in: file, now: now)
    }

    private struct Facts {
        var offset: UInt64
        var remarks: Remarks
        var nuls = 0
        var cut: UInt64 = 0
        var isInvalid = false
        var sampled = 0
    }

    private func trimmed(_ line: UnsafeBufferPointer<UInt8>, length: UInt64, _ facts: inout Facts) -> UnsafeBufferPointer<UInt8> {
        var (start, end) = (0, line.count)
        if end > 0, length == UInt64(end), unsafe line[end - 1] == UInt8(ascii: "\r") { end -= 1 }
        while start < end, unsafe line[start] == 0 { start += 1 }
        facts.nuls = start
        facts.cut = length - UInt64(line.count)
        if end - start > TailingLimits.lineBytesMax {
            let whole = end
            end = start + TailingLimits.lineBytesMax
            // Not in the middle of a character.
            while end > start, unsafe line[end] & 0xC0 == 0x80 { end -= 1 }
            facts.cut += UInt64(whole - end)
        }
        return unsafe UnsafeBufferPointer(rebasing: line[start..<end])
    }

    /// The text without NULs; nil when there are none, which is the usual case.
    private func repaired(_ text: UnsafeBufferPointer<UInt8>, _ facts: inout Facts) -> [UInt8]? {
        guard let base = text.baseAddress, !text.isEmpty, unsafe memchr(base, 0, text.count) != nil else { return nil }
        var mended: [UInt8] = []
        for index in text.indices {
            let byte = unsafe text[index]
            if byte == 0 {
                facts.nuls += 1
                mended += Self.replacement
            } else {
                mended.append(byte)
            }
        }
        let decoded = String(decoding: mended, as: UTF8.self)
        let bytes = Array(decoded.utf8)
        facts.isInvalid = bytes != mended
        return bytes
    }

    /// - Parameter known: the text as a String, where it is there already.
    private mutating func make(of text: Span<UInt8>, known: String?, _ facts: Facts, in file: TailedFile, now: Timestamp) -> Made {
        var facts = facts
        for pattern in drop where pattern.matches(text) {
            counters?.dropped.increment()
            return Made(event: nil, cut: 0)
        }
        if !samples.isEmpty {
            guard isKept(text, &facts) else { return Made(event: nil, cut: 0) }
        }
        if !redaction.isEmpty, let redacted = redaction.applied(to: text) {
            counters?.redacted.increment()
            return finish(redacted.span, known: nil, facts, in: file, now: now)
        }
        return finish(text, known: known, facts, in: file, now: now)
    }

    private mutating func isKept(_ text: Span<UInt8>, _ facts: inout Facts) -> Bool {
        for index in samples.indices where samples[index].rule.match.matches(text) {
            let isFirst = samples[index].seen % samples[index].rule.every == 0
            samples[index].seen += 1
            if isFirst { facts.sampled = samples[index].rule.every } else { counters?.sampledOut.increment() }
            return isFirst
        }
        return true
    }

    private mutating func finish(_ text: Span<UInt8>, known: String?, _ facts: Facts, in file: TailedFile, now: Timestamp) -> Made {
        let found = parser.parse(text, now: now)
        if !found.isKnown, !isPlain { counters?.unparsed.increment() }
        let event = Event(
            timestamp: found.timestamp ?? now,
            source: file.source,
            type: Event.logLine,
            severity: found.severity ?? .info,
            host: host,
            tags: tags,
            message: message(text, known, found),
            data: data(file.dataPrefix, facts)
        )
        return Made(event: event, cut: facts.cut)
    }

    private func message(_ text: Span<UInt8>, _ known: String?, _ found: LineFindings) -> String {
        if found.hasOwnMessage {
            // Escapes may have hidden what is to be redacted.
            let message = parser.fields.message
            return String(decoding: redaction.isEmpty ? message : redaction.applied(to: message.span) ?? message, as: UTF8.self)
        }
        if let range = found.message {
            return unsafe text.extracting(range).withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
        }
        if let known { return known }
        return unsafe text.withUnsafeBufferPointer { unsafe String(decoding: $0, as: UTF8.self) }
    }

    /// `{"path":"/var/log/app.log","offset":4711}`, with what there is to say about the line, and its fields (docs/logs.md).
    private func data(_ prefix: [UInt8], _ facts: Facts) -> String {
        let fields = takesFields ? parser.fields.bytes : []
        return unsafe String(unsafeUninitializedCapacity: prefix.count + fields.count + 200) { buffer in
            var writer = unsafe DataWriter(buffer: buffer)
            writer.put(prefix[...])
            writer.put(facts.offset)
            if facts.nuls > 0 { writer.put(",\"nuls\":", UInt64(facts.nuls)) }
            if facts.cut > 0 { writer.put(",\"cut\":", facts.cut) }
            if facts.isInvalid { writer.put(",\"invalid\":true") }
            if facts.remarks.isPartial { writer.put(",\"partial\":true") }
            if facts.remarks.isContinued { writer.put(",\"continued\":true") }
            if facts.sampled > 0 { writer.put(",\"sampled\":", UInt64(facts.sampled)) }
            if !fields.isEmpty {
                writer.put(",\"fields\":{")
                writer.put(fields.dropFirst())
                writer.put("}")
            }
            writer.put("}")
            return writer.count
        }
    }
}

/// Appends to memory whose size was reckoned before.
@safe private struct DataWriter {
    private let buffer: UnsafeMutableBufferPointer<UInt8>
    private let room: Int
    private(set) var count = 0

    init(buffer: UnsafeMutableBufferPointer<UInt8>) {
        unsafe self.buffer = buffer
        room = buffer.count
    }

    mutating func put(_ bytes: ArraySlice<UInt8>) {
        precondition(count + bytes.count <= room, "the room for data was reckoned too small")
        unsafe bytes.withUnsafeBufferPointer { bytes in
            guard let source = bytes.baseAddress, let target = unsafe buffer.baseAddress else { return }
            unsafe (target + count).update(from: source, count: bytes.count)
        }
        count += bytes.count
    }

    mutating func put(_ text: StaticString) {
        precondition(count + text.utf8CodeUnitCount <= room, "the room for data was reckoned too small")
        guard let target = unsafe buffer.baseAddress else { return }
        unsafe (target + count).update(from: text.utf8Start, count: text.utf8CodeUnitCount)
        count += text.utf8CodeUnitCount
    }

    mutating func put(_ text: StaticString, _ number: UInt64) {
        put(text)
        put(number)
    }

    mutating func put(_ number: UInt64) {
        var (digits, rest): (Int, UInt64) = (1, number)
        while rest >= 10 { (digits, rest) = (digits + 1, rest / 10) }
        precondition(count + digits <= room, "the room for data was reckoned too small")
        rest = number
        for index in stride(from: count + digits - 1, through: count, by: -1) {
            unsafe buffer[index] = UInt8(ascii: "0") + UInt8(truncatingIfNeeded: rest % 10)
            rest /= 10
        }
        count += digits
    }
}
