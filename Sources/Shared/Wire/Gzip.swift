import CDeflate
import CZlib

/// Gzip (RFC 1952): packed by libdeflate, which has the whole buffer at hand and is three times as fast as zlib for the same size; inflated by zlib, piece by
/// piece, with output capped, so that a small body cannot become a large memory.
package enum Gzip {
    /// One member. The same bytes at the same level give the same member: no time and no name stand in its header.
    /// - Parameter level: 1 fastest … 12 smallest. At 1 a core packs some 300 MB of log lines a second.
    package static func compress(_ bytes: [UInt8], level: Int32 = 1) -> [UInt8] {
        // Made for each call: kept, its tables would be most of what an idle agent holds.
        guard let compressor = unsafe libdeflate_alloc_compressor(level) else {
            preconditionFailure("libdeflate cannot start: level \(level) or out of memory")
        }
        defer { unsafe libdeflate_free_compressor(compressor) }
        let bound = unsafe libdeflate_gzip_compress_bound(compressor, bytes.count)
        return unsafe bytes.withUnsafeBytes { input in
            unsafe [UInt8](unsafeUninitializedCapacity: bound) { output, count in
                // An empty array has no address; libdeflate wants one.
                var none: UInt8 = 0
                count = unsafe withUnsafePointer(to: &none) { none in
                    unsafe libdeflate_gzip_compress(compressor, input.baseAddress ?? UnsafeRawPointer(none), input.count, output.baseAddress, bound)
                }
                precondition(count > 0, "libdeflate's bound was not enough")
            }
        }
    }

    /// All members, one after the other, as one text.
    /// - Parameter outputMax: most bytes that may come out; more are never made.
    package static func inflate(_ bytes: [UInt8], outputMax: Int) throws(PackingError) -> [UInt8] {
        guard !bytes.isEmpty else { throw .truncated }
        guard bytes.count <= Int(UInt32.max) else { throw .damaged("4 GiB and more are not taken at once") }
        var stream = unsafe z_stream()
        let code = unsafe inflateInit2_(&stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
        guard code == Z_OK else { throw .damaged("zlib cannot start (code \(code))") }
        defer { unsafe inflateEnd(&stream) }
        var output = [UInt8]()
        output.reserveCapacity(min(outputMax, bytes.count * 4))
        var chunk = [UInt8](repeating: 0, count: min(64 * 1024, max(512, outputMax + 1)))
        return try unsafe bytes.withUnsafeBufferPointer { (input) throws(PackingError) in
            unsafe stream.next_in = UnsafeMutablePointer(mutating: input.baseAddress)
            unsafe stream.avail_in = UInt32(input.count)
            while true {
                let (code, made) = unsafe chunk.withUnsafeMutableBufferPointer { buffer in
                    unsafe stream.next_out = buffer.baseAddress
                    unsafe stream.avail_out = UInt32(buffer.count)
                    let code = unsafe CZlib.inflate(&stream, Z_NO_FLUSH)
                    return unsafe (code, buffer.count - Int(stream.avail_out))
                }
                guard output.count + made <= outputMax else { throw .tooLarge(limit: outputMax) }
                output.append(contentsOf: chunk[..<made])
                switch code {
                case Z_OK: continue
                case Z_STREAM_END:
                    if unsafe stream.avail_in == 0 { return output }
                    // RFC 1952 §2.2: a file is a series of members.
                    unsafe inflateReset(&stream)
                case Z_BUF_ERROR: throw .truncated
                default:
                    let detail = if let message = unsafe stream.msg { unsafe String(cString: message) } else { "code \(code)" }
                    throw .damaged(detail)
                }
            }
        }
    }

    /// Whether the bytes begin as a gzip member does.
    package static func isGzip(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x1F, 0x8B]) }
}

/// Why packed bytes, by gzip or zstd, were refused.
package enum PackingError: Error, Sendable, Hashable, CustomStringConvertible {
    /// More than the limit would come out; nothing of it is used.
    case tooLarge(limit: Int)
    /// The last member is not complete.
    case truncated
    /// Not gzip, or changed on the way; the sentence is zlib's.
    case damaged(String)

    package var description: String {
        switch self {
        case .tooLarge(let limit): "the body inflates to more than \(limit) bytes: send smaller batches, or raise the limit"
        case .truncated: "the packed body ends too early: send it whole"
        case .damaged(let detail): "the body is not well packed (\(detail)): compress it again"
        }
    }

    /// A metric label; never holds a value.
    package var label: StaticString {
        switch self {
        case .tooLarge: "too_large"
        case .truncated: "truncated"
        case .damaged: "damaged"
        }
    }
}
