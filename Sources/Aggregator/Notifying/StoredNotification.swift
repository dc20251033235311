import JSON
import Telemetry

/// A notification as text in the outbox: what it says, not how it is written, so that another channel, a digest or a mended template can say it too.
enum StoredNotification {
    static func encode(_ notification: Notification) -> String {
        var writer = JSONWriter(reserving: 256 + 640 * notification.alerts.count)
        writer.beginObject()
        writer.member("group_key", notification.groupKey)
        StoredAlert.write("group_labels", notification.groupLabels, to: &writer)
        writer.member("reason", notification.reason.rawValue)
        if let openedAt = notification.openedAt { writer.member("opened_at", openedAt.nanoseconds) }
        if let remark = notification.remark { writer.member("remark", remark) }
        if let url = notification.acknowledgeURL { writer.member("acknowledge_url", url) }
        if let told = notification.acknowledgement { write(told, to: &writer) }
        writer.key("alerts")
        writer.beginArray()
        for alert in notification.alerts { StoredAlert.write(alert, to: &writer) }
        writer.endArray()
        if !notification.parts.isEmpty {
            writer.key("parts")
            writer.beginArray()
            for part in notification.parts { write(part, to: &writer) }
            writer.endArray()
        }
        writer.endObject()
        return writer.text
    }

    private static func write(_ told: Notification.Acknowledged, to writer: inout JSONWriter) {
        writer.key("acknowledged")
        writer.beginObject()
        writer.member("at", told.acknowledgement.at.nanoseconds)
        writer.member("by", told.acknowledgement.by)
        writer.member("comment", told.acknowledgement.comment)
        writer.member("via", told.acknowledgement.via)
        writer.member("whole", told.isWhole)
        writer.endObject()
    }

    private static func acknowledged(_ object: JSON?) -> Notification.Acknowledged? {
        guard let object, let at = object["at"]?.integer else { return nil }
        let acknowledgement = AlertAcknowledgement(
            at: Timestamp(nanoseconds: at),
            by: object["by"]?.string ?? "",
            comment: object["comment"]?.string ?? "",
            via: object["via"]?.string ?? ""
        )
        return Notification.Acknowledged(acknowledgement: acknowledgement, isWhole: object["whole"]?.bool ?? false)
    }

    private static func write(_ part: Notification.Part, to writer: inout JSONWriter) {
        writer.beginObject()
        if let id = part.id { writer.member("id", id.description) }
        writer.member("group_key", part.groupKey)
        StoredAlert.write("group_labels", part.groupLabels, to: &writer)
        writer.member("status", part.status)
        writer.member("alert_count", part.alertCount)
        writer.member("created_at", part.createdAt.nanoseconds)
        writer.endObject()
    }

    /// Nil for what this version cannot read.
    static func decode(_ text: String, for channel: Channel) -> Notification? {
        guard let object = try? JSON.parse(text), let alerts = object["alerts"]?.array else { return nil }
        return Notification(
            channel: channel,
            groupKey: object["group_key"]?.string ?? "",
            groupLabels: StoredAlert.labels(object["group_labels"]),
            reason: NotifyReason(rawValue: object["reason"]?.string ?? "") ?? .first,
            alerts: alerts.compactMap { StoredAlert.decode($0) },
            acknowledgeURL: object["acknowledge_url"]?.string,
            openedAt: (object["opened_at"]?.integer).map { Timestamp(nanoseconds: $0) },
            parts: (object["parts"]?.array ?? []).map { part in
                Notification.Part(
                    id: part["id"]?.string.flatMap { UUID($0) },
                    groupKey: part["group_key"]?.string ?? "",
                    groupLabels: StoredAlert.labels(part["group_labels"]),
                    status: part["status"]?.string ?? "firing",
                    alertCount: Int(part["alert_count"]?.integer ?? 0),
                    createdAt: Timestamp(nanoseconds: part["created_at"]?.integer ?? 0)
                )
            },
            remark: object["remark"]?.string,
            acknowledgement: acknowledged(object["acknowledged"])
        )
    }
}
