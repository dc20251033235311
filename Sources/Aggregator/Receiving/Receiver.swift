package import Answering
import HTTPTypes
import Hummingbird
import JSON
package import Operating
package import Telemetry
import Wire

/// The aggregator's ear: reads bodies, finds events and batches in them, hands them to Admitting, and says what became of them.
///
/// `POST /api/v1/ingest` (agents), `/api/v1/events`, `/api/v1/events/batch`; the latter two also without `/api/v1`.
package struct Receiver: Sendable {
    private let limits: ReceivingLimits
    private let admission: any SubmissionAdmitting
    private let time: any TimeSource
    private let reader: BodyReader
    private let collected: Counter
    private let failed: Counter
    private let bytesReceived: Counter
    private let batchesReceived: Counter

    /// - Parameters:
    ///   - admission: the next room.
    ///   - budget: what all requests together may hold in memory.
    package init(limits: ReceivingLimits, into admission: any SubmissionAdmitting, budget: BodyBudget, time: any TimeSource, metrics: MetricsRegistry)
    {
        (self.limits, self.admission, self.time) = (limits, admission, time)
        reader = BodyReader(limits: limits.body, budget: budget)
        let help = "Events of JSON clients: collected, or failed because they were no good events."
        collected = metrics.counter("tocsin_receiving_events_total", help: help, labels: [Label("outcome", "collected")])
        failed = metrics.counter("tocsin_receiving_events_total", help: help, labels: [Label("outcome", "failed")])
        bytesReceived = metrics.counter("tocsin_receiving_bytes_total", help: "Bytes of bodies as they came.")
        batchesReceived = metrics.counter("tocsin_receiving_batches_total", help: "Batches of agents, repeats included.")
    }

    package var routes: [Route] {
        [Route(.post, "/api/v1/ingest", .send) { try await ingest($0, $1) }]
            + Route.both(.post, "/events", .send, short: { (post) throws(Problem) in try await short(post) }, { try await one($0, $1) })
            + Route.both(.post, "/events/batch", .send) { try await many($0, $1) }
    }

    // MARK: Agents

    /// Sealed batches: 200 with the highest durable sequence per lane. What is wrong for good is 400 or 422 (the agent sets it aside), what may
    /// get better is 429 or 503 (it keeps it), 409 is a cloned spool.
    private func ingest(_ request: Request, _ context: DoorContext) async throws(Problem) -> Response {
        let (body, share) = try await reader.read(request, context)
        bytesReceived.increment(by: body.count)
        // Batches are packed either way; who does not say how is recognised.
        let encoding = request.headers[.contentEncoding] ?? (Gzip.isGzip(body) ? "gzip" : Wire.contentEncoding)
        if let inflated = Inflation.short(body, encoding: encoding, bytesMax: limits.inflatedBytesMax, share: share) {
            return try await take(inflated, body, share, context)
        }
        return try await withTaskExecutorPreference(globalConcurrentExecutor) { () throws(Problem) -> Response in
            let inflated = try Inflation.inflate(body, encoding: encoding, bytesMax: limits.inflatedBytesMax, share: share)
            return try await take(inflated, body, share, context)
        }
    }

    private func take(_ inflated: BodyText, _ body: [UInt8], _ share: BodyBudget.Share, _ context: DoorContext) async throws(Problem) -> Response {
        let batches: [ReceivedBatch]
        do {
            batches = try Wire.open(frames: inflated.padded, count: inflated.count, body: body)
        } catch {
            switch error {
            // Nothing is wrong with the data: it waits until this program is upgraded.
            case .newer: throw .unavailable(error.description, retryAfter: .seconds(60))
            case .packing, .notABatch, .checksum, .malformed: throw .malformed(error.description)
            }
        }
        batchesReceived.increment(by: batches.count)
        let receipt = try await admit(.native(batches), body.count, inflated.count, context.principal)
        withExtendedLifetime(share) {}
        guard case .lanes(let acknowledgement) = receipt else { throw .failed("the batches were answered as if they were events") }
        return Response(
            status: .ok,
            headers: [.contentType: "application/json"],
            body: ResponseBody(byteBuffer: ByteBuffer(bytes: AcknowledgementJSON.encode(acknowledgement)))
        )
    }

    // MARK: JSON clients

    private func one(_ request: Request, _ context: DoorContext) async throws(Problem) -> Response {
        try await withText(request, context) { (key, body, text) throws(Problem) -> Response in
            try await one(key, body, text, context.principal).response
        }
    }

    private func one(_ key: String?, _ body: Int, _ text: BodyText, _ principal: Principal) async throws(Problem) -> WholeAnswer {
        let start = text.start
        var collector = collector(text, principal)
        if !collector.scanOnly(at: start) {
            do {
                try collector.read(start..<text.count)
            } catch {
                failed.increment()
                let items = error.faults.map { Problem.Item(pointer: $0.pointer, detail: $0.detail) }
                let detail = items.count == 1 ? items[0].detail : "the event has \(items.count) faults"
                throw error.faults.contains { $0.isSyntax } ? .malformed(detail, errors: items) : .unacceptable(detail, errors: items)
            }
        }
        return try await store(one: collector.finish(key: key), body, text.count, principal)
    }

    /// An event of the common shape in a short post; all else goes the common way.
    private func short(_ post: ShortPost) async throws(Problem) -> WholeAnswer? {
        let key: String?
        do {
            key = try checked(idempotencyKey: post.idempotencyKey)
            try check(contentType: post.contentType)
        } catch { return nil }
        guard let share = reader.share(of: post.body.count) else { return nil }
        defer { withExtendedLifetime(share) {} }
        let text = BodyText(post.body)
        var collector = collector(text, post.principal)
        guard collector.scanOnly(at: text.start) else { return nil }
        bytesReceived.increment(by: text.count)
        return try await store(one: collector.finish(key: key), text.count, text.count, post.principal)
    }

    private func collector(_ text: BodyText, _ principal: Principal) -> EventCollector {
        EventCollector(text, limits: limits, receivedAt: time.now(), hostOfNone: host(of: principal))
    }

    private func store(one event: ClientEvents, _ body: Int, _ inflated: Int, _ principal: Principal) async throws(Problem) -> WholeAnswer {
        let id = try await store(event, body, inflated, principal)[0].description
        var headers = HTTPFields()
        headers.append(HTTPField(name: .location, value: "/api/v1/events/\(id)"))
        return .json(.created, headers: headers) { json in
            json.beginObject()
            json.member("event_id", id)
            json.member("status", "collected")
            json.endObject()
        }
    }

    private func many(_ request: Request, _ context: DoorContext) async throws(Problem) -> Response {
        try await withText(request, context) { (key, body, text) throws(Problem) -> Response in try await many(key, body, text, context) }
    }

    private func many(_ key: String?, _ body: Int, _ text: BodyText, _ context: DoorContext) async throws(Problem) -> Response {
        var batch = BatchReader(text, limits: limits, receivedAt: time.now(), hostOfNone: host(of: context.principal))
        try batch.read()
        let (failures, errors) = (batch.failed, batch.errors)
        failed.increment(by: failures)
        guard batch.collected > 0 else { throw nothingCollected(failures, errors, bySyntaxOnly: batch.failedBySyntaxOnly) }
        let ids = try await store(batch.finish(key: key), body, text.count, context.principal)
        return .json(.created) { json in
            json.beginObject()
            json.member("collected", ids.count)
            json.member("failed", failures)
            json.key("errors")
            json.array(of: errors)
            json.endObject()
        }
    }

    /// 400 when nothing of the body was JSON, else 422; with the counts of a batch in the document.
    private func nothingCollected(_ failures: Int, _ errors: [Problem.Item], bySyntaxOnly: Bool) -> Problem {
        guard failures > 0 else { return .unacceptable("the batch holds no event") }
        let detail = "none of the \(failures) events could be collected; errors lists why"
        var problem: Problem = bySyntaxOnly ? .malformed(detail, errors: errors) : .unacceptable(detail, errors: errors)
        problem.counts = ["collected": 0, "failed": failures]
        return problem
    }

    /// What stands in for a host that an event does not name: an agent's token speaks for its own.
    private func host(of principal: Principal) -> String { principal.role == .agent ? principal.host ?? "" : "" }

    private func store(
        _ events: ClientEvents,
        _ bodyBytes: Int,
        _ inflatedBytes: Int,
        _ principal: Principal
    ) async throws(Problem) -> [UUID] {
        let count = events.count
        let receipt = try await admit(.events(events), bodyBytes, inflatedBytes, principal)
        guard case .events(let ids, let isRepeat) = receipt else { throw .failed("the events were answered as if they were batches") }
        guard ids.count == count else {
            // A key of before checksums were kept with them.
            throw isRepeat
                ? .keyReused("this Idempotency-Key was used for another request, of \(ids.count) events: take a new key for each request")
                : .failed("\(ids.count) identifiers came back for \(count) events")
        }
        collected.increment(by: ids.count)
        return ids
    }

    private func admit(
        _ content: Submission.Content,
        _ bodyBytes: Int,
        _ inflatedBytes: Int,
        _ principal: Principal
    ) async throws(Problem) -> Receipt {
        let submission = Submission(
            principal: principal,
            receivedAt: time.now(),
            content: content,
            bodyBytes: bodyBytes,
            inflatedBytes: inflatedBytes
        )
        do throws(Refusal) { return try await admission.admit(submission) } catch { throw Problem(refusal: error) }
    }

    /// Reads a body of JSON text, inflates it, and goes on with it: on the connection's own thread only while that is little work, for a few bytes can inflate
    /// to the limit, and would hold up every other connection of that thread.
    private func withText(
        _ request: Request,
        _ context: DoorContext,
        _ body: @Sendable (_ key: String?, _ bodyBytes: Int, BodyText) async throws(Problem) -> Response
    ) async throws(Problem) -> Response {
        let key = try checked(idempotencyKey: Self.idempotencyKeyName.flatMap { request.headers[$0] })
        try check(contentType: request.headers[.contentType])
        let (bytes, share) = try await reader.read(request, context)
        bytesReceived.increment(by: bytes.count)
        guard !bytes.isEmpty else { throw .malformed("the body is empty; send an event as JSON") }
        defer { withExtendedLifetime(share) {} }
        let encoding = request.headers[.contentEncoding]
        if let text = Inflation.short(bytes, encoding: encoding, bytesMax: limits.inflatedBytesMax, share: share) {
            return try await body(key, bytes.count, text)
        }
        return try await withTaskExecutorPreference(globalConcurrentExecutor) { () throws(Problem) -> Response in
            let text = try Inflation.inflate(bytes, encoding: encoding, bytesMax: limits.inflatedBytesMax, share: share)
            return try await body(key, bytes.count, text)
        }
    }

    private func check(contentType header: String?) throws(Problem) {
        guard let header, header != "application/json" else { return }
        let type = header.prefix { $0 != ";" && $0 != " " }.lowercased()
        switch type {
        // The last is what curl -d says when nobody tells it otherwise.
        case "application/json", "application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonlines",
            "application/jsonlines", "application/octet-stream", "application/x-www-form-urlencoded":
            return
        case _ where type.hasPrefix("application/") && type.hasSuffix("+json"): return
        default:
            throw .unsupportedMediaType(
                "the content type \(type) is not read here; send application/json, or application/x-ndjson for one event a line"
            )
        }
    }

    private static let idempotencyKeyName = HTTPField.Name("Idempotency-Key")

    private func checked(idempotencyKey key: String?) throws(Problem) -> String? {
        guard let key else { return nil }
        guard !key.isEmpty, key.utf8.count <= ReceivingLimits.keyBytesMax, key.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F }) else {
            throw .malformed("an Idempotency-Key is 1 to \(ReceivingLimits.keyBytesMax) visible ASCII characters; take a UUID")
        }
        return key
    }
}

extension Problem {
    /// What the gate said, as an answer.
    init(refusal: Refusal) {
        switch refusal {
        case .forbidden(let detail): self = .forbidden(detail)
        case .conflict(let detail): self = .conflict(detail)
        case .rateLimited(let retryAfter, let detail): self = .rateLimited(detail, retryAfter: retryAfter)
        case .unacceptable(let detail): self = .unacceptable(detail)
        case .keyReused(let detail): self = .keyReused(detail)
        case .unavailable(let retryAfter, let detail): self = .unavailable(detail, retryAfter: retryAfter)
        }
    }
}
