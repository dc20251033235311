package import JSON
package import Telemetry

/// Members of an event in JSON, in the order they are written in.
package enum EventField: String, Sendable, Hashable, CaseIterable {
    case id = "event_id"
    case timestamp, source, type, severity, host
    case correlationID = "correlation_id"
    case tags, message, data
}

extension JSONWriter {
    /// An event as the REST interface shows it.
    /// - Parameter fields: those that are wanted, each once.
    package mutating func event(_ event: Event, fields: [EventField] = EventField.allCases) {
        beginObject()
        members(of: event, fields)
        endObject()
    }

    mutating func members(of event: Event, _ fields: [EventField] = EventField.allCases) {
        for field in fields {
            switch field {
            case .id: member("event_id", event.id?.description)
            case .timestamp: member("timestamp", event.timestamp.rfc3339)
            case .source: member("source", event.source)
            case .type: member("type", event.type)
            case .severity: member("severity", event.severity.label)
            case .host: member("host", event.host)
            case .correlationID: member("correlation_id", event.correlationID)
            case .tags: member("tags", event.tags)
            case .message: member("message", event.message)
            case .data: member("data", raw: event.data)
            }
        }
    }

    mutating func events(_ events: [Event], fields: [EventField] = EventField.allCases) {
        beginArray()
        for event in events { self.event(event, fields: fields) }
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
