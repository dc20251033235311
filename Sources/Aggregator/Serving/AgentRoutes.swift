package import Answering
import HTTPTypes
import Hummingbird
package import Telemetry
import Wire

/// What an agent asks for: how far its files are stored, after it has lost its spool.
package struct AgentRoutes: Sendable {
    private let files: any FileDirectory

    package init(_ files: any FileDirectory) { self.files = files }

    package var routes: [Route] {
        [Route(.get, "/api/v1/agents/positions", .send) { try await positions($0, $1) }]
    }

    /// `host`: whose files; a token that is bound to a host speaks for that one. `agent`: who asks; more than once when it has delivered under other
    /// ids too.
    private func positions(_ request: Request, _ context: DoorContext) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        try parameters.refuseOthers(than: ["host", "agent"])
        let (principal, named) = (context.principal, try parameters.value("host"))
        if let own = principal.host, let named, own != named {
            throw .forbidden("the token \"\(principal.name)\" speaks for the host \(own), not for \(named)")
        }
        guard let host = named ?? principal.host else { throw .malformed("host is missing: name the host whose files are meant") }
        let agents = parameters.values("agent").map { UUID($0) }
        guard !agents.isEmpty, !agents.contains(nil) else {
            throw .malformed("agent is missing or no UUID: name the agent that asks, so that it is told from those before it")
        }
        let known: KnownFiles
        do { known = try await files.knownFiles(of: host, askedBy: agents.compactMap { $0 }) } catch {
            throw .unavailable("the log cannot say where the files of \(host) stand: \(error)", retryAfter: .seconds(1))
        }
        return Response(
            status: .ok,
            headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: KnownFilesJSON.encode(known, host: host)))
        )
    }
}
