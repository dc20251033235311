/// One header field. Names are compared without regard to case.
package struct HTTPHeader: Sendable, Hashable {
    package var name: String
    package var value: String

    package init(_ name: String, _ value: String) { (self.name, self.value) = (name, value) }

    /// Throws when it would not stay in its line, or when its name is none; for whoever reads one from a configuration.
    package func check() throws(TransferError) { try HeaderText.check(name: name, value: value) }
}

/// A request to send. Only `http` and `https`; redirects are not followed, because a body with secrets goes where it was configured to go.
package struct HTTPRequest: Sendable, Hashable {
    /// `GET`, `POST`, …; upper case.
    package var method: String
    package var url: String
    package var headers: [HTTPHeader]
    /// Sent with its Content-Length; a request without body sends none.
    package var body: [UInt8]
    /// For the whole exchange, from name resolution to the last byte of the answer.
    package var timeout: Duration
    package var connectTimeout: Duration
    package var tls: TLSOptions
    /// A longer response body ends the transfer with ``TransferError/responseTooLarge(_:)``.
    package var responseBytesMax: Int
    /// False: on a connection of its own. On one that was used before, which the other end closes without an answer, libcurl sends the request again
    /// by itself and gives the second answer: nobody learns that the first may have been taken.
    package var reusesConnection: Bool
    /// Nil: as the environment says.
    package var proxy: HTTPProxy?
    /// False: HTTP/1.1 only, also with who speaks HTTP/2.
    package var speaksHTTP2: Bool

    package init(
        method: String = "GET",
        url: String,
        headers: [HTTPHeader] = [],
        body: [UInt8] = [],
        timeout: Duration = TransferLimits.timeout,
        connectTimeout: Duration = TransferLimits.connectTimeout,
        tls: TLSOptions = TLSOptions(),
        responseBytesMax: Int = TransferLimits.responseBytesMax,
        reusesConnection: Bool = true,
        proxy: HTTPProxy? = nil,
        speaksHTTP2: Bool = true
    ) {
        (self.method, self.url, self.headers, self.body, self.timeout) = (method, url, headers, body, timeout)
        (self.connectTimeout, self.tls, self.responseBytesMax) = (connectTimeout, tls, responseBytesMax)
        (self.reusesConnection, self.proxy, self.speaksHTTP2) = (reusesConnection, proxy, speaksHTTP2)
    }

    /// Scheme, host and port: what may stand in an error or a log. Paths, queries and user information often hold secrets.
    package var origin: String { URLText.origin(of: url) }
}

/// An answer, whatever its status: 404 and 503 are answers, not errors.
package struct HTTPResponse: Sendable, Hashable {
    package var status: Int
    package var headers: [HTTPHeader]
    package var body: [UInt8]

    package init(status: Int, headers: [HTTPHeader] = [], body: [UInt8] = []) {
        (self.status, self.headers, self.body) = (status, headers, body)
    }

    /// The first header of this name, in whatever case.
    package subscript(header name: String) -> String? {
        let wanted = name.lowercased()
        return headers.first { $0.name.lowercased() == wanted }?.value
    }

    /// `Retry-After` (RFC 9110 §10.2.3) as a delay, also with a fraction, as some send it; a date counts from the answer's own `Date`. Nil when absent or
    /// unreadable.
    package var retryAfter: Duration? {
        guard let text = self[header: "retry-after"] else { return nil }
        if let seconds = Double(text), seconds >= 0, seconds.isFinite {
            return .milliseconds(Int64((min(seconds, Double(TransferLimits.retryAfterSecondsMax)) * 1000).rounded(.up)))
        }
        guard let date = HTTPDate.seconds(text), let now = self[header: "date"].flatMap({ HTTPDate.seconds($0) }) else { return nil }
        return .seconds(min(max(0, date - now), TransferLimits.retryAfterSecondsMax))
    }
}

/// Who can carry a request: libcurl, or a test's double.
package protocol HTTPTransferring: Sendable {
    /// Returns the answer, whatever its status; throws when there is none. Cancelling the task ends the transfer.
    func perform(_ request: HTTPRequest) async throws(TransferError) -> HTTPResponse
}

enum URLText {
    static func origin(of url: String) -> String {
        guard let scheme = url.firstRange(of: "://") else { return "(no scheme)" }
        let rest = url[scheme.upperBound...]
        let authority = rest.prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        let host = authority.lastIndex(of: "@").map { authority[authority.index(after: $0)...] } ?? authority
        return String(url[..<scheme.upperBound] + host)
    }
}
