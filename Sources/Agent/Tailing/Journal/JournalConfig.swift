/// `journald:` of agent.yaml: which entries of the systemd journal are followed.
package struct JournalConfig: Sendable, Hashable {
    /// `path`: a folder of journal files; nil: this system's.
    package var path: String?
    /// `start`: where to begin when the agent first reads this journal.
    package var start: TailConfig.Start
    /// `units`: only these; `ssh` stands for `ssh.service`. Empty: all.
    package var units: [String]
    /// `priority`: only entries at least as urgent; syslog's numbers, 0 to 7. Nil: all.
    package var priorityMax: Int?
    /// `matches`: `FIELD=VALUE`, as for journalctl(1).
    package var matches: [String]
    package var rules: MessageRules

    package init(
        path: String? = nil,
        start: TailConfig.Start = .end,
        units: [String] = [],
        priorityMax: Int? = nil,
        matches: [String] = [],
        rules: MessageRules = MessageRules()
    ) {
        (self.path, self.start, self.units, self.priorityMax, self.matches, self.rules) = (path, start, units, priorityMax, matches, rules)
    }

    /// What the journal is asked for.
    var filters: [String] {
        let units = units.map { "_SYSTEMD_UNIT=" + ($0.contains(".") ? $0 : $0 + ".service") }
        return units + (0..<(priorityMax.map { $0 + 1 } ?? 0)).map { "PRIORITY=\($0)" } + matches
    }

    /// Whether a match is one: a field's name in capitals, digits and underscores, `=`, and a value.
    package static func isMatch(_ text: String) -> Bool {
        guard let equals = text.firstIndex(of: "="), equals != text.startIndex, text.utf8.count <= 1024 else { return false }
        return text[..<equals].utf8.allSatisfy { ($0 &- 65) < 26 || ($0 &- 48) < 10 || $0 == UInt8(ascii: "_") }
    }

    /// Name of the note that holds the cursor.
    static let note = "journald"
    /// In gaps and in the status.
    package static let name = "journald"

    /// syslog's words for ``priorityMax``.
    package static let priorities: [(String, Int)] = [
        ("emerg", 0), ("alert", 1), ("crit", 2), ("err", 3), ("warning", 4), ("notice", 5), ("info", 6), ("debug", 7),
    ]
}
