import Answering
import Blocks
import CZstd

/// A body of zstd frames (RFC 8878), inflated within the limits: whole where the frames say their sizes and these are reasonable, else piece by piece.
enum ZstdBody {
    /// Frames that need a larger window are refused: it is memory that one request would hold (RFC 8878 §3.1.1.1.2 asks for 8 MiB at least).
    private static let windowLogMax: Int32 = 23
    private static let pieceBytes = 1 << 18

    static func inflate(_ body: [UInt8], bytesMax: Int, share: BodyBudget.Share) throws(Problem) -> BodyText {
        guard !body.isEmpty else { throw truncated }
        if let text = try whole(body, bytesMax: bytesMax, share: share) { return text }
        guard let stream = unsafe ZSTD_createDCtx() else { throw .failed("zstd cannot start: there may be no memory left") }
        defer { unsafe ZSTD_freeDCtx(stream) }
        unsafe ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, windowLogMax)
        var padded = [UInt8]()
        let announced = unsafe body.withUnsafeBytes { unsafe ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        // The two highest values say that it is unknown, or that this is no zstd.
        if announced < UInt64.max - 1 {
            guard announced <= UInt64(bytesMax) else { throw Inflation.tooLarge(bytesMax) }
            padded.reserveCapacity(min(Int(announced), body.count * Inflation.ratioReasonable) + BodyText.padding)
        }
        var piece = [UInt8](repeating: 0, count: pieceBytes)
        var (read, left, isWhole) = (0, 1, false)
        // What was made of a body that is refused is not held.
        defer { if !isWhole { share.give(back: padded.count) } }
        while read < body.count || left != 0 {
            let (code, consumed, made) = unsafe body.withUnsafeBytes { input in
                unsafe piece.withUnsafeMutableBytes { output in
                    var (source, target) = unsafe (
                        ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: read),
                        ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
                    )
                    let code = unsafe ZSTD_decompressStream(stream, &target, &source)
                    return unsafe (code, source.pos - read, target.pos)
                }
            }
            guard ZSTD_isError(code) == 0 else {
                let name = unsafe String(cString: ZSTD_getErrorName(code))
                throw .malformed("the body is not good zstd (\(name)): compress it again, with a window of at most 8 MiB")
            }
            guard consumed > 0 || made > 0 else { throw truncated }
            guard padded.count + made <= bytesMax else { throw Inflation.tooLarge(bytesMax) }
            guard share.take(made) else { throw Inflation.crowded }
            padded.append(contentsOf: piece[..<made])
            (read, left) = (read + consumed, code)
        }
        isWhole = true
        padded.append(contentsOf: repeatElement(0, count: BodyText.padding))
        return BodyText(padded: padded)
    }

    /// Nil when another way must look at the body: sizes that are not said or are beyond reason, damaged bytes. Nothing of the share is taken then.
    private static func whole(_ body: [UInt8], bytesMax: Int, share: BodyBudget.Share) throws(Problem) -> BodyText? {
        guard let announced = Zstd.announcedBytes(body) else { return nil }
        guard announced <= bytesMax else { throw Inflation.tooLarge(bytesMax) }
        guard announced <= Inflation.ratioFreeBytes || announced / body.count <= Inflation.ratioReasonable, share.take(announced) else { return nil }
        if let padded = Zstd.inflate(body, announced: announced, padding: BodyText.padding) { return BodyText(padded: padded) }
        share.give(back: announced)
        return nil
    }

    private static var truncated: Problem { .malformed("the zstd body ends too early: send it whole") }
}
