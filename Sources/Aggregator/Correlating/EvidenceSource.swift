package import Telemetry

/// Where to look for what led to an incident. The aggregator gives the search over the whole log. What throws is tried again.
package protocol EvidenceSource: Sendable {
    /// Events of a host from warnings upwards, the newest first, each with its id; at most `limit`.
    func warnings(of host: String, in window: ClosedRange<Timestamp>, limit: Int) async throws -> [Event]
    /// Events of these types (whole, or with `.*` at the end) of all hosts and of none, the newest first, each with its id; at most `limit`.
    func changes(of types: [String], in window: ClosedRange<Timestamp>, limit: Int) async throws -> [Event]
    /// Oldest first, each with its id; at most `limit`.
    func events(correlationID: String, limit: Int) async throws -> [Event]
    /// Whether the host has an event with all of these words.
    func hasOccurred(_ words: String, on host: String, in window: ClosedRange<Timestamp>) async throws -> Bool
    /// What the alert's expression is about; at most `limit` series.
    func metrics(of alert: Alert, in window: ClosedRange<Timestamp>, limit: Int) async throws -> [MetricPoints]
}
