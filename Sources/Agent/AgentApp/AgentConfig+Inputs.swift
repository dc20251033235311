import Configuring
import Tailing

/// `syslog:` and `journald:`, the inputs that are no files.
extension AgentConfig {
    static func readSyslog(_ reader: ConfigReader) -> [SyslogConfig] {
        var lines: [SyslogConfig.Address: Int] = [:]
        return reader.sections("syslog").compactMap { section in
            defer { section.finish() }
            let expected = "an address like udp://0.0.0.0:514, tcp://127.0.0.1:601, unix:///dev/log or unix-stream:///run/log"
            if !section.has("listen") { section.report("listen", "missing", "write \(expected)") }
            let address = section.parsed("listen", expecting: expected) { SyslogConfig.Address($0) }
            let bytes = section.bytes("max_message", default: UInt64(SyslogLimits.messageBytes), in: SyslogLimits.messageBytesRange)
            let connections = section.integer("max_connections", default: SyslogLimits.connections, in: SyslogLimits.connectionsRange)
            let zones = "local, UTC, or an offset such as +02:00"
            let zone = section.parsed("time_zone", expecting: zones) { TailConfig.Zone($0) } ?? .local
            let rules = readMessageRules(section)
            guard let address else { return nil }
            if let first = lines.updateValue(section.node?.line ?? 0, forKey: address) {
                section.report("listen", "\(address) stands on line \(first) already", "write each address once")
            }
            return SyslogConfig(address: address, messageBytesMax: Int(bytes), connectionsMax: connections, zone: zone, rules: rules)
        }
    }

    /// Nil: there is no `journald:`, and the journal is not read. `journald: {}` reads all of it.
    static func readJournal(_ reader: ConfigReader) -> JournalConfig? {
        guard reader.has("journald") else { return nil }
        let section = reader.section("journald")
        defer { section.finish() }
        let matches = section.strings("matches") ?? []
        for match in matches where !JournalConfig.isMatch(match) {
            section.report("matches", "\"\(match.prefix(80))\" is no match", "write FIELD=VALUE, as for journalctl: _TRANSPORT=kernel")
        }
        return JournalConfig(
            path: absolutePath(section, "path"),
            start: section.choice("start", TailConfig.Start.allCases.map { ($0.rawValue, $0) }, default: .end),
            units: section.strings("units") ?? [],
            priorityMax: section.choice("priority", JournalConfig.priorities.map { ($0.0, Optional($0.1)) }, default: nil),
            matches: matches,
            rules: readMessageRules(section)
        )
    }

    private static func readMessageRules(_ section: ConfigReader) -> MessageRules {
        let source = section.string("source")
        if source?.isEmpty == true { section.report("source", "it is empty", "write a name, or leave the key out") }
        return MessageRules(
            source: source,
            redact: readRedaction(section),
            drop: (section.strings("drop") ?? []).compactMap { pattern($0, at: "drop", section) }
        )
    }
}
