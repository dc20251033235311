import Answering
import CDeflate
import CZlib
import Wire

/// A body's `Content-Encoding`, undone within the limit on inflated bytes.
///
/// What is good and reasonable is inflated whole by libdeflate, into exactly the room that its trailer names. All else goes piece by piece through
/// zlib: memory grows with what is inflated, in pieces that count against the budget of all requests, and a stream that inflates beyond all
/// reason is first only counted, so that a bomb is refused without ever being held.
enum Inflation {
    /// Throws 415 for an encoding not known here, 413 when more than `bytesMax` would come out, 503 when all requests hold too much, 400 when
    /// the bytes are damaged.
    static func inflate(_ body: [UInt8], encoding: String?, bytesMax: Int, share: BodyBudget.Share) throws(Problem) -> BodyText {
        switch encoding?.lowercased() {
        case nil, "", "identity": return BodyText(body)
        case "gzip", "x-gzip": return try gunzip(body, bytesMax: bytesMax, share: share)
        case "zstd": return try ZstdBody.inflate(body, bytesMax: bytesMax, share: share)
        case let other?: throw .unsupportedMediaType("Content-Encoding \(other) is not read here; send gzip or zstd, or leave it out")
        }
    }

    /// What a body may be at most, as it came and inflated, to be dealt with on an event loop's thread: some 2 ms of work.
    static let shortBodyBytes = 64 << 10
    static let shortTextBytes = 1 << 20

    /// The text of a body that is short, also when it is inflated. Nil for every other, and for what is wrong or unusual: ``inflate(_:encoding:bytesMax:share:)``,
    /// which may take long, looks at it anew. Nothing of the share is taken then, and no more than a short body's work was done.
    static func short(_ body: [UInt8], encoding: String?, bytesMax: Int, share: BodyBudget.Share) -> BodyText? {
        let textBytes = min(shortTextBytes, bytesMax)
        return switch encoding?.lowercased() {
        case nil, "", "identity": BodyText(body)
        case "gzip", "x-gzip":
            body.count > shortBodyBytes ? nil : GzipBody.inflate(body, bytesMax: textBytes, share: share)
        // Frames say their size or do not, and there may be several: only the limit is certain.
        case "zstd": try? (body.count > shortBodyBytes ? nil : ZstdBody.inflate(body, bytesMax: textBytes, share: share))
        default: nil
        }
    }

    /// All members of a gzip stream as one text.
    static func gunzip(_ body: [UInt8], bytesMax: Int, share: BodyBudget.Share) throws(Problem) -> BodyText {
        try refuseBomb(body, bytesMax: bytesMax)
        if let text = GzipBody.inflate(body, bytesMax: bytesMax, share: share) { return text }
        if let bytes = try run(body, mode: .keepingWhileReasonable, bytesMax, share) { return BodyText(bytes) }
        _ = try run(body, mode: .counting, bytesMax, share)
        return BodyText(try run(body, mode: .keeping, bytesMax, share) ?? [])
    }

    private enum Mode { case keepingWhileReasonable, counting, keeping }

    /// One piece of output; also what a body may inflate to before its ratio is looked at.
    private static let pieceBytes = 1 << 20
    static let ratioFreeBytes = 16 << 20
    /// Logs and JSON shrink 5 to 50 times; deflate's limit is 1032.
    static let ratioReasonable = 100

    /// Nil when `mode` is counting, and when the stream stopped being reasonable.
    private static func run(_ body: [UInt8], mode: Mode, _ bytesMax: Int, _ share: BodyBudget.Share) throws(Problem) -> [UInt8]? {
        guard !body.isEmpty, body.count <= Int(UInt32.max) else { throw problem(of: .truncated) }
        var stream = unsafe z_stream()
        // Window bits 15 + 16: a gzip header and trailer around the deflate data.
        guard unsafe inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            throw .failed("zlib cannot start: there may be no memory left")
        }
        defer { unsafe inflateEnd(&stream) }
        var pieces: [[UInt8]] = []
        var piece = [UInt8](repeating: 0, count: min(pieceBytes, max(4096, body.count * 4)))
        var (filled, total) = (0, 0)
        return try unsafe body.withUnsafeBufferPointer { (input) throws(Problem) -> [UInt8]? in
            // zlib never writes through next_in; its type only predates const.
            unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            unsafe stream.avail_in = UInt32(input.count)
            while true {
                let (code, made) = unsafe piece.withUnsafeMutableBufferPointer { buffer in
                    unsafe stream.next_out = buffer.baseAddress! + filled
                    unsafe stream.avail_out = UInt32(buffer.count - filled)
                    let code = unsafe CZlib.inflate(&stream, Z_NO_FLUSH)
                    return unsafe (code, buffer.count - filled - Int(stream.avail_out))
                }
                (filled, total) = (filled + made, total + made)
                guard total <= bytesMax else { throw tooLarge(bytesMax) }
                if mode != .counting, !share.take(made) { throw crowded }
                switch code {
                case Z_OK: break
                case Z_STREAM_END:
                    if unsafe stream.avail_in == 0 { return mode == .counting ? nil : joined(pieces, piece, filled, total) }
                    // RFC 1952 §2.2: a file is a series of members.
                    unsafe inflateReset(&stream)
                case Z_BUF_ERROR: throw problem(of: .truncated)
                default:
                    let detail = if let message = unsafe stream.msg { unsafe String(cString: message) } else { "code \(code)" }
                    throw problem(of: .damaged(detail))
                }
                guard filled == piece.count else { continue }
                let consumed = unsafe input.count - Int(stream.avail_in)
                if mode == .keepingWhileReasonable, total > ratioFreeBytes, total / max(1, consumed) > ratioReasonable {
                    share.give(back: total)
                    return nil
                }
                if mode != .counting { pieces.append(piece) }
                (piece, filled) = (mode == .counting ? piece : [UInt8](repeating: 0, count: pieceBytes), 0)
            }
        }
    }

    /// One array of exactly the size that is needed; the pieces go one by one.
    private static func joined(_ pieces: [[UInt8]], _ last: [UInt8], _ filled: Int, _ total: Int) -> [UInt8] {
        var bytes = [UInt8]()
        bytes.reserveCapacity(total)
        for piece in pieces { bytes.append(contentsOf: piece) }
        bytes.append(contentsOf: last[..<filled])
        return bytes
    }

    /// The last four bytes of a gzip member are its inflated size (RFC 1952 §2.3.1). Where they name more than the limit the answer is known
    /// before a byte is inflated; where they lie, inflating stops at the limit.
    static func refuseBomb(_ body: [UInt8], bytesMax: Int) throws(Problem) {
        guard Gzip.isGzip(body), body.count >= 18 else { return }
        let size = body.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        guard size <= bytesMax else { throw tooLarge(bytesMax) }
    }

    private static func problem(of error: PackingError) -> Problem { .malformed(error.description) }

    static let crowded = Problem.unavailable(
        "all requests together hold as many bytes as this aggregator allows: try again; nothing was stored",
        retryAfter: .seconds(1)
    )

    static func tooLarge(_ bytesMax: Int) -> Problem {
        .tooLarge("the body inflates to more than \(bytesMax) bytes (limits.inflated_body): split it into several requests; nothing was stored")
    }
}
