package import JSON
package import Telemetry

extension JSONWriter {
    /// An event as the REST interface shows it.
    package mutating func event(_ event: Event) {
        beginObject()
        member("event_id", event.id?.description)
        member("timestamp", event.timestamp.rfc3339)
        member("source", event.source)
        member("type", event.type)
        member("severity", event.severity.label)
        member("host", event.host)
        member("correlation_id", event.correlationID)
        member("tags", event.tags)
        member("message", event.message)
        member("data", raw: event.data)
        endObject()
    }

    mutating func events(_ events: [Event]) {
        beginArray()
        for event in events { self.event(event) }
        endArray()
    }

    /// A moment, or null for none and for the ends of time.
    mutating func member(_ name: String, _ timestamp: Timestamp?) {
        let isMoment = timestamp.map { $0 != .distantPast && $0 != .distantFuture } ?? false
        member(name, isMoment ? timestamp?.rfc3339 : nil)
    }

    mutating func labels(_ labels: Labels) {
        beginObject()
        for pair in labels.pairs { member(pair.name, pair.value) }
        endObject()
    }

    mutating func counts(_ name: String, _ counts: some Sequence<(key: String, value: Int)>) {
        key(name)
        beginObject()
        for (name, count) in counts.sorted(by: { ($1.value, $0.key) < ($0.value, $1.key) }) { member(name, count) }
        endObject()
    }
}
