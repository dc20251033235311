import Answering
import Hummingbird
import JSON
import Telemetry

/// Hosts: list, and forget one that is gone for good.
struct HostRoutes: Sendable {
    private let alerts: any AlertDirectory

    init(_ alerts: any AlertDirectory) { self.alerts = alerts }

    var routes: [Route] {
        [
            Route(.get, "/api/v1/hosts", .read) { request, _ in try await list(request) },
            Route(.delete, "/api/v1/hosts/:name", .operate) { _, context in try await forget(context) },
        ]
    }

    private func list(_ request: Request) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        try parameters.refuseOthers(than: ["state"])
        let state = try parameters.word("state", HostRecord.State.self)
        let hosts = await alerts.hosts().filter { state == nil || $0.state == state }
        return .json { json in
            json.list("hosts", hosts) { json, host in
                json.beginObject()
                json.member("host", host.host)
                json.member("agent_id", host.agent.description)
                json.member("tags", host.tags)
                json.member("state", host.state.rawValue)
                json.member("since", host.since)
                json.member("reason", host.reason)
                json.member("first_contact", host.firstContact)
                json.member("last_contact", host.lastContact)
                json.endObject()
            }
        }
    }

    private func forget(_ context: DoorContext) async throws(Problem) -> Response {
        let (name, author) = (try context.piece("name"), context.principal.name)
        guard try await asked({ () async throws(QueryError) in try await alerts.forget(host: name, by: author) }) else {
            throw .notFound("there is no host \"\(name)\"; GET /api/v1/hosts lists them")
        }
        return Response(status: .noContent)
    }
}
