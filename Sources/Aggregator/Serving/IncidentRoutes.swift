import Answering
import Hummingbird
import JSON
import Telemetry

/// Incidents: a list with filters, and one as a whole.
struct IncidentRoutes: Sendable {
    private let alerts: any AlertDirectory

    static let incidentsMax = 1_000
    /// Alerts that the list shows of one incident; the incident itself shows all that are kept.
    static let alertsListedMax = 20

    private enum State: String, CaseIterable { case open, closed }

    init(_ alerts: any AlertDirectory) { self.alerts = alerts }

    var routes: [Route] {
        [
            Route(.get, "/api/v1/incidents", .read) { request, _ in try await list(request) },
            Route(.get, "/api/v1/incidents/:id", .read) { _, context in try await show(context) },
        ]
    }

    private func list(_ request: Request) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        try parameters.refuseOthers(than: ["state", "host", "name", "alertname", "start", "end", "limit", "cursor"])
        let (start, end) = try EventFilter.range(parameters)
        var query = IncidentQuery(
            isOpen: try parameters.word("state", State.self).map { $0 == .open },
            host: try parameters.value("host"),
            name: try parameters.value("name", "alertname"),
            start: start,
            end: end,
            limit: try parameters.integer("limit", in: 1...Self.incidentsMax, default: 50)
        )
        if let text = try parameters.value("cursor") {
            guard let cursor = IncidentCursor(text: text) else {
                throw EventFilter.wrong("cursor", text, "give the next_cursor of the page before, unchanged")
            }
            query.cursor = cursor
        }
        let asked = query
        let page = try await self.asked(asked)
        return .json { json in
            json.beginObject()
            json.key("incidents")
            json.beginArray()
            for incident in page.incidents { json.incident(incident, isWhole: false) }
            json.endArray()
            json.member("count", page.incidents.count)
            json.member("next_cursor", page.next?.text)
            json.endObject()
        }
    }

    private func asked(_ query: IncidentQuery) async throws(Problem) -> IncidentPage {
        try await Serving.asked { () async throws(QueryError) in try await alerts.incidents(query) }
    }

    private func show(_ context: DoorContext) async throws(Problem) -> Response {
        let piece = try context.piece("id")
        guard let id = UUID(piece) else { throw .malformed("\"\(piece)\" is not an incident's id: write a UUID") }
        guard let incident = try await Serving.asked({ () async throws(QueryError) in try await alerts.incident(id: id) }) else {
            throw .notFound("there is no incident \(id), or not any more")
        }
        return .json { json in json.incident(incident, isWhole: true) }
    }
}

extension IncidentCursor {
    /// A number and an id; clients hand it back unchanged.
    var text: String { "\(openedAt.nanoseconds).\(id)" }

    init?(text: String) {
        let parts = text.split(separator: ".", maxSplits: 1)
        guard parts.count == 2, let nanoseconds = Int64(parts[0]), let id = UUID(parts[1]) else { return nil }
        self.init(openedAt: Timestamp(nanoseconds: nanoseconds), id: id)
    }
}

extension JSONWriter {
    /// - Parameter isWhole: with evidence, changes and metrics; the list counts them.
    mutating func incident(_ incident: Incident, isWhole: Bool) {
        beginObject()
        member("id", incident.id.description)
        member("name", incident.name)
        member("state", incident.isOpen ? "open" : "closed")
        member("hosts", incident.hosts)
        member("keys", incident.keys)
        member("opened_at", incident.openedAt)
        member("closed_at", incident.closedAt)
        member("closing", incident.closing?.rawValue)
        member("collection", incident.collection.rawValue)
        member("missing", incident.missing)
        member("merged_into", incident.mergedInto?.description)
        member("merged_from", incident.mergedFrom.map(\.description))
        member("alert_count", incident.alerts.count)
        member("evidence_count", incident.evidence.count)
        key("alerts")
        beginArray()
        for alert in incident.alerts.prefix(isWhole ? incident.alerts.count : IncidentRoutes.alertsListedMax) { self.alert(alert) }
        endArray()
        if isWhole {
            key("evidence")
            events(incident.evidence)
            key("changes")
            events(incident.changes)
            key("metrics")
            beginArray()
            for series in incident.metrics { points(series) }
            endArray()
        }
        endObject()
    }

    /// As a range answer of the metric queries: `{"metric": {…}, "values": [[seconds, "value"], …]}`.
    private mutating func points(_ series: MetricPoints) {
        beginObject()
        key("metric")
        labels(series.labels)
        key("values")
        beginArray()
        for point in series.points {
            beginArray()
            double(Double(point.timestamp.nanoseconds / 1_000_000) / 1000)
            string("\(point.value)")
            endArray()
        }
        endArray()
        endObject()
    }
}
