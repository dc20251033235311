import HTTPTypes
import NIOCore
package import Telemetry

/// A POST that came in one piece: its head, and a body of a few kilobytes that is not packed. Clients that send event by event send such ones all day,
/// and what the common way needs for bodies of any size and speed was two fifths of their cost.
package struct ShortPost: Sendable {
    package let contentType: String?
    /// `Idempotency-Key`.
    package let idempotencyKey: String?
    package let principal: Principal
    package let body: [UInt8]

    /// Answers it; nil when it is out of the ordinary: then it goes the common way, as if nobody had looked at it. Nothing may have come of it by then.
    package typealias Handler = @Sendable (ShortPost) async throws(Problem) -> WholeAnswer?
}

/// The door's quick side. What it takes is answered as the common way would answer it, field by field.
package struct ShortPosts: Sendable {
    /// A body's bytes up to which a request is short. An event has some 270.
    package static let bodyBytesMax = 16 << 10

    /// One that is being read.
    struct Candidate: Sendable {
        let head: HTTPRequest
        /// Copied out of the connection's buffer, which is used again by the next read.
        var body: [UInt8] = []
        let principal: Principal
        fileprivate let contentType: String?
        fileprivate let idempotencyKey: String?
        fileprivate let endpoint: String
        fileprivate let handler: ShortPost.Handler
    }

    private let handlers: [String: ShortPost.Handler]
    private let permit: @Sendable (_ authorization: String?) throws(Problem) -> Principal
    private let guardian: DoorGuard
    private let common: CommonFields

    init(
        _ routes: [Route],
        permit: @escaping @Sendable (_ authorization: String?, Route.Access) throws(Problem) -> Principal,
        guardian: DoorGuard,
        common: CommonFields
    ) {
        handlers = Dictionary(uniqueKeysWithValues: routes.compactMap { route in route.short.map { (route.path, $0) } })
        self.permit = { authorization throws(Problem) in try permit(authorization, .send) }
        (self.guardian, self.common) = (guardian, common)
    }

    /// Whether a request may be short, by its head alone. What would be refused is not: the common way says why.
    func candidate(_ head: HTTPRequest) -> Candidate? {
        guard head.method == .post, let path = head.path, let handler = handlers[path] else { return nil }
        var (length, authorization, contentType, idempotencyKey): (String?, String?, String?, String?)
        // Each is looked at once: asking the fields by name would go through all of them each time.
        for field in head.headerFields {
            let name = field.name.canonicalName
            switch (name.utf8.count, name) {
            case (14, "content-length"): guard Self.keep(field, in: &length) else { return nil }
            case (13, "authorization"): guard Self.keep(field, in: &authorization) else { return nil }
            case (12, "content-type"): guard Self.keep(field, in: &contentType) else { return nil }
            case (15, "idempotency-key"): guard Self.keep(field, in: &idempotencyKey) else { return nil }
            case (10, "connection") where field.value.lowercased() == "keep-alive": continue
            case (10, "connection"), (6, "expect"), (6, "origin"), (7, "upgrade"), (16, "content-encoding"), (17, "transfer-encoding"): return nil
            default: continue
            }
        }
        guard let bytes = length.flatMap({ Int($0) }), (1...Self.bodyBytesMax).contains(bytes), let principal = try? permit(authorization) else {
            return nil
        }
        var candidate = Candidate(
            head: head,
            principal: principal,
            contentType: contentType,
            idempotencyKey: idempotencyKey,
            endpoint: path,
            handler: handler
        )
        candidate.body.reserveCapacity(bytes)
        return candidate
    }

    /// False: it stands there twice.
    private static func keep(_ field: HTTPField, in value: inout String?) -> Bool {
        guard value == nil else { return false }
        value = field.value
        return true
    }

    /// The answer as it goes onto the connection. Nil: it goes the common way.
    func answer(_ candidate: Candidate) async -> ByteBuffer? {
        let post = ShortPost(
            contentType: candidate.contentType,
            idempotencyKey: candidate.idempotencyKey,
            principal: candidate.principal,
            body: candidate.body
        )
        let answer: WholeAnswer
        do throws(Problem) {
            guard let whole = try await candidate.handler(post) else { return nil }
            answer = whole
        } catch {
            guardian.log(error, path: candidate.endpoint)
            answer = error.answer
        }
        guardian.count(answer.status, endpoint: candidate.endpoint)
        return answer.encoded(common: common.bytes())
    }
}
