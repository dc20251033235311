import Answering
import HTTPTypes
import Hummingbird
import JSON
import Operating
import Telemetry

/// Somebody takes care of an alert: by the interface, or by the link in a message. Looking at the link changes nothing, because mail servers
/// and chats look at every link before a person does; its page asks.
struct AcknowledgeRoutes: Sendable {
    private let alerts: any AlertDirectory
    private let history: any AlertHistory
    private let time: any TimeSource
    private let reader: BodyReader

    static let textBytesMax = 1_000

    init(alerts: any AlertDirectory, history: any AlertHistory, budget: BodyBudget, time: any TimeSource) {
        (self.alerts, self.history, self.time) = (alerts, history, time)
        reader = BodyReader(limits: .small, budget: budget)
    }

    var routes: [Route] {
        [
            Route(.post, "/api/v1/alerts/:id/acknowledge", .operate) { request, context in try await acknowledge(request, context) },
            Route(.delete, "/api/v1/alerts/:id/acknowledge", .operate) { _, context in try await takeBack(context) },
            // The token in the path is what allows it.
            Route(.get, "/acknowledge/:token", .open) { _, context in try await ask(context) },
            Route(.post, "/acknowledge/:token", .open) { request, context in try await confirm(request, context) },
        ]
    }

    // MARK: The interface

    private func acknowledge(_ request: Request, _ context: DoorContext) async throws(Problem) -> Response {
        let (body, _) = try await reader.read(request, context)
        var (by, comment) = (context.principal.name, "")
        if !body.isEmpty {
            let tree: JSON
            do { tree = try JSON.parse(body) } catch { throw .malformed(error.description) }
            guard tree.members != nil else { throw .malformed("write {\"comment\": \"…\", \"by\": \"…\"}, or nothing") }
            by = try text(tree, "by") ?? by
            comment = try text(tree, "comment") ?? ""
        }
        let fingerprint = try await find(context)
        let acknowledgement = AlertAcknowledgement(at: time.now(), by: by, comment: comment, via: "api")
        let count = try await asked { () async throws(QueryError) in try await history.acknowledge([fingerprint], acknowledgement) }
        guard count > 0 else { throw .conflict("the alert \(AlertID.text(of: fingerprint)) does not fire: there is nothing to take care of") }
        return .json { json in
            json.beginObject()
            json.member("id", AlertID.text(of: fingerprint))
            json.acknowledgement(acknowledgement)
            json.endObject()
        }
    }

    private func takeBack(_ context: DoorContext) async throws(Problem) -> Response {
        let (fingerprint, by) = (try await find(context), context.principal.name)
        guard try await asked({ () async throws(QueryError) in try await history.unacknowledge(fingerprint, by: by) }) else {
            throw .conflict("the alert \(AlertID.text(of: fingerprint)) is not acknowledged")
        }
        return Response(status: .noContent)
    }

    private func find(_ context: DoorContext) async throws(Problem) -> UInt64 {
        let id = try AlertID(context.piece("id"))
        return try id.one(of: await alerts.alerts())
    }

    private func text(_ tree: JSON, _ name: String) throws(Problem) -> String? {
        guard let value = tree[name], !value.isNull else { return nil }
        guard let text = value.string, text.utf8.count <= Self.textBytesMax else {
            let detail = "\(name) is not a string of at most \(Self.textBytesMax) bytes"
            throw .unacceptable(detail, errors: [Problem.Item(pointer: "/\(name)", detail: detail)])
        }
        return text
    }

    // MARK: The link in a message

    private func ask(_ context: DoorContext) async throws(Problem) -> Response {
        switch try await linked(context) {
        case .success(let linked): AcknowledgePage.question(linked)
        case .failure(let refusal): AcknowledgePage.refusal(refusal.description)
        }
    }

    private func confirm(_ request: Request, _ context: DoorContext) async throws(Problem) -> Response {
        let (body, _) = try await reader.read(request, context)
        let form = try FormParameters(String(decoding: body, as: UTF8.self))
        switch try await linked(context) {
        case .failure(let refusal): return AcknowledgePage.refusal(refusal.description)
        case .success(let linked):
            let name = try form.value("by").map { String($0.prefix(100)) }
            let acknowledgement = AlertAcknowledgement(
                at: time.now(),
                by: name ?? "somebody with a message to \(linked.receiver)",
                comment: String((try form.value("comment") ?? "").prefix(Self.textBytesMax)),
                via: "link"
            )
            let fingerprints = linked.alerts.filter { $0.alert.state == .firing }.map(\.alert.fingerprint)
            let count = try await asked { () async throws(QueryError) in try await history.acknowledge(fingerprints, acknowledgement) }
            return AcknowledgePage.done(count, linked)
        }
    }

    /// A link that is not ours or is over is an answer for a person, not a problem document.
    private func linked(_ context: DoorContext) async throws(Problem) -> Result<LinkedAlerts, QueryError> {
        let token = try context.piece("token")
        do { return .success(try await history.linked(by: token)) } catch {
            if case .invalid = error { return .failure(error) }
            throw .failed(error.description)
        }
    }
}
