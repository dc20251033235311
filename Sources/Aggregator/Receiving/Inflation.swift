import Answering
import Wire

/// What a body's `Content-Encoding` says, undone, within the limit on inflated bytes.
enum Inflation {
    /// Throws 415 for an encoding not known here, 413 when more than `bytesMax` would come out, 503 when all requests hold too much, 400 when
    /// the bytes are damaged.
    static func inflate(_ body: [UInt8], encoding: String?, bytesMax: Int, share: BodyBudget.Share) throws(Problem) -> [UInt8] {
        switch encoding?.lowercased() {
        case nil, "", "identity": return body
        case "gzip", "x-gzip": break
        case let other?: throw .unsupportedMediaType("Content-Encoding \(other) is not read here; send gzip, or leave it out")
        }
        try refuseBomb(body, bytesMax: bytesMax)
        let bytes: [UInt8]
        do {
            bytes = try Gzip.inflate(body, outputMax: bytesMax)
        } catch {
            throw problem(of: error)
        }
        guard share.take(bytes.count) else {
            throw .unavailable("all requests together hold as many bytes as this aggregator allows: try again", retryAfter: .seconds(1))
        }
        return bytes
    }

    /// The last four bytes of a gzip member are its inflated size (RFC 1952 §2.3.1). Where they name more than the limit the answer is known
    /// before a byte is inflated; where they lie, zlib stops at the limit.
    static func refuseBomb(_ body: [UInt8], bytesMax: Int) throws(Problem) {
        guard Gzip.isGzip(body), body.count >= 18 else { return }
        let size = body.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard size <= bytesMax else { throw tooLarge(bytesMax) }
    }

    static func problem(of error: GzipError) -> Problem {
        switch error {
        case .tooLarge(let limit): tooLarge(limit)
        case .truncated, .damaged: .malformed(error.description)
        }
    }

    private static func tooLarge(_ bytesMax: Int) -> Problem {
        .tooLarge("the body inflates to more than \(bytesMax) bytes (limits.inflated_body): split it into several requests; nothing was stored")
    }
}
