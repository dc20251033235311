import ArgumentParser
import Configuring
import JSON
import Transferring

/// Which aggregator is asked, as whom.
struct AggregatorOptions: ParsableArguments {
    @Option(name: .long, help: "The aggregator's address.")
    var aggregator = "http://127.0.0.1:8640"

    @Option(name: .long, help: "A file that holds the token to show.")
    var tokenFile: String?

    @Option(name: .long, help: "A file with the certificates to trust, when the aggregator's is not signed by a public authority.")
    var caFile: String?

    /// GET; the answer's JSON. Throws a sentence for everything else.
    func get(_ path: String, _ parameters: [(String, String?)] = []) async throws -> JSON {
        try await send("GET", Self.path(path, parameters), body: [])
    }

    /// The path with its query; parameters without a value are left out.
    static func path(_ path: String, _ parameters: [(String, String?)]) -> String {
        let query = parameters.compactMap { name, value in value.map { "\(name)=\(URLQuery.escape($0))" } }.joined(separator: "&")
        return path + (query.isEmpty ? "" : "?" + query)
    }

    /// - Parameters:
    ///   - accepting: statuses beyond 2xx whose JSON is an answer too.
    ///   - limit: how long the answer may take.
    func post(
        _ path: String,
        _ body: JSONWriter,
        accepting: Set<Int> = [],
        within limit: Duration = TransferLimits.timeout
    ) async throws -> JSON {
        try await send("POST", path, body: body.bytes, accepting: accepting, within: limit)
    }

    func delete(_ path: String) async throws -> JSON { try await send("DELETE", path, body: []) }

    /// GET of a stream, whose pieces the sink takes; the answer when it is over.
    func stream(
        _ path: String,
        _ headers: [HTTPHeader],
        silenceMax: Duration,
        into sink: @escaping @Sendable ([UInt8]) -> Bool
    ) async throws -> HTTPResponse {
        try await HTTPClient(concurrent: 1, userAgent: "agentctl").stream(request("GET", path, headers), silenceMax: silenceMax, into: sink)
    }

    private func request(
        _ method: String,
        _ path: String,
        _ headers: [HTTPHeader],
        body: [UInt8] = [],
        within limit: Duration = TransferLimits.timeout
    ) throws -> HTTPRequest {
        var headers = headers
        if let tokenFile {
            do throws(ConfigProblem) { headers.append(HTTPHeader("Authorization", "Bearer " + (try ConfigFile.secret(tokenFile).value))) } catch {
                throw Failure(error.description)
            }
        }
        let base = aggregator.hasSuffix("/") ? String(aggregator.dropLast()) : aggregator
        return HTTPRequest(method: method, url: base + path, headers: headers, body: body, timeout: limit, tls: TLSOptions(caFile: caFile))
    }

    private func send(
        _ method: String,
        _ path: String,
        body: [UInt8],
        accepting: Set<Int> = [],
        within limit: Duration = TransferLimits.timeout
    ) async throws -> JSON {
        var headers = [HTTPHeader("Accept", "application/json")]
        if !body.isEmpty { headers.append(HTTPHeader("Content-Type", "application/json")) }
        let request = try request(method, path, headers, body: body, within: limit)
        let response: HTTPResponse
        do throws(TransferError) { response = try await HTTPClient(concurrent: 1, userAgent: "agentctl").perform(request) } catch {
            var isTooMuch = false
            if case .responseTooLarge = error { isTooMuch = true }
            throw Failure("\(aggregator): \(error)", isTooMuch: isTooMuch)
        }
        let tree = try? JSON.parse(response.body)
        guard (200..<300).contains(response.status) || accepting.contains(response.status) && tree?["problems"] != nil else {
            throw Failure(explain(response), isTooMuch: response.status == 422)
        }
        if response.status == 204 || response.body.isEmpty { return .null }
        guard let tree else { throw Failure("\(aggregator) answered with something that is no JSON: is this a Tocsin aggregator?") }
        return tree
    }

    /// The problem document's sentence, or Prometheus's error, and what to do about the usual ones.
    func explain(_ response: HTTPResponse) -> String {
        let tree = try? JSON.parse(response.body)
        let said = tree?["detail"]?.string ?? tree?["error"]?.string ?? tree?["title"]?.string
        let remedy =
            switch response.status {
            case 401:
                tokenFile == nil
                    ? " (show a token with --token-file)" : " (the token in \(tokenFile ?? "") is not, or no longer, in the aggregator's tokens file)"
            case 403: " (this token's role may not do that)"
            default: ""
            }
        return "\(aggregator): \(response.status)" + (said.map { ": \($0)" } ?? "") + remedy
    }
}

/// Percent-encoding of a query's value, RFC 3986 §2.3: everything but the unreserved characters.
enum URLQuery {
    static func escape(_ text: String) -> String {
        let hex = Array("0123456789ABCDEF".utf8)
        var bytes = [UInt8]()
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"),
                UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "~"):
                bytes.append(byte)
            default: bytes += [UInt8(ascii: "%"), hex[Int(byte >> 4)], hex[Int(byte & 15)]]
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
