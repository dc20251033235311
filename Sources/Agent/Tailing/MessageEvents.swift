package import Matching
import Telemetry

/// What all inputs that are no files do to a message before it is handed on.
package struct MessageRules: Sendable, Hashable {
    /// `source`; nil: the program that wrote it, else the input's kind.
    package var source: String?
    package var redact: [RedactionRule]
    /// What matches is left out, and counted.
    package var drop: [Pattern]

    package init(source: String? = nil, redact: [RedactionRule] = [], drop: [Pattern] = []) {
        (self.source, self.redact, self.drop) = (source, redact, drop)
    }
}

/// Makes events of syslog's messages: dropped, redacted, parsed, in this order.
struct SyslogEvents {
    private let host: String
    private let tags: [String]
    private let rules: MessageRules
    private let redaction: Redaction
    private let input: String
    private var parser: LineParser

    /// - Parameter input: the address that is listened on; part of each event's `data`.
    init(_ config: SyslogConfig, host: String, tags: [String]) {
        (self.host, self.tags, rules, input) = (host, tags, config.rules, config.address.description)
        redaction = Redaction(config.rules.redact)
        parser = LineParser(.syslog, takesFields: true, zone: config.zone)
    }

    /// Nil: it was dropped. Trailing line feeds, carriage returns and NULs, which many senders add, are left out; broken UTF-8 is repaired.
    /// - Parameters:
    ///   - peer: who sent it; empty where the kernel does not say.
    ///   - cut: bytes of it that were left out because it was too long.
    mutating func event(of bytes: ArraySlice<UInt8>, from peer: String, cut: Int, now: Timestamp) -> Event? {
        var end = bytes.endIndex
        while end > bytes.startIndex, [0, 0x0A, 0x0D].contains(bytes[end - 1]) { end -= 1 }
        let whole = String(decoding: bytes[bytes.startIndex..<end].map { $0 == 0 ? UInt8(ascii: " ") : $0 }, as: UTF8.self)
        var text = Array(whole.utf8)
        if text.isEmpty || rules.drop.contains(where: { $0.matches(text.span) }) { return nil }
        if let redacted = redaction.applied(to: text.span) { text = redacted }
        let found = parser.parse(text.span, now: now)
        let message = found.message.map { String(decoding: text[$0], as: UTF8.self) } ?? String(decoding: text, as: UTF8.self)
        let app = Self.app(in: parser.fields.bytes)
        return Event(
            timestamp: found.timestamp ?? now,
            source: rules.source ?? app ?? "syslog",
            type: Event.logLine,
            severity: found.severity ?? .info,
            host: host,
            tags: tags,
            message: message,
            data: data(peer: peer, cut: cut)
        )
    }

    private func data(peer: String, cut: Int) -> String {
        var data = "{\"input\":\"\(input)\""
        if !peer.isEmpty { data += ",\"peer\":\"\(peer)\"" }
        if cut > 0 { data += ",\"cut\":\(cut)" }
        let fields = parser.fields.bytes
        if !fields.isEmpty { data += ",\"fields\":{" + String(decoding: fields.dropFirst(), as: UTF8.self) + "}" }
        return data + "}"
    }

    /// The program's name, if the header has one that can be a source as it is.
    private static func app(in fields: [UInt8]) -> String? {
        let mark = Array(",\"app\":\"".utf8)
        guard let start = fields.indices.first(where: { fields[$0...].starts(with: mark) }) else { return nil }
        let name = fields[(start + mark.count)...].prefix { $0 != UInt8(ascii: "\"") }
        guard !name.isEmpty, name.count <= 128, !name.contains(UInt8(ascii: "\\")) else { return nil }
        return String(decoding: name, as: UTF8.self)
    }
}
