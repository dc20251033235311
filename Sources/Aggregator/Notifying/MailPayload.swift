import Telemetry
import Templating
import Transferring

/// A picture in a mail: PNG, and what it shows in words.
struct MailPicture: Sendable {
    var png: [UInt8]
    var words: String
    /// The alert beside which it stands.
    var alert: UInt64
}

/// A notification as a mail: Alertmanager's subject, a text part and an HTML part that say the same.
struct MailPayload {
    let notification: Notification
    let externalURL: String
    /// Only the beginning: the whole was too large for a mail.
    let isShort: Bool
    let picture: MailPicture?

    init(_ notification: Notification, externalURL: String, isShort: Bool = false, picture: MailPicture? = nil) {
        (self.notification, self.externalURL, self.isShort, self.picture) = (notification, externalURL, isShort, picture)
    }

    private var alertsMax: Int { isShort ? 10 : NotifyingLimits.alertsPerMailMax }
    private var valueMax: Int { isShort ? 200 : NotifyingLimits.shownValueMax }

    /// - Returns: the mail, and what was done otherwise than configured.
    func message(config: EmailConfig, id: UUID, at now: Timestamp) throws(TransferError) -> (MailMessage, note: String?) {
        let from = try MailAddress(config.from)
        let domain = from.address.split(separator: "@").last.map(String.init) ?? "localhost"
        var notes: [String] = []
        func rendered(_ template: NotificationTemplate?, _ name: String, escaping: TemplateEscaping = .none) -> String? {
            guard let template else { return nil }
            do throws(NotificationTemplate.Unusable) {
                return try template.render(notification, externalURL: externalURL, at: now, escaping: escaping)
            } catch {
                notes.append("the template of \(name) could not be used (\(error)): the usual text stands in its place")
                return nil
            }
        }
        // Every mail of a conversation refers to the same mail, which was never sent: mail programs make one thread of them.
        let thread = "<\(MailPayload.threadID(of: notification)).thread@\(domain)>"
        var headers = [HTTPHeader("In-Reply-To", thread), HTTPHeader("References", thread)]
        var subject = MailPayload.subject(of: notification)
        for (name, template) in config.headers {
            guard let value = rendered(template, "the header \(name)").map({ OneLine.of($0, charactersMax: 4_000) }) else { continue }
            headers.removeAll { $0.name.lowercased() == name.lowercased() }
            if name.lowercased() == "subject" { subject = value } else { headers.append(HTTPHeader(name, value)) }
        }
        let own = (text: rendered(config.text, "the text"), html: rendered(config.html, "the HTML part", escaping: .html))
        let note = notes.isEmpty ? nil : notes.joined(separator: "; ")
        let showsPicture = own.html == nil
        let message = MailMessage(
            from: from,
            to: try MailAddress.list(config.to),
            subject: OneLine.of(subject, charactersMax: 900),
            text: own.text ?? text(note: note),
            html: own.html ?? html(note: note),
            messageID: "\(id)@\(domain)",
            date: now,
            headers: headers,
            inline: showsPicture
                ? picture.map { [MailMessage.Inline(contentID: MailPayload.pictureID, type: "image/png", content: $0.png)] } ?? [] : []
        )
        return (message, note)
    }

    private static let pictureID = "picture@tocsin"

    /// Stable for all that is told of a group from its beginning to its end, and another for the next time.
    static func threadID(of notification: Notification) -> String {
        ConversationKey.of(notification, for: notification.channel.receiver)
    }

    /// `[FIRING:2] DiskFull (web-1 critical)`: the state, the group's values, and the other values that all alerts share.
    static func subject(of notification: Notification) -> String {
        let firing = notification.firing.count
        let status = notification.acknowledgement != nil ? "ACKNOWLEDGED:\(firing)" : firing > 0 ? "FIRING:\(firing)" : "RESOLVED"
        var title = notification.groupLabels
        let common = notification.commonLabels
        // A group without labels would have no title at all.
        if title.isEmpty, let name = common["alertname"] { title = Labels([Label("alertname", name)]) }
        let rest = common.removing(title.pairs.map(\.name))
        var subject = "[\(status)]"
        if !title.isEmpty { subject += " " + title.pairs.map(\.value).joined(separator: " ") }
        if let digest = notification.digestTitle { subject += " (\(digest))" }
        if !rest.isEmpty { subject += " (" + rest.pairs.map(\.value).joined(separator: " ") + ")" }
        return String(subject.prefix(300))
    }

    private func text(note: String?) -> String {
        var text = [notification.remark, note].compactMap { $0.map { "(\($0))\n" } }.joined()
        if !text.isEmpty { text += "\n" }
        for (title, alerts) in sections where !alerts.isEmpty {
            text += "\(alerts.count) \(title)\n\n"
            for alert in alerts.prefix(alertsMax) {
                text += alert.name + "\n"
                for pair in alert.annotations.pairs { text += "  \(pair.name): \(cut(pair.value))\n" }
                for pair in alert.labels.pairs where pair.name != "alertname" { text += "  \(pair.name) = \(cut(pair.value))\n" }
                text += "  since \(alert.startsAt)" + (alert.endsAt.map { ", until \($0)" } ?? "") + "\n"
                let source = WebhookPayload.generatorURL(of: alert, externalURL: externalURL)
                if !source.isEmpty { text += "  \(source)\n" }
                text += "\n"
            }
            if alerts.count > alertsMax {
                text += "and \(alerts.count - alertsMax) more\n"
                for alert in others(of: alerts) { text += "  - \(line(of: alert))\n" }
                text += "\n"
            }
        }
        if !notification.parts.isEmpty {
            text += "This stands for \(notification.parts.count) notifications:\n"
            for part in notification.parts.prefix(NotifyingLimits.alertsPerNotificationMax) { text += "  \(line(of: part))\n" }
            text += "\n"
        }
        if let url = notification.acknowledgeURL { text += "Take care of this: \(url)\n\n" }
        return text + "Sent by Tocsin \(externalURL)\n"
    }

