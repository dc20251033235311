import CCurl

/// HTTP and HTTPS over libcurl, on a few threads of its own; connections are kept alive between requests.
package final class HTTPClient: HTTPTransferring {
    private let transfers: CurlTransfers
    private let userAgent: String

    /// - Parameters:
    ///   - concurrent: how many requests run at once; others wait their turn.
    ///   - userAgent: the `User-Agent` of requests that bring none.
    package init(concurrent: Int = 4, userAgent: String = "tocsin") {
        transfers = CurlTransfers(concurrent: concurrent)
        self.userAgent = userAgent
    }

    /// Sends the request and returns the answer, whatever its status.
    package func perform(_ request: HTTPRequest) async throws(TransferError) -> HTTPResponse {
        let lines = try HTTPClient.headerLines(of: request, userAgent: userAgent)
        let exchange = Exchange(responseBytesMax: request.responseBytesMax)
        return try await transfers.run(to: request.origin, exchange: exchange) { handle in
            HTTPClient.transfer(request, lines: lines, exchange: exchange, on: handle)
        }
    }

    /// Sends the request and hands a good answer's body over piece by piece, as it comes; returns when the answer has ended, or the sink has had
    /// enough. The body of an answer that is no success is in the response, as usual.
    /// - Parameters:
    ///   - silenceMax: when nothing comes for so long the other end is taken for lost: ``TransferError/timeout(_:)``. The request's own timeout does not
    ///     count, for a stream has no end.
    ///   - sink: called on the transfer's thread, which may block; false ends the transfer.
    package func stream(
        _ request: HTTPRequest,
        silenceMax: Duration,
        into sink: @escaping @Sendable ([UInt8]) -> Bool
    ) async throws(TransferError) -> HTTPResponse {
        let lines = try HTTPClient.headerLines(of: request, userAgent: userAgent)
        let exchange = Exchange(responseBytesMax: request.responseBytesMax, sink: sink)
        return try await transfers.run(to: request.origin, exchange: exchange) { handle in
            HTTPClient.transfer(request, lines: lines, exchange: exchange, silenceMax: silenceMax, on: handle)
        }
    }

    /// - Parameter silenceMax: of a stream; nil: the request's timeout counts.
    private static func transfer(
        _ request: HTTPRequest,
        lines: [String],
        exchange: Exchange,
        silenceMax: Duration? = nil,
        on handle: CurlHandle
    ) -> Result<HTTPResponse, TransferError> {
        handle.prepare(
            url: request.url,
            protocols: "http,https",
            timeout: request.timeout,
            connectTimeout: request.connectTimeout,
            tls: request.tls
        )
        if let silenceMax {
            // libcurl's words: less than a byte a second, for so many seconds.
            handle.set(CURLOPT_TIMEOUT_MS, 0)
            handle.set(CURLOPT_LOW_SPEED_LIMIT, 1)
            handle.set(CURLOPT_LOW_SPEED_TIME, max(1, Int(silenceMax.components.seconds)))
        }
        if !request.speaksHTTP2 { handle.set(CURLOPT_HTTP_VERSION, Int(CURL_HTTP_VERSION_1_1)) }
        if let proxy = request.proxy { handle.set(proxy, for: request.url) }
        if !request.reusesConnection {
            handle.set(CURLOPT_FRESH_CONNECT, 1)
            handle.set(CURLOPT_FORBID_REUSE, 1)
        }
        handle.set(CURLOPT_HTTPHEADER, lines)
        let sendsBody = !request.body.isEmpty || request.method == "POST" || request.method == "PUT" || request.method == "PATCH"
        if sendsBody { handle.set(CURLOPT_POST, 1) }
        if request.method == "HEAD" {
            handle.set(CURLOPT_NOBODY, 1)
        } else if request.method != (sendsBody ? "POST" : "GET") {
            handle.set(CURLOPT_CUSTOMREQUEST, request.method)
        }
        var outcome = handle.perform(body: sendsBody ? request.body : nil, exchange: exchange)
        if let proxy = request.proxy { outcome.detail = proxy.hidden(in: outcome.detail) }
        guard outcome.code == CURLE_OK || exchange.isEndedBySink else {
            return .failure(.of(outcome, exchange: exchange, peer: request.origin, timeout: silenceMax ?? request.timeout))
        }
        let headers = exchange.headerLines.dropFirst().compactMap { line -> HTTPHeader? in
            guard let colon = line.firstIndex(of: ":") else { return nil }
            let value = line[line.index(after: colon)...].drop { $0 == " " || $0 == "\t" }
            return HTTPHeader(line[..<colon].lowercased(), String(value))
        }
        return .success(HTTPResponse(status: outcome.status, headers: headers, body: exchange.body))
    }

    /// The header lines for libcurl, after checking that none can smuggle another line in.
    private static func headerLines(of request: HTTPRequest, userAgent: String) throws(TransferError) -> [String] {
        guard request.method.utf8.allSatisfy({ $0 >= UInt8(ascii: "A") && $0 <= UInt8(ascii: "Z") }), !request.method.isEmpty else {
            throw .invalid("the HTTP method \"\(request.method)\" is not a word of capital letters")
        }
        guard request.url.utf8.allSatisfy({ $0 > 0x20 && $0 != 0x7F }) else {
            throw .invalid("the address at \(request.origin) holds a blank or a control character: write it percent-encoded")
        }
        var lines: [String] = []
        for header in request.headers {
            try HeaderText.check(name: header.name, value: header.value)
            // To libcurl "Name:" means "do not send it"; an empty value is asked for with a semicolon.
            lines.append(header.value.isEmpty ? "\(header.name);" : "\(header.name): \(header.value)")
        }
        func lacks(_ name: String) -> Bool { !request.headers.contains { $0.name.lowercased() == name } }
        if lacks("user-agent") { lines.append("User-Agent: \(userAgent)") }
        // The address that libcurl sees holds the other name.
        if request.tls.serverName != nil, lacks("host"), let place = URLText.Place(request.url) { lines.append("Host: \(place.authority)") }
        // libcurl would call any body a form.
        if lacks("content-type") { lines.append("Content-Type:") }
        // Waiting for "100 Continue" costs a second with servers that do not know it.
        lines.append("Expect:")
        return lines
    }
}

enum HeaderText {
    /// RFC 9110 §5.1 and §5.5, RFC 5322 §2.2: a name is a token, a value has no line ends and no NUL.
    static func check(name: String, value: String) throws(TransferError) {
        let isToken = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
            default: "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
        }
        guard isToken, !name.isEmpty else { throw .invalid("\"\(name)\" is not a header name: letters, digits and hyphens only") }
        guard !value.utf8.contains(where: { $0 == 0x0D || $0 == 0x0A || $0 == 0 }) else {
            throw .invalid("the value of the header \(name) holds a line end or NUL and was not sent: take it out of the configuration or the file")
        }
    }
}
