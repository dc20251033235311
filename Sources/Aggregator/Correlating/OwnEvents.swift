import Blocks
import JSON
import Telemetry
import Wire

/// What the aggregator itself has to say, as events of the log: an alert fired or was resolved, a host fell silent or came back.
enum OwnEvents {
    /// One transition as one event, under a key that is never used twice: appending it again changes nothing.
    static func batch(for transition: AlertTransition, receivedAt now: Timestamp) -> AdmittedBatch {
        batch(of: event(for: transition), key: "tocsin-transition-\(transition.sequence)", receivedAt: now)
    }

    /// What the log lost before it was correlated, under a key of the position that it lay behind.
    static func batch(for gap: Gap, behind position: LogPosition, receivedAt now: Timestamp) -> AdmittedBatch {
        var gap = gap
        gap.source = Correlator.cursorName
        return batch(of: gap.event(at: now, host: ""), key: "tocsin-correlating-gap-\(position)", receivedAt: now)
    }

    private static func batch(of event: Event, key: String, receivedAt now: Timestamp) -> AdmittedBatch {
        let block = AdmittedBlock(kind: .events, bytes: EventBlock.encode([event]), count: 1, from: event.timestamp, to: event.timestamp)
        return AdmittedBatch(origin: .client(name: Event.ownSource, key: key), receivedAt: now, blocks: [block])
    }

    /// A merge of incidents on its way into the log: in the shape of an alert, because transitions are what is stored and handed over once.
    static func words(of merge: IncidentMerge, at now: Timestamp) -> Alert {
        let annotations: Labels = ["incident": "\(merge.from)", "keys": merge.keys.map(\.text).joined(separator: ", ")]
        return Alert(
            labels: ["alertname": merge.name],
            annotations: annotations,
            state: .firing,
            activeAt: now,
            startsAt: now,
            value: 0,
            updatedAt: now
        )
    }

    private static func mergeEvent(for transition: AlertTransition) -> Event {
        let (words, into) = (transition.alert.annotations, transition.incident.description)
        let incident = words["incident"] ?? ""
        var data = JSONWriter()
        data.beginObject()
        data.member("incident", incident)
        data.member("merged_into", into)
        data.member("keys", words["keys"] ?? "")
        data.endObject()
        return Event(
            timestamp: transition.alert.startsAt,
            source: Event.ownSource,
            type: type(of: transition),
            severity: .info,
            host: "",
            correlationID: into,
            message: "incident \(incident) (\(transition.alert.name)) is part of \(into)",
            data: data.text
        )
    }

    static func event(for transition: AlertTransition) -> Event {
        if transition.reason == TransitionReason.incidentsMerged.rawValue { return mergeEvent(for: transition) }
        let alert = transition.alert
        let isFiring = alert.state == .firing
        let host = alert.labels["host"] ?? ""
        let summary = alert.annotations["summary"] ?? alert.annotations["description"]
        let name = alert.name.isEmpty ? "an alert" : alert.name
        var message = "\(name) \(isFiring ? "fires" : "is resolved")"
        if transition.reason == TransitionReason.flapping.rawValue { message = "\(name) flaps" }
        if !host.isEmpty { message += " on \(host)" }
        if let summary { message += ": \(summary)" }
        return Event(
            timestamp: isFiring ? alert.startsAt : alert.endsAt ?? alert.updatedAt,
            source: Event.ownSource,
            type: type(of: transition),
            severity: isFiring ? severity(of: alert) : .info,
            host: host,
            correlationID: transition.incident.description,
            message: message,
            data: data(for: transition)
        )
    }

    static func type(of transition: AlertTransition) -> String {
        switch TransitionReason(rawValue: transition.reason) {
        case .hostDown, .hostDownFolded: return "host.down"
        case .hostBack: return "host.back"
        case .hostForgotten where transition.alert.name == HostDown.alertName: return "host.forgotten"
        case .siteUnreachable: return "site.unreachable"
        case .siteReachable: return "site.reachable"
        case .flapping: return "alert.flapping"
        case .steady: return "alert.steady"
        case .incidentsMerged: return "incident.merged"
        default: break
        }
        return transition.alert.state == .firing ? "alert.fired" : "alert.resolved"
    }

    /// What the rule's label says, in Prometheus's habits or in our words.
    static func severity(of alert: Alert) -> Severity {
        let label = alert.labels["severity"] ?? ""
        if let severity = Severity(label: label) { return severity }
        switch label {
        case "page", "emergency", "fatal": return .critical
        case "none", "notice": return .info
        default: return .warning
        }
    }

    private static func data(for transition: AlertTransition) -> String {
        let alert = transition.alert
        var writer = JSONWriter()
        writer.beginObject()
        writer.key("alertname")
        writer.string(alert.name)
        writer.key("state")
        writer.string(alert.state.rawValue)
        writer.key("reason")
        writer.string(transition.reason)
        writer.key("history_only")
        writer.bool(transition.isHistoryOnly)
        writer.key("fingerprint")
        let digits = String(alert.fingerprint, radix: 16)
        writer.string(String(repeating: "0", count: 16 - digits.count) + digits)
        for (key, labels) in [("labels", alert.labels), ("annotations", alert.annotations)] {
            writer.key(key)
            writer.beginObject()
            for pair in labels.pairs {
                writer.key(pair.name)
                writer.string(pair.value)
            }
            writer.endObject()
        }
        writer.key("starts_at")
        writer.string(alert.startsAt.rfc3339)
        if let endsAt = alert.endsAt {
            writer.key("ends_at")
            writer.string(endsAt.rfc3339)
        }
        writer.key("value")
        writer.double(alert.value)
        writer.key("incident")
        writer.string(transition.incident.description)
        writer.key("sequence")
        writer.integer(transition.sequence)
        writer.endObject()
        return writer.text
    }
}
