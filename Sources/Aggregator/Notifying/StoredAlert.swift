import JSON
import Telemetry

/// Alerts and notification logs as text in the store.
enum StoredAlert {
    static func encode(_ alert: Alert) -> String {
        var writer = JSONWriter(reserving: 512)
        write(alert, to: &writer)
        return writer.text
    }

    static func write(_ alert: Alert, to writer: inout JSONWriter) {
        writer.beginObject()
        write("labels", alert.labels, to: &writer)
        write("annotations", alert.annotations, to: &writer)
        writer.member("state", alert.state.rawValue)
        writer.member("active_at", alert.activeAt.nanoseconds)
        writer.member("starts_at", alert.startsAt.nanoseconds)
        if let endsAt = alert.endsAt { writer.member("ends_at", endsAt.nanoseconds) }
        // As its bits: a value may be NaN or infinite, which JSON cannot say.
        writer.member("value", Int64(bitPattern: alert.value.bitPattern))
        writer.member("updated_at", alert.updatedAt.nanoseconds)
        writer.member("expression", alert.expression)
        writer.endObject()
    }

    /// Nil for what this version cannot read.
    static func decode(_ text: String) -> Alert? { (try? JSON.parse(text)).flatMap { decode($0) } }

    static func decode(_ object: JSON) -> Alert? {
        guard let state = AlertState(rawValue: object["state"]?.string ?? ""),
            let activeAt = object["active_at"]?.integer, let startsAt = object["starts_at"]?.integer, let value = object["value"]?.integer,
            let updatedAt = object["updated_at"]?.integer
        else { return nil }
        return Alert(
            labels: labels(object["labels"]),
            annotations: labels(object["annotations"]),
            state: state,
            activeAt: Timestamp(nanoseconds: activeAt),
            startsAt: Timestamp(nanoseconds: startsAt),
            endsAt: (object["ends_at"]?.integer).map { Timestamp(nanoseconds: $0) },
            value: Double(bitPattern: UInt64(bitPattern: value)),
            updatedAt: Timestamp(nanoseconds: updatedAt),
            expression: object["expression"]?.string ?? ""
        )
    }

    static func encode(told: [String: AlertGroup.Told]) -> String {
        var writer = JSONWriter()
        writer.beginObject()
        for (channel, record) in told.sorted(by: { $0.key < $1.key }) {
            writer.key(channel)
            writer.beginObject()
            writer.member("at", record.at.nanoseconds)
            writer.member("firing", record.firing.map { WebhookPayload.hexadecimal($0) }.sorted())
            writer.endObject()
        }
        writer.endObject()
        return writer.text
    }

    static func decode(told text: String) -> [String: AlertGroup.Told] {
        var told: [String: AlertGroup.Told] = [:]
        for member in (try? JSON.parse(text))?.members ?? [] {
            let firing = member.value["firing"]?.array?.compactMap { $0.string.flatMap { UInt64($0, radix: 16) } } ?? []
            told[member.key] = AlertGroup.Told(firing: Set(firing), at: Timestamp(nanoseconds: member.value["at"]?.integer ?? 0))
        }
        return told
    }

    /// Tells one transition from another under the same sequence.
    static func digest(of transition: AlertTransition) -> UInt64 {
        let alert = transition.alert
        var hash = alert.fingerprint
        func add(_ value: UInt64) { hash = (hash ^ value) &* 0x100_0000_01B3 ^ (hash >> 29) }
        for time in [alert.activeAt, alert.startsAt, alert.endsAt ?? Timestamp(nanoseconds: 0), alert.updatedAt] {
            add(UInt64(bitPattern: time.nanoseconds))
        }
        for byte in alert.state.rawValue.utf8 { add(UInt64(byte)) }
        add(transition.incident.high)
        add(transition.incident.low)
        return hash
    }

    static func write(_ name: String, _ labels: Labels, to writer: inout JSONWriter) {
        writer.key(name)
        writer.beginObject()
        for label in labels.pairs { writer.member(label.name, label.value) }
        writer.endObject()
    }

    static func labels(_ object: JSON?) -> Labels {
        Labels((object?.members ?? []).compactMap { member in member.value.string.map { Label(member.key, $0) } })
    }
}
