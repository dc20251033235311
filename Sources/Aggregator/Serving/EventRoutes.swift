import Answering
import Hummingbird
import JSON
import Telemetry

/// Events: list, one, by correlation, totals. The same with and without `/api/v1`.
struct EventRoutes: Sendable {
    private let searching: any EventSearching

    /// Events of one correlation that are shown; a request that touches more services than this is looked at in pages of the list.
    static let correlationMax = 10_000

    init(_ searching: any EventSearching) { self.searching = searching }

    var routes: [Route] {
        Route.both(.get, "/events", .read) { request, _ in try await list(request) }
            + Route.both(.get, "/events/stats", .read) { request, _ in try await statistics(request) }
            + Route.both(.get, "/events/stream", .read) { _, _ in
                throw Problem.notFound("there is no live stream yet; ask /api/v1/events with sort_order=asc and the last next_cursor")
            }
            + Route.both(.get, "/events/correlation/:id", .read) { _, context in try await correlation(context) }
            + Route.both(.get, "/events/:id", .read) { _, context in try await one(context) }
    }

    private func list(_ request: Request) async throws(Problem) -> Response {
        let query = try EventFilter.query(try request.parameters())
        let page = try await asked { () async throws(QueryError) in try await searching.events(query) }
        return .json { json in
            json.beginObject()
            json.key("events")
            json.events(page.events)
            json.member("count", page.events.count)
            json.member("next_cursor", page.next?.text)
            json.endObject()
        }
    }

    private func one(_ context: DoorContext) async throws(Problem) -> Response {
        let text = try context.piece("id")
        guard let id = UUID(text) else {
            throw .malformed("\"\(text)\" is not an event's id: write a UUID of 8-4-4-4-12 hex digits")
        }
        guard let event = try await asked({ () async throws(QueryError) in try await searching.event(id: id) }) else {
            throw .notFound("there is no event \(id): it was never collected, or retention has removed it")
        }
        return .json { $0.event(event) }
    }

    private func correlation(_ context: DoorContext) async throws(Problem) -> Response {
        let id = try context.piece("id")
        let events = try await asked { () async throws(QueryError) in try await searching.events(correlationID: id, limit: Self.correlationMax) }
        return .json { json in
            json.beginObject()
            json.member("correlation_id", id)
            json.key("events")
            json.events(events)
            json.member("count", events.count)
            json.endObject()
        }
    }

    private func statistics(_ request: Request) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        try parameters.refuseOthers(than: ["start", "end"])
        let (start, end) = try EventFilter.range(parameters)
        let totals = try await asked { () async throws(QueryError) in try await searching.statistics(from: start, to: end) }
        return .json { json in
            json.beginObject()
            json.member("total_events", totals.total)
            json.counts("by_source", totals.bySource.map { ($0.key, $0.value) })
            json.counts("by_type", totals.byType.map { ($0.key, $0.value) })
            json.counts("by_severity", totals.bySeverity.map { ($0.key.label, $0.value) })
            json.counts("by_host", totals.byHost.map { ($0.key, $0.value) })
            json.key("time_range")
            json.beginObject()
            json.member("start", totals.start)
            json.member("end", totals.end)
            json.endObject()
            json.endObject()
        }
    }
}

extension DoorContext {
    /// A piece of the path, with its escapes resolved.
    func piece(_ name: String) throws(Problem) -> String {
        try FormParameters.decode(path: parameters.get(name) ?? "")
    }
}

/// A question to another room: its errors as problems.
func asked<Answer: Sendable>(_ question: () async throws(QueryError) -> Answer) async throws(Problem) -> Answer {
    do {
        return try await question()
    } catch {
        switch error {
        case .invalid(let detail): throw .malformed(detail)
        case .limit(let detail): throw .unacceptable(detail)
        case .failed(let detail): throw .failed(detail)
        }
    }
}
