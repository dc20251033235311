package import Telemetry

/// Where to look for what led to an incident. The aggregator gives the search over the whole log.
package protocol EvidenceSource: Sendable {
    /// Events of a host from warnings upwards, the newest first, each with its id; at most `limit`. Throws when the search failed: it is tried again.
    func warnings(of host: String, in window: ClosedRange<Timestamp>, limit: Int) async throws -> [Event]
}
