import Answering
import CDeflate

/// Gzip inflated whole by libdeflate, some 2.5 times as fast as zlib's stream. It needs room for all of a member at once, so it is used only where
/// what comes out is known or can be guessed to be reasonable.
enum GzipBody {
    /// Nil when another way must look at the body: damaged bytes, a trailer that lies, no room in the budget, a ratio beyond reason. Nothing of the share
    /// is taken then.
    static func inflate(_ body: [UInt8], bytesMax: Int, share: BodyBudget.Share) -> BodyText? {
        guard body.count >= 18 else { return nil }
        // RFC 1952 §2.3.1: the last four bytes are the size of the last member, which mostly is the only one.
        let size = body.suffix(4).reversed().reduce(0) { $0 << 8 | Int($1) }
        if isReasonable(size, of: body), size <= bytesMax, let text = inflate(body, into: size, share) { return text }
        // Several members: an agent's batches are one each. Room for what such bodies come to, then for as much as is reasonable.
        for ratio in [8, 40] {
            let room = min(bytesMax, max(body.count * ratio, 4096))
            if room > size, isReasonable(room, of: body), let text = inflate(body, into: room, share) { return text }
        }
        return nil
    }

    private static func isReasonable(_ size: Int, of body: [UInt8]) -> Bool {
        size <= Inflation.ratioFreeBytes || size / body.count <= Inflation.ratioReasonable
    }

    /// All members, when they come to at most `room` bytes.
    private static func inflate(_ body: [UInt8], into room: Int, _ share: BodyBudget.Share) -> BodyText? {
        guard share.take(room) else { return nil }
        guard let decompressor = unsafe libdeflate_alloc_decompressor() else {
            share.give(back: room)
            return nil
        }
        defer { unsafe libdeflate_free_decompressor(decompressor) }
        var isWhole = false
        let padded = unsafe body.withUnsafeBytes { input in
            unsafe [UInt8](unsafeUninitializedCapacity: room + BodyText.padding) { output, count in
                var (read, made) = (0, 0)
                while read < input.count {
                    var (consumed, produced) = (0, 0)
                    let code = unsafe libdeflate_gzip_decompress_ex(
                        decompressor,
                        input.baseAddress.unsafelyUnwrapped + read,
                        input.count - read,
                        output.baseAddress.unsafelyUnwrapped + made,
                        room - made,
                        &consumed,
                        &produced
                    )
                    guard code == LIBDEFLATE_SUCCESS, consumed > 0 else { break }
                    (read, made) = (read + consumed, made + produced)
                }
                isWhole = read == input.count
                for index in made..<made + BodyText.padding { unsafe output[index] = 0 }
                count = made + BodyText.padding
            }
        }
        let made = padded.count - BodyText.padding
        share.give(back: isWhole ? room - made : room)
        return isWhole ? BodyText(padded: padded) : nil
    }
}
