import JSON
package import Telemetry

extension Gap {
    /// A gap as it travels: an Event of Tocsin's own, with its numbers in `data`.
    package func event(at timestamp: Timestamp, host: String) -> Event {
        var writer = JSONWriter()
        writer.beginObject()
        writer.member("source", source)
        writer.member("reason", reason.rawValue)
        writer.member("from", from.rfc3339)
        writer.member("to", to.rfc3339)
        writer.member("count", count)
        writer.member("bytes", bytes)
        writer.member("detail", detail)
        writer.endObject()
        return Event(
            timestamp: timestamp,
            source: Event.ownSource,
            type: Gap.eventType,
            severity: .warning,
            host: host,
            message: detail,
            data: writer.text
        )
    }
}
