import Answering
import Hummingbird
import JSON
import Telemetry

/// Events: list, one, by correlation, totals. The same with and without `/api/v1`.
struct EventRoutes: Sendable {
    private let searching: any EventSearching

    /// Events of one correlation that are shown; a request that touches more services than this is looked at in pages of the list.
    static let correlationMax = 10_000
    /// Values of a facet in one answer.
    static let facetsMax = 10_000

    init(_ searching: any EventSearching) { self.searching = searching }

    var routes: [Route] {
        Route.both(.get, "/events", .read) { request, _ in try await list(request) }
            + Route.both(.get, "/events/stats", .read) { request, _ in try await statistics(request) }
            + Route.both(.get, "/events/facets", .read) { request, _ in try await facets(request) }
            + Route.both(.get, "/events/export", .read) { request, _ in try await EventExport(searching, request).response() }
            + Route.both(.get, "/events/correlation/:id", .read) { _, context in try await correlation(context) }
            + Route.both(.get, "/events/:id", .read, isBrief: true) { _, context in try await one(context) }
    }

    private func list(_ request: Request) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        let (query, fields) = (try EventFilter.query(parameters), try EventFilter.fields(parameters))
        let page = try await asked { () async throws(QueryError) in try await searching.events(query) }
        return .json { json in
            json.beginObject()
            json.key("events")
            json.events(page.events, fields: fields)
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
        let query = try EventFilter.countQuery(parameters, besides: ["interval"])
        var interval: Duration?
        if let text = try parameters.value("interval") {
            interval = StepDuration.parse(text)
            guard let interval, interval >= .milliseconds(1) else {
                throw EventFilter.wrong("interval", text, "write a duration of a millisecond or more: seconds (300) or with a unit (5m)")
            }
        }
        let width = interval
        let totals = try await asked { () async throws(QueryError) in try await searching.statistics(query, interval: width) }
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
            if totals.interval != nil { json.buckets(totals.buckets) }
            json.endObject()
        }
    }

    private func facets(_ request: Request) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        let query = try EventFilter.countQuery(parameters, besides: ["field", "limit"])
        let names = EventFacet.allCases.map(\.rawValue).joined(separator: ", ")
        guard let name = try parameters.value("field"), let facet = EventFacet(rawValue: name) else {
            throw EventFilter.wrong("field", try parameters.value("field") ?? "", "write one of \(names)")
        }
        let limit = try parameters.integer("limit", in: 1...Self.facetsMax, default: EventFilter.limitDefault)
        let found = try await asked { () async throws(QueryError) in try await searching.facets(query, by: facet, limit: limit) }
        return .json { json in
            json.beginObject()
            json.member("field", facet.rawValue)
            json.key("values")
            json.beginArray()
            for value in found.values {
                json.beginObject()
                json.member("value", value.value)
                json.member("count", value.count)
                json.endObject()
            }
            json.endArray()
            json.member("distinct", found.distinct)
            json.member("total_events", found.total)
            json.endObject()
        }
    }
}

extension JSONWriter {
    fileprivate mutating func buckets(_ buckets: [EventBucket]) {
        key("buckets")
        beginArray()
        for bucket in buckets {
            beginObject()
            member("start", bucket.start.rfc3339)
            member("count", bucket.total)
            counts("by_severity", bucket.bySeverity.map { ($0.key.label, $0.value) })
            endObject()
        }
        endArray()
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
