import JSON
import Telemetry

/// Alertmanager's webhook body, version 4: its fields, `acknowledgeURL` while something fires, `acknowledged` where that is what it tells, and in a digest
/// `digest`, which lists what it stands for.
enum WebhookPayload {
    /// What Go writes for a time that is not set: Alertmanager's `endsAt` while an alert fires.
    private static let noTime = "0001-01-01T00:00:00Z"

    /// - Parameters:
    ///   - maxAlerts: more are cut off and counted; 0: the limit of ``NotifyingLimits/alertsPerNotificationMax``.
    ///   - key: of a delivery without headers, for whoever wants to know a repeat.
    static func encode(_ notification: Notification, externalURL: String, maxAlerts: Int, key: UUID? = nil) -> [UInt8] {
        let limit = maxAlerts > 0 ? min(maxAlerts, NotifyingLimits.alertsPerNotificationMax) : NotifyingLimits.alertsPerNotificationMax
        var alerts = JSONWriter(reserving: 512 * min(limit, notification.alerts.count))
        alerts.beginArray()
        var written = 0
        for alert in notification.alerts.prefix(limit) {
            write(alert, externalURL: externalURL, to: &alerts)
            written += 1
            if alerts.bytes.count > NotifyingLimits.bodyBytesMax { break }
        }
        alerts.endArray()
        var writer = JSONWriter(reserving: 1024 + alerts.bytes.count)
        writer.beginObject()
        if let key { writer.member("idempotencyKey", key.description) }
        writer.member("version", "4")
        writer.member("groupKey", notification.groupKey)
        writer.member("truncatedAlerts", notification.alerts.count - written)
        writer.member("status", notification.status)
        writer.member("receiver", notification.channel.receiver)
        write("groupLabels", notification.groupLabels, to: &writer)
        write("commonLabels", notification.commonLabels, to: &writer)
        write("commonAnnotations", notification.commonAnnotations, to: &writer)
        writer.member("externalURL", externalURL)
        if let url = notification.acknowledgeURL { writer.member("acknowledgeURL", url) }
        if let told = notification.acknowledgement?.acknowledgement {
            writer.key("acknowledged")
            writer.beginObject()
            writer.member("at", told.at.rfc3339)
            writer.member("by", told.by)
            writer.member("comment", told.comment)
            writer.member("via", told.via)
            writer.endObject()
        }
        writer.key("alerts")
        writer.raw(utf8: alerts.bytes.span)
        if !notification.parts.isEmpty { write(notification.parts, to: &writer) }
        writer.endObject()
        return writer.bytes
    }

    private static func write(_ alert: Alert, externalURL: String, to writer: inout JSONWriter) {
        writer.beginObject()
        writer.member("status", alert.state == .resolved ? "resolved" : "firing")
        write("labels", alert.labels, to: &writer)
        write("annotations", alert.annotations, to: &writer)
        writer.member("startsAt", alert.startsAt.rfc3339)
        writer.member("endsAt", alert.state == .resolved ? (alert.endsAt ?? alert.updatedAt).rfc3339 : noTime)
        writer.member("generatorURL", generatorURL(of: alert, externalURL: externalURL))
        writer.member("fingerprint", hexadecimal(alert.fingerprint))
        writer.endObject()
    }

    /// What a digest stands for: the one member that Alertmanager does not have.
    private static func write(_ parts: [Notification.Part], to writer: inout JSONWriter) {
        writer.key("digest")
        writer.beginArray()
        for part in parts {
            writer.beginObject()
            if let id = part.id { writer.member("id", id.description) }
            writer.member("groupKey", part.groupKey)
            write("groupLabels", part.groupLabels, to: &writer)
            writer.member("status", part.status)
            writer.member("alerts", part.alertCount)
            writer.member("createdAt", part.createdAt.rfc3339)
            writer.endObject()
        }
        writer.endArray()
    }

    /// Where the alert's expression can be asked again; empty when there is none. Another system's alert brings its own.
    static func generatorURL(of alert: Alert, externalURL: String) -> String {
        guard !alert.expression.isEmpty else { return "" }
        if alert.isFromElsewhere { return alert.expression }
        return "\(externalURL)/api/v1/query?query=\(percentEncoded(alert.expression))"
    }

    static func hexadecimal(_ fingerprint: UInt64) -> String {
        let digits = String(fingerprint, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    private static func write(_ name: String, _ labels: Labels, to writer: inout JSONWriter) {
        writer.key(name)
        writer.beginObject()
        for label in labels.pairs { writer.member(label.name, label.value) }
        writer.endObject()
    }

    /// RFC 3986 §2.3: all but the unreserved characters.
    private static func percentEncoded(_ text: String) -> String {
        var bytes: [UInt8] = []
        let hex = Array("0123456789ABCDEF".utf8)
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
