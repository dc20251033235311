import CZstd

/// Zstandard over libzstd (RFC 8878): batches on the wire, arrivals in the journal, the frames of sealed blocks.
package enum Zstd {
    /// One frame, which says how long its bytes are. The same bytes give the same frame with the same libzstd.
    /// - Parameter hashLog: how many places are remembered where a match may begin, as a power of two; nil: as many as the level says.
    package static func frame(_ bytes: [UInt8], level: Int32 = 1, hashLog: Int32? = nil) -> [UInt8] {
        // Made for each call: kept, its tables would be most of what an idle agent holds.
        ZstdPacker().frame(bytes, level: level, hashLog: hashLog)
    }

    /// A frame that holds a few bytes as they are: RFC 8878, 3.1.1, a single segment with a size of one byte, a last block that is raw. Nil for more than 255
    /// and for none.
    package static func shortFrame(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        guard (1...255).contains(bytes.count) else { return nil }
        let block = bytes.count << 3 | 1
        return [0x28, 0xB5, 0x2F, 0xFD, 0x20, UInt8(bytes.count), UInt8(block & 0xFF), UInt8(block >> 8), 0] + bytes
    }

    /// One frame; nil when it is not smaller than the bytes.
    package static func compress(_ bytes: [UInt8], level: Int32 = 1, hashLog: Int32? = nil) -> [UInt8]? {
        let frame = frame(bytes, level: level, hashLog: hashLog)
        return frame.count >= bytes.count ? nil : frame
    }

    /// Exactly `length` bytes, or nil: the frame is damaged.
    package static func decompress(_ frame: [UInt8], length: Int) -> [UInt8]? { ZstdUnpacker().bytes(of: frame.span, length: length) }

    /// Whether the bytes begin as a frame does.
    package static func isFrame(_ bytes: [UInt8]) -> Bool { bytes.starts(with: [0x28, 0xB5, 0x2F, 0xFD]) }

    /// What the frames of these bytes hold together, as each of them says; nil: one does not say it, is not whole, or is no frame.
    package static func announcedBytes(_ frames: [UInt8]) -> Int? {
        unsafe frames.withUnsafeBytes { input in
            var (read, total) = (0, 0)
            while read < input.count {
                let (start, left) = unsafe (input.baseAddress.unsafelyUnwrapped + read, input.count - read)
                let (size, length) = unsafe (ZSTD_getFrameContentSize(start, left), ZSTD_findFrameCompressedSize(start, left))
                // The two highest values say that it is unknown, or that this is no frame.
                guard size < UInt64(Int64.max) - UInt64(total), ZSTD_isError(length) == 0, length > 0 else { return nil }
                (read, total) = (read + length, total + Int(size))
            }
            return total
        }
    }

    /// Where the frames lie that hold the bytes up to each of `ends`; nil: one of these lies inside of a frame, or something is no frame.
    /// - Parameter ends: ascending, of the inflated bytes.
    package static func parts(_ frames: [UInt8], endingAt ends: [Int]) -> [Range<Int>]? {
        unsafe frames.withUnsafeBytes { input in
            var (start, read, inflated) = (0, 0, 0)
            var parts = [Range<Int>]()
            for end in ends {
                while inflated < end, read < input.count {
                    let (place, left) = unsafe (input.baseAddress.unsafelyUnwrapped + read, input.count - read)
                    let (size, length) = unsafe (ZSTD_getFrameContentSize(place, left), ZSTD_findFrameCompressedSize(place, left))
                    guard size <= UInt64(end - inflated), ZSTD_isError(length) == 0, length > 0 else { return nil }
                    (read, inflated) = (read + length, inflated + Int(size))
                }
                guard inflated == end else { return nil }
                parts.append(start..<read)
                start = read
            }
            return parts
        }
    }

    /// All frames into room for exactly what they announce, with zeros behind it; nil: they are damaged.
    /// - Parameter announced: from ``announcedBytes(_:)``.
    package static func inflate(_ frames: [UInt8], announced: Int, padding: Int = 0) -> [UInt8]? {
        var isWhole = false
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: announced + padding) { output, count in
            // libzstd goes from one frame to the next by itself.
            let code = unsafe frames.withUnsafeBytes { unsafe ZSTD_decompress(output.baseAddress, announced, $0.baseAddress, $0.count) }
            isWhole = ZSTD_isError(code) == 0 && code == announced
            guard isWhole else { return }
            for index in announced..<announced + padding { unsafe output[index] = 0 }
            count = announced + padding
        }
        return isWhole ? bytes : nil
    }
}

/// What libzstd needs to make frames, some hundred kilobytes, for whoever makes many in a row. One frame at a time.
@safe package final class ZstdPacker {
    private let context: OpaquePointer

    package init() {
        guard let context = unsafe ZSTD_createCCtx() else { preconditionFailure("libzstd cannot start: out of memory") }
        unsafe self.context = context
    }

    deinit { unsafe ZSTD_freeCCtx(context) }

    /// As ``Zstd/frame(_:level:hashLog:)``.
    package func frame(_ bytes: [UInt8], level: Int32 = 1, hashLog: Int32? = nil) -> [UInt8] {
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, level)
        // 0: as the level says.
        unsafe ZSTD_CCtx_setParameter(context, ZSTD_c_hashLog, hashLog ?? 0)
        let bound = ZSTD_compressBound(bytes.count)
        return unsafe [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            count = unsafe bytes.withUnsafeBytes { input in
                unsafe ZSTD_compress2(context, output.baseAddress, bound, input.baseAddress, input.count)
            }
            // There is room for everything: what is left is that there is no memory.
            precondition(ZSTD_isError(count) == 0, "libzstd cannot compress \(bytes.count) bytes at level \(level): out of memory")
        }
    }
}

/// What libzstd needs to inflate frames, some hundred kilobytes, for whoever inflates several in a row. One frame at a time.
@safe package final class ZstdUnpacker {
    private let context: OpaquePointer

    package init() {
        guard let context = unsafe ZSTD_createDCtx() else { preconditionFailure("libzstd cannot start: out of memory") }
        unsafe self.context = context
    }

    deinit { unsafe ZSTD_freeDCtx(context) }

    /// Exactly `length` bytes, or nil: the frame is damaged.
    package func bytes(of frame: Span<UInt8>, length: Int) -> [UInt8]? {
        // The frame says how much is in it: a damaged length takes no memory.
        let size = unsafe frame.withUnsafeBytes { unsafe ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        guard length >= 0, size == UInt64(length) else { return nil }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: length) { output, count in
            let code = unsafe frame.withUnsafeBytes { input in
                unsafe ZSTD_decompressDCtx(context, output.baseAddress, length, input.baseAddress, input.count)
            }
            count = ZSTD_isError(code) == 0 ? code : 0
        }
        return bytes.count == length ? bytes : nil
    }
}
