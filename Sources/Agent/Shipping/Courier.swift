import JSON
import Operating
import Telemetry
import Transferring
import Wire

/// Carries leased batches to the aggregator and brings back what it said. It decides nothing.
struct Courier: Sendable {
    let config: ShippingConfig
    let client: any HTTPTransferring
    let time: any TimeSource
    private let tokenFile: TokenFile?

    init(config: ShippingConfig, client: any HTTPTransferring, time: any TimeSource) {
        (self.config, self.client, self.time) = (config, client, time)
        tokenFile = config.tokenFile.map { TokenFile(path: $0) }
    }

    func carry(_ batches: [SealedBatch]) async -> (reply: Reply, took: Duration) {
        var headers = [HTTPHeader("Content-Type", Wire.contentType), HTTPHeader("Content-Encoding", "gzip")]
        if config.exposesToken {
            return (
                .none("the token would be sent to \(config.url) unencrypted: write https://, or ship.token_over_http: allow; everything is kept"),
                .zero
            )
        }
        if let tokenFile {
            do throws(TokenFile.Failure) { headers.append(HTTPHeader("Authorization", "Bearer \(try tokenFile.token())")) } catch {
                return (.none(error.description), .zero)
            }
        }
        var body: [UInt8] = []
        body.reserveCapacity(batches.reduce(0) { $0 + $1.bytes.count })
        for batch in batches { body += batch.bytes }
        let request = HTTPRequest(
            method: "POST",
            url: config.ingestURL,
            headers: headers,
            body: body,
            timeout: ShippingLimits.timeout,
            connectTimeout: ShippingLimits.connectTimeout,
            tls: config.tls
        )
        let start = time.monotonic()
        let reply: Reply
        do throws(TransferError) { reply = Self.read(try await client.perform(request)) } catch { reply = .none(error.description) }
        return (reply, time.monotonic() - start)
    }

    private static func read(_ response: HTTPResponse) -> Reply {
        let type = response[header: "content-type"] ?? ""
        let isProblem = type.hasPrefix("application/problem+json")
        let words = isProblem ? (try? JSON.parse(response.body))?["detail"]?.string : nil
        return .answer(
            status: response.status,
            acknowledgement: response.status == 200 ? AcknowledgementJSON.decode(response.body) : nil,
            retryAfter: response.retryAfter,
            isProblem: isProblem,
            detail: String((words ?? "no reason given").prefix(ShippingLimits.detailMax))
        )
    }
}
