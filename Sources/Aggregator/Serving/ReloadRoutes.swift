import Answering
import Hummingbird
import JSON
import Telemetry

/// `POST /-/reload`, as Alertmanager has it, and `/api/v1/reload`: the configuration is read again. 200 when it is in force; 422 with every
/// mistake when it holds one, and then the old one goes on.
struct ReloadRoutes: Sendable {
    private let reload: @Sendable () async -> ConfigurationReload

    init(_ reload: @escaping @Sendable () async -> ConfigurationReload) { self.reload = reload }

    var routes: [Route] {
        ["/-/reload", "/api/v1/reload"].map { path in Route(.post, path, .operate) { _, _ in await answer() } }
    }

    private func answer() async -> Response {
        let report = await reload()
        return .json(report.problems.isEmpty ? .ok : .unprocessableContent) { json in
            json.beginObject()
            json.member("problems", report.problems)
            json.member("needs_restart", report.needsRestart)
            json.endObject()
        }
    }
}
