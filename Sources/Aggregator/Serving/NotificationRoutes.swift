import Answering
import Hummingbird
import JSON
import Telemetry

/// The outbox: what was sent to whom and what became of it, what failed and is sent again, and where each channel stands.
struct NotificationRoutes: Sendable {
    private let directory: any NotificationDirectory
    private let reader: BodyReader

    init(_ directory: any NotificationDirectory, budget: BodyBudget) {
        self.directory = directory
        reader = BodyReader(limits: .small, budget: budget)
    }

    var routes: [Route] {
        [
            Route(.get, "/api/v1/notifications/:id", .read) { _, context in try await show(context) },
            Route(.post, "/api/v1/notifications/:id/resend", .operate) { _, context in try await resend(context) },
            Route(.get, "/api/v1/channels", .read) { _, _ in await channels() },
            Route(.post, "/api/v1/channels/test", .operate) { request, context in try await test(request, context) },
        ]
    }

    private func show(_ context: DoorContext) async throws(Problem) -> Response {
        let id = try identifier(context)
        guard let detail = await directory.notification(id) else { throw missing(id) }
        return .json { json in
            json.beginObject()
            json.key("notification")
            json.notification(detail.record)
            json.key("alerts")
            json.beginArray()
            for alert in detail.alerts { json.alert(alert) }
            json.endArray()
            json.key("digested")
            json.beginArray()
            for record in detail.digested { json.notification(record) }
            json.endArray()
            json.endObject()
        }
    }

    private func resend(_ context: DoorContext) async throws(Problem) -> Response {
        let id = try identifier(context)
        let isThere: Bool
        do throws(QueryError) { isThere = try await directory.resend(id) } catch {
            // It is well said, and there: but not in a state in which it could be sent again.
            if case .invalid(let detail) = error { throw .unacceptable(detail) }
            throw .failed(error.description)
        }
        guard isThere else { throw missing(id) }
        return .json(.accepted) { json in
            json.beginObject()
            json.member("id", id.description)
            json.member("state", NotificationRecord.State.pending.rawValue)
            json.endObject()
        }
    }

    private func channels() async -> Response {
        let channels = await directory.channels()
        return .json { json in
            json.list("channels", channels) { json, channel in
                json.beginObject()
                json.member("channel", channel.channel)
                json.member("receiver", channel.receiver)
                json.member("state", channel.state.rawValue)
                json.member("failures_in_a_row", channel.failuresInARow)
                json.member("down_since", channel.downSince)
                json.member("next_probe_at", channel.nextProbeAt)
                json.member("waiting", channel.waiting)
                json.member("last_reply", channel.lastReply)
                json.endObject()
            }
        }
    }

    private func test(_ request: Request, _ context: DoorContext) async throws(Problem) -> Response {
        let (body, _) = try await reader.read(request, context)
        let tree: JSON
        do { tree = try JSON.parse(body) } catch { throw .malformed(error.description) }
        guard let receiver = tree["receiver"]?.string else {
            let detail = "receiver is missing: write {\"receiver\": \"ops\"}"
            throw .unacceptable(detail, errors: [Problem.Item(pointer: "/receiver", detail: detail)])
        }
        guard let tests = try await asked({ () async throws(QueryError) in try await directory.test(receiver: receiver) }) else {
            throw .notFound("there is no receiver \"\(receiver)\" in the configuration that is in force")
        }
        return .json { json in
            json.list("channels", tests) { json, test in
                json.beginObject()
                json.member("channel", test.channel)
                json.member("delivered", test.isDelivered)
                json.member("reply", test.reply)
                json.member("seconds", test.took.inSeconds)
                json.member("note", test.note)
                json.endObject()
            }
        }
    }

    private func identifier(_ context: DoorContext) throws(Problem) -> UUID {
        let piece = try context.piece("id")
        guard let id = UUID(piece) else { throw .malformed("\"\(piece)\" is not a notification's id: write a UUID") }
        return id
    }

    private func missing(_ id: UUID) -> Problem { .notFound("there is no notification \(id), or no longer") }
}

extension JSONWriter {
    mutating func notification(_ record: NotificationRecord) {
        beginObject()
        member("id", record.id.description)
        member("receiver", record.receiver)
        member("channel", record.channel)
        member("place", record.place)
        member("group_key", record.groupKey)
        member("status", record.status)
        member("reason", record.reason)
        member("alert_count", record.alertCount)
        member("state", record.state.rawValue)
        member("attempts", record.attempts)
        member("created_at", record.createdAt)
        member("next_attempt_at", record.nextAttemptAt)
        member("delivered_at", record.deliveredAt)
        member("last_reply", record.lastReply)
        member("note", record.note)
        member("digest", record.digest?.description)
        member("fallback_of", record.fallbackOf?.description)
        member("can_be_sent_again", record.canBeSentAgain)
        endObject()
    }
}
