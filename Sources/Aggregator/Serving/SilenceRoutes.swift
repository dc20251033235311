import Answering
import Hummingbird
import JSON
import Operating
import Telemetry

/// Silences: list, make, end. Bodies are Alertmanager's, in its spelling (`startsAt`) or in ours (`starts_at`).
struct SilenceRoutes: Sendable {
    private let directory: any NotificationDirectory
    private let time: any TimeSource
    private let reader: BodyReader
    private let makeID: @Sendable (Timestamp) -> UUID

    /// How long a silence lasts that names no end.
    static let durationDefault = Duration.seconds(3600)
    static let matchersMax = 50
    static let textBytesMax = 4096

    init(_ directory: any NotificationDirectory, budget: BodyBudget, time: any TimeSource, makeID: @escaping @Sendable (Timestamp) -> UUID) {
        (self.directory, self.time, self.makeID) = (directory, time, makeID)
        reader = BodyReader(limits: .small, budget: budget)
    }

    var routes: [Route] {
        [
            Route(.get, "/api/v1/silences", .read) { _, _ in await list() },
            Route(.post, "/api/v1/silences", .operate) { request, context in try await add(request, context) },
            Route(.delete, "/api/v1/silences/:id", .operate) { _, context in try await expire(context) },
        ]
    }

    private func list() async -> Response {
        let (silences, now) = (await directory.silences(), time.now())
        return .json { json in
            json.list("silences", silences) { json, silence in
                json.beginObject()
                json.member("id", silence.id.description)
                json.member("state", silence.state(at: now).rawValue)
                json.member("matchers", silence.matchers)
                json.member("starts_at", silence.startsAt)
                json.member("ends_at", silence.endsAt)
                json.member("created_by", silence.createdBy)
                json.member("comment", silence.comment)
                json.endObject()
            }
        }
    }

    private func add(_ request: Request, _ context: DoorContext) async throws(Problem) -> Response {
        let (body, _) = try await reader.read(request, context)
        let tree: JSON
        do { tree = try JSON.parse(body) } catch { throw .malformed(error.description) }
        guard tree.members != nil else { throw .malformed("a silence is a JSON object: {\"matchers\": [\"alertname=\\\"DiskFull\\\"\"], …}") }
        let silence = try silence(from: tree, by: context.principal)
        do {
            try await directory.add(silence)
        } catch {
            switch error {
            case .invalid(let detail), .limit(let detail): throw .unacceptable(detail)
            case .failed(let detail): throw .failed(detail)
            }
        }
        return .json(.created) { json in
            json.beginObject()
            json.member("silence_id", silence.id.description)
            json.endObject()
        }
    }

    private func silence(from tree: JSON, by principal: Principal) throws(Problem) -> Silence {
        let now = time.now()
        guard let list = tree["matchers"]?.array, !list.isEmpty, list.count <= Self.matchersMax else {
            throw Self.wrong("/matchers", "matchers is a list of 1 to \(Self.matchersMax); write [\"alertname=\\\"DiskFull\\\"\"]")
        }
        var matchers: [String] = []
        for (index, value) in list.enumerated() { matchers.append(try Self.matcher(value, "/matchers/\(index)")) }
        let start = try moment(tree, "starts_at", "startsAt") ?? now
        let duration = try length(tree) ?? Self.durationDefault
        let end = try moment(tree, "ends_at", "endsAt") ?? start.advanced(by: duration)
        return Silence(
            id: makeID(now),
            matchers: matchers,
            startsAt: start,
            endsAt: end,
            createdBy: try text(tree, "created_by", "createdBy") ?? principal.name,
            comment: try text(tree, "comment", "comment") ?? ""
        )
    }

    /// A string in Alertmanager's notation, or its object `{name, value, isRegex, isEqual}`.
    static func matcher(_ value: JSON, _ pointer: String) throws(Problem) -> String {
        if let text = value.string { return text }
        guard let name = value["name"]?.string, let text = value["value"]?.string else {
            throw wrong(pointer, "a matcher is a string (host=~\"web-.*\") or {\"name\", \"value\", \"isRegex\", \"isEqual\"}")
        }
        let isEqual = value["isEqual"]?.bool ?? true
        let operation = value["isRegex"]?.bool ?? false ? (isEqual ? "=~" : "!~") : (isEqual ? "=" : "!=")
        let escaped = text.map { $0 == "\"" || $0 == "\\" ? "\\\($0)" : $0 == "\n" ? "\\n" : String($0) }.joined()
        return "\(name)\(operation)\"\(escaped)\""
    }

    private func moment(_ tree: JSON, _ name: String, _ other: String) throws(Problem) -> Timestamp? {
        guard let value = tree[name] ?? tree[other], !value.isNull else { return nil }
        guard let text = value.string, let timestamp = Timestamp(rfc3339: text) else {
            throw Self.wrong("/\(name)", "\(name) is not a time; write RFC 3339, as 2026-11-01T12:00:00Z")
        }
        return timestamp
    }

    private func length(_ tree: JSON) throws(Problem) -> Duration? {
        guard let value = tree["duration"], !value.isNull else { return nil }
        guard let text = value.string, let duration = StepDuration.parse(text), duration > .zero else {
            throw Self.wrong("/duration", "duration is not a length of time above 0; write 2h or 30m")
        }
        return duration
    }

    private func text(_ tree: JSON, _ name: String, _ other: String) throws(Problem) -> String? {
        guard let value = tree[name] ?? tree[other], !value.isNull else { return nil }
        guard let text = value.string, text.utf8.count <= Self.textBytesMax else {
            throw Self.wrong("/\(name)", "\(name) is not a string of at most \(Self.textBytesMax) bytes")
        }
        return text
    }

    private static func wrong(_ pointer: String, _ detail: String) -> Problem {
        .unacceptable(detail, errors: [Problem.Item(pointer: pointer, detail: detail)])
    }

    private func expire(_ context: DoorContext) async throws(Problem) -> Response {
        let piece = try context.piece("id")
        guard let id = UUID(piece) else { throw .malformed("\"\(piece)\" is not a silence's id: write a UUID") }
        let now = time.now()
        guard try await asked({ () async throws(QueryError) in try await directory.expireSilence(id: id, at: now) }) else {
            throw .notFound("there is no silence \(id) that could be ended")
        }
        return Response(status: .noContent)
    }
}
