import Telemetry

/// The text that chats are told, and its parts.
enum PresetText {
    /// One line an alert: its name, its summary or its labels. What does not fit is counted.
    /// - Parameter escape: what becomes of each piece before it counts.
    static func lines(of notification: Notification, charactersMax: Int, escape: (String) -> String) -> String {
        var pieces: [String] = []
        if let remark = notification.remark { pieces.append(escape(remark)) }
        if !notification.parts.isEmpty { pieces.append(escape("This stands for \(notification.parts.count) notifications.")) }
        // Room for the line that counts the others.
        var (left, told) = (charactersMax - 40 - pieces.reduce(0) { $0 + $1.count + 1 }, 0)
        for alert in notification.alerts {
            let line = escape(PresetText.line(of: alert))
            guard line.count < left else { break }
            pieces.append(line)
            left -= line.count + 1
            told += 1
        }
        if told < notification.alerts.count { pieces.append("and \(notification.alerts.count - told) more") }
        return pieces.joined(separator: "\n")
    }

    private static func line(of alert: Alert) -> String {
        let mark = alert.state == .resolved ? "resolved" : "firing"
        let said = alert.annotations["summary"] ?? alert.annotations["description"]
        let labels = alert.labels.removing(["alertname", "severity", "job", "instance"]).pairs.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
        return OneLine.of("\(mark): \(alert.name) \(said.map { "\($0) " } ?? "")(\(labels))", charactersMax: 700)
    }

    static func cut(_ text: String, to characters: Int) -> String {
        text.count > characters ? String(text.prefix(characters - 1)) + "…" : text
    }

    static func cut(_ text: String, toBytes bytes: Int) -> String {
        guard text.utf8.count > bytes else { return text }
        var cut = ""
        for character in text {
            guard cut.utf8.count + character.utf8.count + 3 <= bytes else { break }
            cut.append(character)
        }
        return cut + "…"
    }

    /// Slack's three characters that mean something (api.slack.com/reference/surfaces/formatting#escaping).
    static func slack(_ text: String) -> String {
        var output = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": output += "&amp;"
            case "<": output += "&lt;"
            case ">": output += "&gt;"
            default: output.unicodeScalars.append(character)
            }
        }
        return output
    }
}
