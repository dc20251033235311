import Correlating
import Telemetry

/// Evidence from the search that people use.
struct SearchedEvidence: EvidenceSource {
    let events: any EventSearching

    func warnings(of host: String, in window: ClosedRange<Timestamp>, limit: Int) async throws -> [Event] {
        let end = window.upperBound.advanced(by: .nanoseconds(1))
        let query = EventQuery(minSeverity: .warning, host: host, start: window.lowerBound, end: end, limit: limit)
        var (found, cursor) = ([Event](), EventCursor?.none)
        repeat {
            var next = query
            next.cursor = cursor
            let page = try await events.events(next)
            found += page.events
            cursor = page.next
        } while cursor != nil && found.count < limit
        return found
    }
}
