import Answering
import Explaining
import Hummingbird
import JSON
import Telemetry

/// Why somebody was told, or nobody; past alerts; what rules cost their people; who has the duty.
struct ExplanationRoutes: Sendable {
    private let alerts: any AlertDirectory
    private let history: any AlertHistory
    /// Rooms that decided something.
    private let rooms: [any DecisionDirectory]

    static let episodesMax = 1_000
    static let turnsMax = 52
    /// Episodes of one alert, or of those whose id begins alike.
    static let sameAlertMax = 200

    init(alerts: any AlertDirectory, history: any AlertHistory, correlated: any DecisionDirectory) {
        (self.alerts, self.history, rooms) = (alerts, history, [correlated, history])
    }

    var routes: [Route] {
        [
            Route(.get, "/api/v1/alerts/:id/explanation", .read) { request, context in try await explain(request, context) },
            Route(.get, "/api/v1/alerts/history", .read) { request, _ in try await list(request) },
            Route(.get, "/api/v1/reports/noise", .read) { request, _ in try await noise(request) },
            Route(.get, "/api/v1/oncall", .read) { request, _ in try await onCall(request) },
        ]
    }

    private func explain(_ request: Request, _ context: DoorContext) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        try parameters.refuseOthers(than: ["at"])
        let moment = try parameters.timestamp("at")
        let id = try AlertID(context.piece("id"))
        let current = await alerts.alerts().filter { id.fingerprints.contains($0.fingerprint) }
        let range = id.fingerprints
        let episodes = try await asked { () async throws(QueryError) in try await history.episodes(fingerprints: range, limit: Self.sameAlertMax) }
        let fingerprint = try id.one(of: current + episodes.map(\.alert))
        let choice = Explanation.Choice(
            current: current.first { $0.fingerprint == fingerprint },
            episodes: episodes.filter { $0.alert.fingerprint == fingerprint },
            at: moment
        )
        guard let choice else { throw .notFound("this alert had not fired by \(moment?.rfc3339 ?? "then")") }
        var decisions: [Decision] = []
        for room in rooms {
            decisions += try await asked { () async throws(QueryError) in
                try await room.decisions(of: fingerprint, activeFrom: choice.activeFrom, to: choice.activeTo)
            }
        }
        let explanation = Explanation(choice, decisions: decisions)
        return .json { $0.explanation(explanation) }
    }

    private func list(_ request: Request) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        try parameters.refuseOthers(than: ["start", "end", "host", "alertname", "limit", "cursor"])
        var query = EpisodeQuery(limit: try parameters.integer("limit", in: 1...Self.episodesMax, default: 100))
        (query.start, query.end) = (try parameters.timestamp("start"), try parameters.timestamp("end"))
        (query.host, query.alertname) = (try parameters.value("host"), try parameters.value("alertname"))
        if let text = try parameters.value("cursor") {
            guard let place = EpisodeQuery.Place(text) else {
                throw .malformed("cursor=\(text) is none of ours: give back the `next_cursor` of the page before")
            }
            query.after = place
        }
        // One more tells whether there is another page.
        let limit = query.limit
        query.limit += 1
        let asking = query
        let found = try await asked { () async throws(QueryError) in try await history.episodes(asking) }
        let page = Array(found.prefix(limit))
        let next = found.count > limit ? page.last.map { EpisodeQuery.Place(startsAt: $0.alert.startsAt, ordinal: $0.ordinal).text } : nil
        return .json { json in json.page("alerts", page, next: next) { $0.episode($1) } }
    }

    private func noise(_ request: Request) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        try parameters.refuseOthers(than: ["start", "end"])
        let end = try parameters.timestamp("end") ?? .distantFuture
        guard let start = try parameters.timestamp("start") else {
            throw .malformed(
                "start is missing",
                errors: [Problem.Item(pointer: "?start", detail: "write from when on: RFC 3339 or seconds since 1970")]
            )
        }
        guard start <= end else { throw .malformed("start is after end") }
        let rules = try await asked { () async throws(QueryError) in try await history.noise(from: start, to: end) }
        return .json { json in
            json.list("rules", rules) { json, rule in
                json.beginObject()
                json.member("alertname", rule.alertname)
                json.member("pages", rule.pages)
                json.member("notifications", rule.notifications)
                json.member("episodes", rule.episodes)
                json.member("acknowledged", rule.acknowledged)
                json.member("flaps", rule.flaps)
                json.member("median_seconds", rule.medianLength?.inSeconds)
                json.endObject()
            }
        }
    }

    private func onCall(_ request: Request) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        try parameters.refuseOthers(than: ["turns"])
        let rotas = await history.onCall(turns: try parameters.integer("turns", in: 1...Self.turnsMax, default: 4))
        return .json { json in
            json.list("oncall", rotas) { json, rota in
                json.beginObject()
                json.member("name", rota.name)
                json.member("time_zone", rota.timeZone)
                json.member("person", rota.turns.first?.person)
                json.key("turns")
                json.beginArray()
                for turn in rota.turns {
                    json.beginObject()
                    json.member("person", turn.person)
                    json.member("start", turn.start)
                    json.member("end", turn.end)
                    json.member("override", turn.isOverride)
                    json.endObject()
                }
                json.endArray()
                json.endObject()
            }
        }
    }
}
