import HTTPTypes
package import Hummingbird
package import Logging
package import Operating
package import Telemetry

/// One router of all routes: who asks is found out, what is refused becomes a problem document, and every request is counted.
package struct Door: Sendable {
    /// What the `Authorization` header stands for.
    package enum Identification: Sendable, Hashable {
        case known(Principal)
        /// No token was given, and one is needed.
        case missing
        /// The token given is none of ours.
        case unknown
    }

    /// What every answer names as its `Server`.
    package static let serverName = "tocsin"

    private let routes: [Route]
    private let time: any TimeSource
    private let identify: @Sendable (_ token: String?) -> Identification
    private let guardian: DoorGuard

    /// - Parameter identify: from the bearer token (nil: none given) to who that is.
    package init(
        routes: [Route],
        identify: @escaping @Sendable (_ token: String?) -> Identification,
        limits: BodyLimits = BodyLimits(),
        time: any TimeSource,
        metrics: MetricsRegistry,
        logger: Logger
    ) {
        (self.routes, self.identify, self.time) = (routes, identify, time)
        guardian = DoorGuard(limits: limits, metrics: metrics, logger: logger)
    }

    package func router() -> Router<DoorContext> {
        let router = Router(context: DoorContext.self, options: .autoGenerateHeadEndpoints)
        router.add(middleware: guardian)
        var methods: [String: [HTTPRequest.Method]] = [:]
        for route in routes {
            methods[route.path, default: []].append(route.method)
            router.on(RouterPath(route.path), method: route.method) { request, context in
                var context = context
                context.principal = try permit(request.headers[.authorization], route.access)
                // Short bodies, which clients send all day, are dealt with on the connection's own thread. A query or a large body may take long, and
                // must not hold up other connections.
                if route.isBrief { return try await route.handler(request, context) }
                if route.access == .send, let length = request.declaredLength, length <= Self.shortBodyBytes {
                    return try await route.handler(request, context)
                }
                return try await withTaskExecutorPreference(globalConcurrentExecutor) { [context] in try await route.handler(request, context) }
            }
        }
        for (path, known) in methods {
            // HEAD comes with GET by itself.
            let allowed = known.contains(.get) ? known + [.head] : known
            for method in Self.methods where !allowed.contains(method) {
                router.on(RouterPath(path), method: method) { _, _ -> Response in
                    throw Problem.methodNotAllowed(method, allowed: allowed)
                }
            }
        }
        return router
    }

    /// A body of so many bytes, gzip'd, is some 5 000 events: 5 ms of work.
    private static let shortBodyBytes = 256 << 10

    private static let methods: [HTTPRequest.Method] = [.get, .head, .post, .put, .patch, .delete, .options]

    /// Requests that need no router: see ``ShortPosts``.
    package func shortPosts() -> ShortPosts { ShortPosts(routes, permit: permit, guardian: guardian, common: CommonFields(time)) }

    private func permit(_ authorization: String?, _ access: Route.Access) throws(Problem) -> Principal {
        guard access != .open else { return Principal(name: "", role: .viewer) }
        switch identify(try Self.bearerToken(authorization)) {
        case .known(let principal):
            guard access.allows(principal.role) else {
                throw .forbidden("the token \"\(principal.name)\" has the role \(principal.role.rawValue), which may not do this")
            }
            return principal
        case .missing: throw .unauthorized("give a token: Authorization: Bearer <token>")
        case .unknown: throw .unauthorized("this token is not in the tokens file, or no more: ask the operator for a new one")
        }
    }

    /// RFC 6750 §2.1. Nil when the header is missing.
    private static func bearerToken(_ header: String?) throws(Problem) -> String? {
        guard let header else { return nil }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw .unauthorized("the Authorization header is not of the form: Bearer <token>")
        }
        return String(parts[1])
    }
}
