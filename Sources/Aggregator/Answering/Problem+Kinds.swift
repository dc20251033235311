package import HTTPTypes

/// The kinds of problems, each with its one status.
extension Problem {
    /// 400: the request cannot be read.
    package static func malformed(_ detail: String, errors: [Item] = []) -> Problem {
        Problem(.badRequest, kind: "malformed", title: "The request cannot be read", detail: detail, errors: errors)
    }

    /// 401: a token is needed, or the one given is not known.
    package static func unauthorized(_ detail: String) -> Problem {
        Problem(
            .unauthorized,
            kind: "unauthorized",
            title: "A token is needed",
            detail: detail,
            headers: [.wwwAuthenticate: #"Bearer realm="tocsin""#]
        )
    }

    /// 403: the token is known and may not do this.
    package static func forbidden(_ detail: String) -> Problem {
        Problem(.forbidden, kind: "forbidden", title: "Not allowed", detail: detail)
    }

    /// 422: draft-ietf-httpapi-idempotency-key-header-07, §2.7.
    package static func keyReused(_ detail: String) -> Problem {
        Problem(.unprocessableContent, kind: "idempotency-key-reused", title: "Idempotency-Key is already used", detail: detail)
    }

    package static func notFound(_ detail: String) -> Problem {
        Problem(.notFound, kind: "not-found", title: "Not found", detail: detail)
    }

    /// 405, with `Allow`.
    package static func methodNotAllowed(_ method: HTTPRequest.Method, allowed: [HTTPRequest.Method]) -> Problem {
        let names = allowed.map(\.rawValue).sorted().joined(separator: ", ")
        return Problem(
            .methodNotAllowed,
            kind: "method-not-allowed",
            title: "Method not allowed",
            detail: "\(method.rawValue) is not possible here; use \(names)",
            headers: [.allow: names]
        )
    }

    /// 408: the body did not arrive in time.
    package static func tooSlow(_ detail: String) -> Problem {
        Problem(.requestTimeout, kind: "too-slow", title: "The body did not arrive in time", detail: detail, closesConnection: true)
    }

    /// 409: the state of things speaks against it.
    package static func conflict(_ detail: String) -> Problem {
        Problem(.conflict, kind: "conflict", title: "Conflict", detail: detail)
    }

    /// 413: a limit on size; the detail names it.
    package static func tooLarge(_ detail: String) -> Problem {
        Problem(.contentTooLarge, kind: "too-large", title: "Too large", detail: detail)
    }

    /// 415: a content type or encoding that is not read here.
    package static func unsupportedMediaType(_ detail: String) -> Problem {
        Problem(.unsupportedMediaType, kind: "unsupported-media-type", title: "Unsupported media type", detail: detail)
    }

    /// 422: readable, but it means nothing acceptable.
    package static func unacceptable(_ detail: String, errors: [Item] = []) -> Problem {
        Problem(.unprocessableContent, kind: "unacceptable", title: "The content is not acceptable", detail: detail, errors: errors)
    }

    /// 429, with `Retry-After`: nothing was stored.
    package static func rateLimited(_ detail: String, retryAfter: Duration) -> Problem {
        Problem(.tooManyRequests, kind: "rate-limited", title: "Too many events", detail: detail, retryAfter: retryAfter)
    }

    /// 500: our fault; the log says more.
    package static func failed(_ detail: String) -> Problem {
        Problem(.internalServerError, kind: "failed", title: "The aggregator failed", detail: detail)
    }

    /// 503, with `Retry-After`.
    package static func unavailable(_ detail: String, retryAfter: Duration) -> Problem {
        Problem(.serviceUnavailable, kind: "unavailable", title: "Not possible now", detail: detail, retryAfter: retryAfter)
    }
}
