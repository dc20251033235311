import JSON
import Matching
import Telemetry

/// Makes events of the journal's entries.
struct JournalEvents {
    private let host: String
    private let tags: [String]
    private let rules: MessageRules
    private let redaction: Redaction

    /// What an entry says besides its message, in the order of the event's `data`; names without journald's underscore, in lower case.
    private static let fields: [(journal: String, ours: String)] = [
        ("_SYSTEMD_UNIT", "unit"), ("_SYSTEMD_USER_UNIT", "user_unit"), ("UNIT", "about_unit"), ("SYSLOG_IDENTIFIER", "app"), ("_COMM", "comm"),
        ("_PID", "pid"), ("_UID", "uid"), ("_TRANSPORT", "transport"), ("CONTAINER_NAME", "container"), ("MESSAGE_ID", "message_id"),
    ]
    private static let numbers: Set<String> = ["pid", "uid"]

    init(_ config: JournalConfig, host: String, tags: [String]) {
        (self.host, self.tags, rules, redaction) = (host, tags, config.rules, Redaction(config.rules.redact))
    }

    /// The entry where the journal stands; nil: it has no message, or was dropped.
    /// - Parameter cut: how many bytes of the message were left out.
    func event(of entry: JournalFiles, now: Timestamp) -> (event: Event, cut: Int)? {
        guard let raw = entry.field("MESSAGE") else { return nil }
        let cut = max(0, raw.count - TailingLimits.lineBytesMax)
        var text = Array(String(decoding: raw.prefix(TailingLimits.lineBytesMax).map { $0 == 0 ? UInt8(ascii: " ") : $0 }, as: UTF8.self).utf8)
        if rules.drop.contains(where: { $0.matches(text.span) }) { return nil }
        if let redacted = redaction.applied(to: text.span) { text = redacted }
        let severity = entry.text("PRIORITY").flatMap { Int($0) }.flatMap { (0...7).contains($0) ? SeverityWords.syslog[$0] : nil }
        let event = Event(
            timestamp: entry.text("_SOURCE_REALTIME_TIMESTAMP").flatMap { Int64($0) }.flatMap { sourceTime($0, now) } ?? entry.timestamp() ?? now,
            source: rules.source ?? entry.text("SYSLOG_IDENTIFIER") ?? entry.text("_COMM") ?? JournalConfig.name,
            type: Event.logLine,
            severity: severity ?? .info,
            host: host,
            tags: tags,
            message: String(decoding: text, as: UTF8.self),
            data: data(of: entry, cut: cut)
        )
        return (event, cut)
    }

    /// When the sender wrote it; a time of before 1971 or of more than a day ahead is no time.
    private func sourceTime(_ microseconds: Int64, _ now: Timestamp) -> Timestamp? {
        guard microseconds > 31_536_000_000_000, microseconds < now.nanoseconds / 1000 + 86_400_000_000 else { return nil }
        return Timestamp(nanoseconds: microseconds * 1000)
    }

    private func data(of entry: JournalFiles, cut: Int) -> String {
        var writer = JSONWriter(reserving: 256)
        writer.beginObject()
        writer.member("input", JournalConfig.name)
        if cut > 0 { writer.member("cut", cut) }
        writer.key("fields")
        writer.beginObject()
        for (journal, ours) in Self.fields {
            guard let text = entry.text(journal), !text.isEmpty, text.utf8.count <= 1024 else { continue }
            if Self.numbers.contains(ours), let number = Int64(text) { writer.member(ours, number) } else { writer.member(ours, text) }
        }
        writer.endObject()
        writer.endObject()
        return writer.text
    }
}
