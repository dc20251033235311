/// Something that happened. A log line is an Event of type `log.line`.
package struct Event: Sendable, Hashable {
    /// The client's own identifier; nil where the aggregator derives one from where the row stands (``UUID/derived(at:from:)``).
    package var id: UUID?
    package var timestamp: Timestamp
    /// The system that says so. Not empty.
    package var source: String
    /// Dotted, lower case, past tense: `log.line`, `deploy.finished`. Not empty.
    package var type: String
    package var severity: Severity
    /// The host's name; empty where a client named none.
    package var host: String
    package var correlationID: String?
    package var tags: [String]
    package var message: String?
    /// A JSON object as compact text; `{}` when there is none.
    package var data: String

    package init(
        id: UUID? = nil,
        timestamp: Timestamp,
        source: String,
        type: String,
        severity: Severity,
        host: String = "",
        correlationID: String? = nil,
        tags: [String] = [],
        message: String? = nil,
        data: String = "{}"
    ) {
        (self.id, self.timestamp, self.source, self.type, self.severity) = (id, timestamp, source, type, severity)
        (self.host, self.correlationID, self.tags, self.message, self.data) = (host, correlationID, tags, message, data)
    }

    /// The type of a followed line.
    package static let logLine = "log.line"
    /// The source of Tocsin's own events.
    package static let ownSource = "tocsin"
}
