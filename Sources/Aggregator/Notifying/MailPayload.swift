import Telemetry
import Transferring

/// A notification as a mail: Alertmanager's subject, a text part and an HTML part that say the same.
enum MailPayload {
    static func message(
        _ notification: Notification,
        config: EmailConfig,
        externalURL: String,
        id: UUID,
        at now: Timestamp
    ) throws(TransferError) -> MailMessage {
        let from = try MailAddress(config.from)
        let domain = from.address.split(separator: "@").last.map(String.init) ?? "localhost"
        var headers: [HTTPHeader] = []
        var subject = subject(of: notification)
        for (name, template) in config.headers {
            let value = oneLine(template.render(notification, externalURL: externalURL))
            if name.lowercased() == "subject" { subject = value } else { headers.append(HTTPHeader(name, value)) }
        }
        return MailMessage(
            from: from,
            to: try MailAddress.list(config.to),
            subject: oneLine(subject),
            text: config.text?.render(notification, externalURL: externalURL) ?? text(of: notification, externalURL: externalURL),
            html: config.html?.render(notification, externalURL: externalURL, escape: escaped) ?? html(of: notification, externalURL: externalURL),
            messageID: "\(id)@\(domain)",
            date: now,
            headers: headers
        )
    }

    /// `[FIRING:2] DiskFull (web-1 critical)`: the state, the group's values, and the other values that all alerts share.
    static func subject(of notification: Notification) -> String {
        let firing = notification.firing.count
        let status = firing > 0 ? "FIRING:\(firing)" : "RESOLVED"
        var title = notification.groupLabels
        let common = notification.commonLabels
        // A group without labels would have no title at all.
        if title.isEmpty, let name = common["alertname"] { title = Labels([Label("alertname", name)]) }
        let rest = common.removing(title.pairs.map(\.name))
        var subject = "[\(status)]"
        if !title.isEmpty { subject += " " + title.pairs.map(\.value).joined(separator: " ") }
        if notification.reason == .digest { subject += " (digest of \(notification.alerts.count) alerts over the rate limit)" }
        if !rest.isEmpty { subject += " (" + rest.pairs.map(\.value).joined(separator: " ") + ")" }
        return String(subject.prefix(300))
    }

    private static func text(of notification: Notification, externalURL: String) -> String {
        var text = ""
        for (title, alerts) in sections(of: notification) where !alerts.isEmpty {
            text += "\(alerts.count) \(title)\n\n"
            for alert in alerts.prefix(NotifyingLimits.alertsPerMailMax) {
                text += alert.name + "\n"
                for pair in alert.annotations.pairs { text += "  \(pair.name): \(pair.value)\n" }
                for pair in alert.labels.pairs where pair.name != "alertname" { text += "  \(pair.name) = \(pair.value)\n" }
                text += "  since \(alert.startsAt)" + (alert.endsAt.map { ", until \($0)" } ?? "") + "\n"
                let source = WebhookPayload.generatorURL(of: alert, externalURL: externalURL)
                if !source.isEmpty { text += "  \(source)\n" }
                text += "\n"
            }
            if alerts.count > NotifyingLimits.alertsPerMailMax { text += "and \(alerts.count - NotifyingLimits.alertsPerMailMax) more\n\n" }
        }
        if let url = notification.acknowledgeURL { text += "Take care of this: \(url)\n\n" }
        return text + "Sent by Tocsin \(externalURL)\n"
    }

    private static func html(of notification: Notification, externalURL: String) -> String {
        var html = "<!DOCTYPE html>\n<html><head><meta charset=\"utf-8\"><title>\(escaped(subject(of: notification)))</title></head>\n"
        html += "<body style=\"font-family: sans-serif; font-size: 14px; color: #222\">\n"
        for (title, alerts) in sections(of: notification) where !alerts.isEmpty {
            let colour = title == "firing" ? "#b00020" : "#1b6e3c"
            html += "<h2 style=\"color: \(colour); font-size: 16px\">\(alerts.count) \(title)</h2>\n"
            for alert in alerts.prefix(NotifyingLimits.alertsPerMailMax) {
                html += "<div style=\"border-left: 4px solid \(colour); padding: 4px 12px; margin: 12px 0\">\n"
                html += "<p><strong>\(escaped(alert.name))</strong></p>\n"
                for pair in alert.annotations.pairs { html += "<p>\(escaped(pair.value))</p>\n" }
                html += "<table cellpadding=\"2\">\n"
                for pair in alert.labels.pairs where pair.name != "alertname" {
                    html += "<tr><td>\(escaped(pair.name))</td><td>\(escaped(pair.value))</td></tr>\n"
                }
                html += "<tr><td>since</td><td>\(alert.startsAt)</td></tr>\n"
                if let endsAt = alert.endsAt { html += "<tr><td>until</td><td>\(endsAt)</td></tr>\n" }
                html += "</table>\n"
                let source = WebhookPayload.generatorURL(of: alert, externalURL: externalURL)
                if !source.isEmpty { html += "<p><a href=\"\(escaped(source))\">Source</a></p>\n" }
                html += "</div>\n"
            }
            if alerts.count > NotifyingLimits.alertsPerMailMax { html += "<p>and \(alerts.count - NotifyingLimits.alertsPerMailMax) more</p>\n" }
        }
        if let url = notification.acknowledgeURL { html += "<p><a href=\"\(escaped(url))\">Take care of this</a></p>\n" }
        return html + "<p><a href=\"\(escaped(externalURL))\">Sent by Tocsin</a></p>\n</body></html>\n"
    }

    private static func sections(of notification: Notification) -> [(title: String, alerts: [Alert])] {
        [("firing", notification.firing), ("resolved", notification.resolved)]
    }

    private static func escaped(_ text: String) -> String {
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

    /// Labels may hold line ends; a subject must not.
    private static func oneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : $0 }))
    }
}
