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
        var headers = [HTTPHeader("Content-Type", Wire.contentType), HTTPHeader("Content-Encoding", Wire.contentEncoding)]
        do throws(TokenFile.Failure) { headers += try authorization() } catch { return (.none(error.description), .zero) }
        var body: [UInt8] = []
        body.reserveCapacity(batches.reduce(0) { $0 + $1.bytes.count })
        for batch in batches { body += Self.packed(batch) }
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

    /// A body has one encoding. What cannot be unpacked goes as it is, and the aggregator says what is wrong with it.
    private static func packed(_ batch: SealedBatch) -> [UInt8] {
        guard Gzip.isGzip(batch.bytes) else { return batch.bytes }
        return Wire.repacked(batch.bytes, inflatedBytesMax: ShippingLimits.inflatedBytesMax) ?? batch.bytes
    }

    /// Asks how far the host's files are stored. Throws a sentence when there is no answer yet.
    func knownFiles(of host: String, askedBy agents: [UUID], within limit: Duration) async throws(PositionsUnknown) -> KnownFiles {
        let headers: [HTTPHeader]
        do throws(TokenFile.Failure) { headers = try authorization() } catch { throw PositionsUnknown(reason: error.description) }
        let request = HTTPRequest(
            method: "GET",
            url: config.positionsURL(host: host, agents: agents),
            headers: headers,
            timeout: limit,
            connectTimeout: min(limit, ShippingLimits.connectTimeout),
            tls: config.tls,
            responseBytesMax: ShippingLimits.positionsBytesMax
        )
        let response: HTTPResponse
        do throws(TransferError) { response = try await client.perform(request) } catch { throw PositionsUnknown(reason: error.description) }
        if response.status == 200, let known = KnownFilesJSON.decode(response.body) { return known }
        let isProblem = (response[header: "content-type"] ?? "").hasPrefix("application/problem+json")
        // An aggregator of before notes no positions, so there is nothing to wait for.
        if response.status == 404, isProblem { return KnownFiles(hasEarlierAgent: false) }
        let words = isProblem ? (try? JSON.parse(response.body))?["detail"]?.string : nil
        throw PositionsUnknown(reason: "it answers \(response.status): \((words ?? "no reason given").prefix(ShippingLimits.detailMax))")
    }

    private func authorization() throws(TokenFile.Failure) -> [HTTPHeader] {
        if config.exposesToken {
            throw TokenFile.Failure(
                description:
                    "the token would be sent to \(config.url) unencrypted: write https://, or ship.token_over_http: allow; everything is kept"
            )
        }
        guard let tokenFile else { return [] }
        return [HTTPHeader("Authorization", "Bearer \(try tokenFile.token())")]
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

/// Where files stood could not be learnt now.
package struct PositionsUnknown: Error, Sendable, Hashable, CustomStringConvertible {
    package let reason: String
    package var description: String { reason }

    package init(reason: String) { self.reason = reason }
}
