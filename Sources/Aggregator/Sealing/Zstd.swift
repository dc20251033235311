import CZstd

/// Zstandard over libzstd, for arrivals in the journal and the frames of sealed blocks.
package enum Zstd {
    /// One frame; nil when libzstd refuses or the frame is not smaller than the bytes.
    package static func compress(_ bytes: [UInt8], level: Int32 = 1) -> [UInt8]? {
        let bound = ZSTD_compressBound(bytes.count)
        let frame = unsafe [UInt8](unsafeUninitializedCapacity: bound) { output, count in
            let code = unsafe bytes.withUnsafeBytes { input in
                unsafe ZSTD_compress(output.baseAddress, bound, input.baseAddress, input.count, level)
            }
            count = ZSTD_isError(code) == 0 ? code : 0
        }
        return frame.isEmpty || frame.count >= bytes.count ? nil : frame
    }

    /// Exactly `length` bytes, or nil: the frame is damaged.
    package static func decompress(_ frame: [UInt8], length: Int) -> [UInt8]? {
        // The frame says how much is in it: a damaged length takes no memory.
        let size = unsafe frame.withUnsafeBytes { unsafe ZSTD_getFrameContentSize($0.baseAddress, $0.count) }
        guard length >= 0, size == UInt64(length) else { return nil }
        let bytes = unsafe [UInt8](unsafeUninitializedCapacity: length) { output, count in
            let code = unsafe frame.withUnsafeBytes { input in
                unsafe ZSTD_decompress(output.baseAddress, length, input.baseAddress, input.count)
            }
            count = ZSTD_isError(code) == 0 ? code : 0
        }
        return bytes.count == length ? bytes : nil
    }
}