    private func html(note: String?) -> String {
        var html = "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>\(escaped(MailPayload.subject(of: notification)))</title></head>\n"
        html += "<body style=\"font-family: sans-serif; font-size: 14px; color: #222\">\n"
        for remark in [notification.remark, note].compactMap({ $0 }) { html += "<p><em>\(escaped(remark))</em></p>\n" }
        for (title, alerts) in sections where !alerts.isEmpty {
            let colour = title == "firing" ? "#b00020" : "#1b6e3c"
            html += "<h2 style=\"color: \(colour); font-size: 16px\">\(alerts.count) \(title)</h2>\n"
            for alert in alerts.prefix(alertsMax) {
                html += "<div style=\"border-left: 4px solid \(colour); padding: 4px 12px; margin: 12px 0\">\n"
                html += "<p><strong>\(escaped(alert.name))</strong></p>\n"
                for pair in alert.annotations.pairs { html += "<p>\(escaped(cut(pair.value)))</p>\n" }
                html += "<table cellpadding=\"2\">\n"
                for pair in alert.labels.pairs where pair.name != "alertname" {
                    html += "<tr><td>\(escaped(pair.name))</td><td>\(escaped(cut(pair.value)))</td></tr>\n"
                }
                html += "<tr><td>since</td><td>\(alert.startsAt)</td></tr>\n"
                if let endsAt = alert.endsAt { html += "<tr><td>until</td><td>\(endsAt)</td></tr>\n" }
                html += "</table>\n"
                if let picture, picture.alert == alert.fingerprint, title == "firing" {
                    html += "<p><img src=\"cid:\(MailPayload.pictureID)\" alt=\"\(escaped(picture.words))\" width=\"\(MetricPicture.width)\" "
                    html += "height=\"\(MetricPicture.height)\"><br><small>\(escaped(picture.words))</small></p>\n"
                }
                let source = WebhookPayload.generatorURL(of: alert, externalURL: externalURL)
                if !source.isEmpty { html += "<p><a href=\"\(escaped(source))\">Source</a></p>\n" }
                html += "</div>\n"
            }
            if alerts.count > alertsMax {
                html += "<p>and \(alerts.count - alertsMax) more</p>\n<ul>\n"
                for alert in others(of: alerts) { html += "<li>\(escaped(line(of: alert)))</li>\n" }
                html += "</ul>\n"
            }
        }
        if !notification.parts.isEmpty {
            html += "<p>This stands for \(notification.parts.count) notifications:</p>\n<ul>\n"
            for part in notification.parts.prefix(NotifyingLimits.alertsPerNotificationMax) { html += "<li>\(escaped(line(of: part)))</li>\n" }
            html += "</ul>\n"
        }
        if let url = notification.acknowledgeURL { html += "<p><a href=\"\(escaped(url))\">Take care of this</a></p>\n" }
        return html + "<p><a href=\"\(escaped(externalURL))\">Sent by Tocsin</a></p>\n</body></html>\n"
    }

    private var sections: [(title: String, alerts: [Alert])] { [("firing", notification.firing), ("resolved", notification.resolved)] }

    private func cut(_ value: String) -> String { value.utf8.count > valueMax ? String(value.prefix(valueMax)) + "…" : value }

    /// Those that are not written out have a line each.
    private func others(of alerts: [Alert]) -> ArraySlice<Alert> { alerts.dropFirst(alertsMax).prefix(NotifyingLimits.alertsPerNotificationMax) }

    private func line(of alert: Alert) -> String {
        let labels = alert.labels.pairs.filter { $0.name != "alertname" }.map { "\($0.name)=\($0.value)" }.joined(separator: " ")
        return OneLine.of("\(alert.name) \(labels)", charactersMax: 300)
    }

    private func line(of part: Notification.Part) -> String {
        let labels = part.groupLabels.pairs.map { "\($0.name)=\(cut($0.value))" }.joined(separator: " ")
        let alerts = "\(part.alertCount) alert\(part.alertCount == 1 ? "" : "s")"
        return "\(part.createdAt) \(part.status): \(labels.isEmpty ? part.groupKey : labels) (\(alerts))"
    }

    private func escaped(_ text: String) -> String { MailPayload.escaped(text) }

    static func escaped(_ text: String) -> String {
        var output = ""
        for character in text.unicodeScalars {
            switch character {
            case "&": output += "&amp;"
            case "<": output += "&lt;"
            case ">": output += "&gt;"
            case "\"": output += "&quot;"
            case "'": output += "&#39;"
            default: output.unicodeScalars.append(character)
            }
        }
        return output
    }
}
