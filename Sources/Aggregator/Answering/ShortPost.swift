package import HTTPTypes
package import Telemetry

/// A POST that came in one piece: its head, and a body of a few kilobytes that is not packed. Clients that send event by event send such ones all day,
/// and what the common way needs for bodies of any size and speed was two fifths of their cost.
package struct ShortPost: Sendable {
    package let headers: HTTPFields
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
        fileprivate let endpoint: String
        fileprivate let handler: ShortPost.Handler
    }

    private let handlers: [String: ShortPost.Handler]
    private let permit: @Sendable (_ authorization: String?) throws(Problem) -> Principal
    private let guardian: DoorGuard
    private let date: DateField

    init(
        _ routes: [Route],
        permit: @escaping @Sendable (_ authorization: String?, Route.Access) throws(Problem) -> Principal,
        guardian: DoorGuard,
        date: DateField
    ) {
        handlers = Dictionary(uniqueKeysWithValues: routes.compactMap { route in route.short.map { (route.path, $0) } })
        self.permit = { authorization throws(Problem) in try permit(authorization, .send) }
        (self.guardian, self.date) = (guardian, date)
    }

    /// Whether a request may be short, by its head alone. What would be refused is not: the common way says why.
    func candidate(_ head: HTTPRequest) -> Candidate? {
        guard head.method == .post, let path = head.path, let handler = handlers[path] else { return nil }
        var length: Int?
        for field in head.headerFields {
            let name = field.name.canonicalName
            switch (name.utf8.count, name) {
            case (14, "content-length"): length = Int(field.value)
            case (10, "connection") where field.value.lowercased() == "keep-alive": continue
            case (10, "connection"), (6, "expect"), (6, "origin"), (7, "upgrade"), (16, "content-encoding"), (17, "transfer-encoding"): return nil
            default: continue
            }
        }
        guard let length, (1...Self.bodyBytesMax).contains(length), let principal = try? permit(head.headerFields[.authorization]) else { return nil }
        var candidate = Candidate(head: head, principal: principal, endpoint: path, handler: handler)
        candidate.body.reserveCapacity(length)
        return candidate
    }

    /// Nil: it goes the common way.
    func answer(_ candidate: Candidate) async -> WholeAnswer? {
        let post = ShortPost(headers: candidate.head.headerFields, principal: candidate.principal, body: candidate.body)
        var answer: WholeAnswer
        do throws(Problem) {
            guard let whole = try await candidate.handler(post) else { return nil }
            answer = whole
        } catch {
            guardian.log(error, path: candidate.endpoint)
            answer = error.answer
        }
        DoorGuard.protect(&answer.headers)
        answer.headers[.contentLength] = String(answer.body.count)
        answer.headers[.date] = date.text()
        answer.headers[.server] = Door.serverName
        guardian.count(answer.status, endpoint: candidate.endpoint)
        return answer
    }
}
