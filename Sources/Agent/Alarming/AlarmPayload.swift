import JSON
import Telemetry
import Transferring

/// One notification of a local receiver.
struct AlarmNotification: Sendable {
    let alerts: [Alert]
    let host: String
    let state: AggregatorState
    let outage: Duration?

    private var firing: [Alert] { alerts.filter { $0.state == .firing } }

    /// Why this host speaks for itself.
    private var reason: String {
        switch state {
        case .none: "this host has no aggregator"
        case .fails(let error): "the aggregator has taken nothing for \(Int((outage ?? .zero).inSeconds)) s: \(error)"
        case .takes where firing.contains(where: \.isAboutAggregator): "this host watches the aggregator"
        case .takes: "the aggregator takes data again"
        }
    }

    /// Alertmanager's webhook body, version 4, for webhooks and on the standard input of commands.
    var json: [UInt8] {
        var writer = JSONWriter(reserving: 1024)
        writer.beginObject()
        writer.member("version", "4")
        writer.member("groupKey", "local:\(host)")
        writer.member("truncatedAlerts", max(0, alerts.count - AlarmLimits.alertsMax))
        writer.member("status", firing.isEmpty ? "resolved" : "firing")
        writer.member("receiver", "local")
        write("groupLabels", ["host": host], to: &writer)
        write("commonLabels", ["host": host], to: &writer)
        write("commonAnnotations", ["reason": reason], to: &writer)
        writer.member("externalURL", "")
        writer.key("alerts")
        writer.beginArray()
        for alert in alerts.prefix(AlarmLimits.alertsMax) {
            writer.beginObject()
            writer.member("status", alert.state == .resolved ? "resolved" : "firing")
            write("labels", alert.labels, to: &writer)
            write("annotations", alert.annotations, to: &writer)
            writer.member("startsAt", alert.startsAt.rfc3339)
            writer.member("endsAt", alert.endsAt?.rfc3339 ?? "0001-01-01T00:00:00Z")
            writer.member("generatorURL", "")
            writer.member("fingerprint", String(alert.fingerprint, radix: 16))
            writer.endObject()
        }
        writer.endArray()
        writer.endObject()
        return writer.bytes
    }

    func mail(_ email: AlarmConfig.Email, id: UUID, at now: Timestamp) throws(TransferError) -> MailMessage {
        let names = Set(alerts.map(\.name)).sorted().prefix(3).joined(separator: " ")
        let status = firing.isEmpty ? "RESOLVED" : "FIRING:\(firing.count)"
        var text = "\(host) tells this itself: \(reason).\n\n"
        for alert in alerts.prefix(AlarmLimits.alertsMax) {
            text += "\(alert.state == .resolved ? "resolved" : "firing")  \(alert.name)\n"
            for pair in alert.annotations.pairs { text += "  \(pair.name): \(pair.value)\n" }
            for pair in alert.labels.pairs where pair.name != "alertname" { text += "  \(pair.name) = \(pair.value)\n" }
            text += "  since \(alert.startsAt.rfc3339)" + (alert.endsAt.map { ", until \($0.rfc3339)" } ?? "") + "\n\n"
        }
        if alerts.count > AlarmLimits.alertsMax { text += "and \(alerts.count - AlarmLimits.alertsMax) more\n" }
        let from = try MailAddress(email.from)
        let domain = from.address.split(separator: "@").last.map(String.init) ?? "localhost"
        return MailMessage(
            from: from,
            to: try MailAddress.list(email.to),
            subject: "[\(status)] \(names) (\(host), told by the host itself)",
            text: text,
            messageID: "\(id)@\(domain)",
            date: now
        )
    }

    private func write(_ name: String, _ labels: Labels, to writer: inout JSONWriter) {
        writer.key(name)
        writer.beginObject()
        for label in labels.pairs { writer.member(label.name, label.value) }
        writer.endObject()
    }
}
