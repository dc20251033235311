import JSON

/// A member with a place of its own.
enum EventField: UInt16, CustomStringConvertible {
    case eventID, timestamp, source, type, severity, host, correlationID, tags, message, data

    /// Nil for any other name. Compares bytes: no String is made for the names of a million events.
    init?(_ name: JSONText, in bytes: Span<UInt8>) {
        if name.equals("source", in: bytes) || name.equals("source_system", in: bytes) {
            self = .source
        } else if name.equals("type", in: bytes) || name.equals("event_type", in: bytes) {
            self = .type
        } else if name.equals("severity", in: bytes) {
            self = .severity
        } else if name.equals("timestamp", in: bytes) {
            self = .timestamp
        } else if name.equals("message", in: bytes) {
            self = .message
        } else if name.equals("host", in: bytes) {
            self = .host
        } else if name.equals("data", in: bytes) {
            self = .data
        } else if name.equals("tags", in: bytes) {
            self = .tags
        } else if name.equals("event_id", in: bytes) {
            self = .eventID
        } else if name.equals("correlation_id", in: bytes) {
            self = .correlationID
        } else {
            return nil
        }
    }

    var bit: UInt16 { 1 << rawValue }

    /// How it is spelt.
    var description: String {
        switch self {
        case .eventID: "event_id"
        case .timestamp: "timestamp"
        case .source: "source"
        case .type: "type"
        case .severity: "severity"
        case .host: "host"
        case .correlationID: "correlation_id"
        case .tags: "tags"
        case .message: "message"
        case .data: "data"
        }
    }

    /// What to write.
    var note: String {
        switch self {
        case .source: "write source (source_system is another spelling of it)"
        case .type: "write type (event_type is another spelling of it)"
        case .severity: "write debug, info, warning, error or critical"
        default: "write it once"
        }
    }
}
