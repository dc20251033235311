import CZlib
import CZstd

/// gzip. Source: RFC 1952.
@safe final class GzipInflater: Inflating {
    private let stream: UnsafeMutablePointer<z_stream>
    private(set) var isBetweenMembers = false

    init?() {
        unsafe stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
        unsafe stream.initialize(to: z_stream())
        // Window bits 15 + 16: gzip.
        guard unsafe inflateInit2_(stream, 31, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size)) == Z_OK else {
            unsafe stream.deallocate()
            return nil
        }
    }

    deinit {
        unsafe inflateEnd(stream)
        unsafe stream.deallocate()
    }

    func reset() {
        unsafe inflateReset(stream)
        isBetweenMembers = false
    }

    func inflate(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> (taken: Int, made: Int)? {
        unsafe stream.pointee.next_in = UnsafeMutablePointer(mutating: input.bindMemory(to: UInt8.self).baseAddress)
        unsafe stream.pointee.avail_in = UInt32(input.count)
        unsafe stream.pointee.next_out = output.bindMemory(to: UInt8.self).baseAddress
        unsafe stream.pointee.avail_out = UInt32(output.count)
        let code = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
        guard code == Z_OK || code == Z_BUF_ERROR || code == Z_STREAM_END else { return nil }
        isBetweenMembers = code == Z_STREAM_END
        if isBetweenMembers { unsafe inflateReset(stream) }
        return unsafe (input.count - Int(stream.pointee.avail_in), output.count - Int(stream.pointee.avail_out))
    }
}

/// zstd. Source: RFC 8878.
@safe final class ZstdInflater: Inflating {
    private let stream: OpaquePointer
    private(set) var isBetweenMembers = false

    /// A window of 16 MiB: what `zstd -19` makes is read, what `--long` and `--ultra` make is not.
    private static let windowLogMax: Int32 = 24

    init?() {
        guard let stream = unsafe ZSTD_createDCtx() else { return nil }
        unsafe self.stream = stream
        unsafe ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, Self.windowLogMax)
    }

    deinit { unsafe ZSTD_freeDCtx(stream) }

    func reset() {
        unsafe ZSTD_DCtx_reset(stream, ZSTD_reset_session_only)
        isBetweenMembers = false
    }

    func inflate(_ input: UnsafeRawBufferPointer, into output: UnsafeMutableRawBufferPointer) -> (taken: Int, made: Int)? {
        var source = unsafe ZSTD_inBuffer(src: input.baseAddress, size: input.count, pos: 0)
        var target = unsafe ZSTD_outBuffer(dst: output.baseAddress, size: output.count, pos: 0)
        let code = unsafe ZSTD_decompressStream(stream, &target, &source)
        guard ZSTD_isError(code) == 0 else { return nil }
        isBetweenMembers = code == 0
        return unsafe (source.pos, target.pos)
    }
}
