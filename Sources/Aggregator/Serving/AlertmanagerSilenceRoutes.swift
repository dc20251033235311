import Answering
import Hummingbird
import JSON
import Operating
import Telemetry

/// Silences as Alertmanager's API v2 has them.
struct AlertmanagerSilenceRoutes: Sendable {
    private let directory: any AlertmanagerDirectory
    private let silences: any NotificationDirectory
    private let time: any TimeSource
    private let reader: BodyReader
    private let makeID: @Sendable (Timestamp) -> UUID

    init(
        _ directory: any AlertmanagerDirectory,
        silences: any NotificationDirectory,
        budget: BodyBudget,
        time: any TimeSource,
        makeID: @escaping @Sendable (Timestamp) -> UUID
    ) {
        (self.directory, self.silences, self.time, self.makeID) = (directory, silences, time, makeID)
        reader = BodyReader(limits: .small, budget: budget)
    }

    var routes: [Route] {
        [
            Route(.get, "/api/v2/silences", .read) { request, _ in try await alertmanager { () throws(Problem) in try await list(request) } },
            Route(.post, "/api/v2/silences", .operate) { request, context in
                try await alertmanager { () throws(Problem) in try await set(request, context) }
            },
            Route(.get, "/api/v2/silence/:id", .read) { _, context in try await alertmanager { () throws(Problem) in try await one(context) } },
            Route(.delete, "/api/v2/silence/:id", .operate) { _, context in
                try await alertmanager { () throws(Problem) in try await expire(context) }
            },
        ]
    }

    private func list(_ request: Request) async throws(Problem) -> Response {
        let parameters = try request.parameters()
        try parameters.refuseOthers(than: ["filter"])
        let filters = parameters.values("filter").filter { !$0.isEmpty }
        let found = try await asked { () async throws(QueryError) in try await directory.silences(matching: filters) }
        let now = time.now()
        return .json { json in
            json.beginArray()
            for listed in Self.sorted(found, at: now) { json.silence(listed, at: now) }
            json.endArray()
        }
    }

    /// Those in force by their end, those ahead by their start, then those that are over, the latest first: as in Alertmanager.
    private static func sorted(_ silences: [ListedSilence], at now: Timestamp) -> [ListedSilence] {
        func rank(_ silence: Silence) -> (Int, Int64) {
            switch silence.state(at: now) {
            case .active: (0, silence.endsAt.nanoseconds)
            case .pending: (1, silence.startsAt.nanoseconds)
            case .expired: (2, -silence.endsAt.nanoseconds)
            }
        }
        return silences.sorted { rank($0.silence) < rank($1.silence) }
    }

    private func one(_ context: DoorContext) async throws(Problem) -> Response {
        let id = try id(context)
        let all = try await asked { () async throws(QueryError) in try await directory.silences(matching: []) }
        guard let listed = all.first(where: { $0.silence.id == id }) else { throw .notFound("there is no silence \(id)") }
        let now = time.now()
        return .json { $0.silence(listed, at: now) }
    }

    private func set(_ request: Request, _ context: DoorContext) async throws(Problem) -> Response {
        let (body, _) = try await reader.read(request, context)
        let tree: JSON
        do { tree = try JSON.parse(body) } catch { throw .malformed(error.description) }
        guard tree.members != nil else { throw .malformed("a silence is a JSON object") }
        let now = time.now()
        var given: UUID?
        if let text = tree["id"]?.string, !text.isEmpty {
            guard let id = UUID(text) else { throw .malformed("\"\(text.prefix(60))\" is not a silence's id: write a UUID") }
            given = id
        }
        let silence = Silence(
            id: makeID(now),
            matchers: try matchers(tree["matchers"]),
            startsAt: try moment(tree, "startsAt"),
            endsAt: try moment(tree, "endsAt"),
            createdBy: try text(tree, "createdBy"),
            comment: try text(tree, "comment"),
            updatedAt: now
        )
        let replacing = given
        let id: UUID?
        do throws(QueryError) { id = try await directory.set(silence, replacing: replacing) } catch {
            switch error {
            case .invalid(let detail), .limit(let detail): throw .malformed(detail)
            case .failed(let detail): throw .failed(detail)
            }
        }
        guard let id else { throw .notFound("there is no silence \(replacing?.description ?? "") that could be changed") }
        return .json { json in
            json.beginObject()
            json.member("silenceID", id.description)
            json.endObject()
        }
    }

    private func expire(_ context: DoorContext) async throws(Problem) -> Response {
        let (id, now) = (try id(context), time.now())
        guard try await asked({ () async throws(QueryError) in try await silences.expireSilence(id: id, at: now) }) else {
            throw .notFound("there is no silence \(id) that could be ended")
        }
        return Response(status: .ok)
    }

    private func id(_ context: DoorContext) throws(Problem) -> UUID {
        let piece = try context.piece("id")
        guard let id = UUID(piece) else { throw .malformed("\"\(piece)\" is not a silence's id: write a UUID") }
        return id
    }

    // MARK: The body

    private func matchers(_ value: JSON?) throws(Problem) -> [String] {
        guard let list = value?.array, !list.isEmpty, list.count <= SilenceRoutes.matchersMax else {
            throw .malformed("matchers is a list of 1 to \(SilenceRoutes.matchersMax)")
        }
        var texts: [String] = []
        for item in list { texts.append(try SilenceRoutes.matcher(item, "/matchers/\(texts.count)")) }
        return texts
    }

    private func moment(_ tree: JSON, _ name: String) throws(Problem) -> Timestamp {
        guard let text = tree[name]?.string, let moment = Timestamp(rfc3339: text) else {
            throw .malformed("\(name) is missing or is not a time; write RFC 3339, as 2026-11-01T12:00:00Z")
        }
        return moment
    }

    private func text(_ tree: JSON, _ name: String) throws(Problem) -> String {
        guard let text = tree[name]?.string, text.utf8.count <= SilenceRoutes.textBytesMax else {
            throw .malformed("\(name) is missing or is not a string of at most \(SilenceRoutes.textBytesMax) bytes")
        }
        return text
    }
}

extension Silence {
    enum State: String { case active, pending, expired }

    func state(at now: Timestamp) -> State { endsAt <= now ? .expired : startsAt > now ? .pending : .active }
}

extension JSONWriter {
    /// Alertmanager's `gettableSilence`.
    fileprivate mutating func silence(_ listed: ListedSilence, at now: Timestamp) {
        let silence = listed.silence
        beginObject()
        member("id", silence.id.description)
        key("status")
        beginObject()
        member("state", silence.state(at: now).rawValue)
        endObject()
        key("matchers")
        beginArray()
        for matcher in listed.matchers {
            beginObject()
            member("name", matcher.name)
            member("value", matcher.value)
            member("isRegex", matcher.isRegex)
            member("isEqual", matcher.isEqual)
            endObject()
        }
        endArray()
        member("startsAt", silence.startsAt)
        member("endsAt", silence.endsAt)
        member("updatedAt", silence.updatedAt)
        member("createdBy", silence.createdBy)
        member("comment", silence.comment)
        endObject()
    }
}
